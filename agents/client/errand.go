package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

// Command is what Execute runs in a machine.
type Command struct {
	// Arguments, the first of which is the program.
	Arguments []string
	// Directory on the machine; empty for the one that the machine's own commands run in.
	Directory string
	// Input for the command; nil for none.
	Input io.Reader
	// Stdout and Stderr get what it printed, once it has ended.
	Stdout, Stderr io.Writer
}

// Execute runs a command in a machine of a deployment and returns its exit code. When the context ends first, the command
// goes on, and the error is of class Unknown.
func (c *Client) Execute(ctx context.Context, name, machine string, command Command) (int, error) {
	asked := proto.DeploymentCommand{
		Verb: proto.DeploymentExecute, Name: name, Machine: machine,
		Errand: &proto.Errand{Arguments: command.Arguments, Directory: command.Directory},
	}
	if command.Input != nil {
		if err := c.withInput(ctx, &asked, command.Input); err != nil {
			return 0, err
		}
	}
	done, err := c.errand(ctx, asked)
	if err != nil {
		return 0, err
	}
	for stream, output := range map[string]io.Writer{proto.StreamStdout: command.Stdout, proto.StreamStderr: command.Stderr} {
		if err := c.copyStream(ctx, done, stream, output); err != nil {
			return 0, err
		}
	}
	return done.result.Exit, nil
}

// withInput puts an input into a command: a short one as it is, a long one by way of the object store.
func (c *Client) withInput(ctx context.Context, asked *proto.DeploymentCommand, input io.Reader) error {
	begin, err := io.ReadAll(io.LimitReader(input, proto.MaxPage))
	if err != nil {
		return fmt.Errorf("read the input: %w", err)
	}
	if len(begin) < proto.MaxPage {
		asked.Errand.Input = begin
		return nil
	}
	return c.withUpload(ctx, asked, func(file io.Writer) error {
		if _, err := file.Write(begin); err != nil {
			return err
		}
		_, err := io.Copy(file, input)
		return err
	})
}

// withUpload puts what write writes into the deployer's object store, from which it is taken and deleted.
func (c *Client) withUpload(ctx context.Context, asked *proto.DeploymentCommand, write func(io.Writer) error) error {
	file, err := os.CreateTemp("", "agency-upload-*")
	if err != nil {
		return fmt.Errorf("make room for the upload: %w", err)
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}()
	hash := sha256.New()
	if err := write(io.MultiWriter(file, hash)); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the upload: %w", err)
	}
	asked.Upload, asked.Errand.Digest = "errand-"+ulid.Make().String(), hex.EncodeToString(hash.Sum(nil))
	if _, _, err := c.peer.PutObject(ctx, uploadOwner, asked.Upload, file); err != nil {
		return &Error{Code: CodeUnreachable, Message: fmt.Sprintf("cannot be uploaded: %v", err), cause: err}
	}
	return nil
}

// doneErrand is an errand that was done, and the vendor that did it.
type doneErrand struct {
	id, vendor string
	result     proto.ErrandResult
}

// askErrandAgain is the least time between two requests of an errand's end. Vendors hold them back for longer.
const askErrandAgain = 250 * time.Millisecond

// errand has something done in a machine, once, and waits for its end.
func (c *Client) errand(ctx context.Context, asked proto.DeploymentCommand) (doneErrand, error) {
	machine, err := c.Machine(ctx, asked.Name, asked.Machine)
	if err != nil {
		return doneErrand{}, err
	}
	message, err := newMessage(deployer, proto.Request, proto.RequestProtocol, asked)
	if err != nil {
		return doneErrand{}, err
	}
	ticker := time.NewTicker(askErrandAgain)
	defer ticker.Stop()
	for begun := false; ; {
		answer, err := c.begin(ctx, message)
		switch {
		case ctx.Err() != nil:
			return doneErrand{}, unanswered(deployer, true, ctx.Err())
		case !begun && errors.Is(err, bus.ErrAbsent), errors.Is(err, bus.ErrForbidden):
			return doneErrand{}, err
		case err == nil && answer.Performative == proto.Agree:
			begun = true
		case err == nil && !(begun && refusedForNow(answer)):
			outcome, err := contentOf[proto.Outcome](deployer, answer)
			if err == nil && outcome.Errand == nil {
				outcome.Errand = &proto.ErrandResult{}
			}
			if err != nil {
				return doneErrand{}, err
			}
			return doneErrand{message.Command, machine.Vendor, *outcome.Errand}, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return doneErrand{}, unanswered(deployer, true, ctx.Err())
		}
	}
}

// refusedForNow says whether an answer tells of somebody's absence alone.
func refusedForNow(answer proto.Message) bool {
	return answer.Performative == proto.Refuse && refusedClass(answer) == Unreachable
}

func refusedClass(answer proto.Message) Class { return refused("", refusalIn(answer)).Class() }

// copyStream writes what an errand left behind in a stream, and makes sure that it is what the vendor has told of.
func (c *Client) copyStream(ctx context.Context, done doneErrand, stream string, output io.Writer) error {
	told := done.result.Streams[stream]
	hash := sha256.New()
	both := io.MultiWriter(output, hash)
	if _, err := both.Write(told.Text); err != nil {
		return fmt.Errorf("write %s: %w", stream, err)
	}
	asked := proto.Question{Topic: proto.TopicOutput, Subject: done.id, Stream: stream, Offset: int64(len(told.Text))}
	for asked.Offset < told.Size {
		page, err := question[proto.ConsolePage](ctx, c, proto.Vendor(done.vendor), asked)
		if err != nil {
			return err
		}
		if _, err := both.Write(page.Text); err != nil {
			return fmt.Errorf("write %s: %w", stream, err)
		}
		if asked.Offset = page.End; len(page.Text) == 0 {
			break
		}
	}
	if hex.EncodeToString(hash.Sum(nil)) != told.Digest {
		return &Error{
			Code: CodeFailed, At: proto.Vendor(done.vendor).String(), Message: stream + " is not what the machine gave",
			Hint: "try again",
		}
	}
	return nil
}
