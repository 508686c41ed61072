package keeper

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// lastWords is how long after a command's end what it has left behind may go on writing to its output.
const lastWords = 250 * time.Millisecond

// Execute lets the keeper of a running machine run a command there, and returns its exit code. The command is killed when
// the context ends, and with the machine.
func Execute(
	ctx context.Context, directory record.Directory, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	status, alive, err := Look(directory)
	switch {
	case err != nil:
		return 0, err
	case !alive || status.Phase != record.Running:
		return 0, fmt.Errorf("the machine does not run: %w", vendormodules.ErrConflict)
	case status.Token == "":
		return 0, fmt.Errorf("the machine was started by an earlier version of the agency, reboot it: %w", vendormodules.ErrConflict)
	}
	asked := order{
		Token: status.Token, Arguments: command.Arguments,
		Directory: filepath.Join(directory.Root(), filepath.Clean("/"+command.Directory)),
	}
	connection, err := dial(ctx, directory)
	if err != nil {
		return 0, fmt.Errorf("reach the machine's keeper: %w: %w", err, vendormodules.ErrConflict)
	}
	defer connection.Close()                                      //nolint:errcheck // everything was said
	stop := context.AfterFunc(ctx, func() { connection.Close() }) //nolint:errcheck // the keeper kills the command then
	defer stop()
	carried := &carriers{}
	defer carried.end()
	if err := carried.begin(command.Input, stdout, stderr); err != nil {
		return 0, err
	}
	told, err := visitKeeper(connection, asked, carried)
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
		return 0, fmt.Errorf("the machine's keeper does not say how it ended: %w", err)
	case told.Fault != "":
		return 0, fmt.Errorf("%s: %w", told.Fault, vendormodules.ErrConflict)
	}
	return told.Exit, carried.finish()
}

func dial(ctx context.Context, directory record.Directory) (*net.UnixConn, error) {
	opened, err := os.Open(string(directory))
	if err != nil {
		return nil, err
	}
	defer opened.Close() // only read
	connection, err := (&net.Dialer{}).DialContext(ctx, "unix", controlPath(opened))
	if err != nil {
		return nil, err
	}
	return connection.(*net.UnixConn), nil
}

// visitKeeper hands over an order and waits for its end.
func visitKeeper(connection *net.UnixConn, asked order, carried *carriers) (ending, error) {
	text, err := json.Marshal(asked)
	if err != nil {
		return ending{}, err
	}
	if len(text) > maxOrder {
		return ending{}, fmt.Errorf("the command is longer than %d bytes: %w", maxOrder, vendormodules.ErrInvalid)
	}
	length := binary.BigEndian.AppendUint32(nil, uint32(len(text)))
	descriptors := make([]int, len(carried.given))
	for i, file := range carried.given {
		descriptors[i] = int(file.Fd())
		if err := unix.SetNonblock(descriptors[i], false); err != nil { // programs do not expect otherwise
			return ending{}, err
		}
	}
	if _, _, err := connection.WriteMsgUnix(length, unix.UnixRights(descriptors...), nil); err != nil {
		return ending{}, err
	}
	carried.handedOver()
	if _, err := connection.Write(text); err != nil {
		return ending{}, err
	}
	answered, err := io.ReadAll(connection)
	var told ending
	if err == nil {
		err = json.Unmarshal(answered, &told)
	}
	return told, err
}

// carriers carry a command's input to it and its output from it, by pipes of which the command has the other ends.
type carriers struct {
	given, kept []*os.File
	output      sync.WaitGroup
	all         sync.WaitGroup
	mutex       sync.Mutex
	failure     error
}

func (c *carriers) begin(input io.Reader, stdout, stderr io.Writer) error {
	if input == nil {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		c.given = append(c.given, null)
	} else {
		reading, writing, err := os.Pipe()
		if err != nil {
			return err
		}
		c.given, c.kept = append(c.given, reading), append(c.kept, writing)
		c.all.Go(func() {
			io.Copy(writing, input) //nolint:errcheck // the command need not read all
			writing.Close()
		})
	}
	for _, output := range []io.Writer{stdout, stderr} {
		reading, writing, err := os.Pipe()
		if err != nil {
			return err
		}
		c.given, c.kept = append(c.given, writing), append(c.kept, reading)
		c.output.Add(1)
		c.all.Go(func() {
			defer c.output.Done()
			if _, err := io.Copy(output, reading); err != nil && !errors.Is(err, fs.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
				c.mutex.Lock()
				c.failure = errors.Join(c.failure, err)
				c.mutex.Unlock()
			}
		})
	}
	return nil
}

// handedOver lets go of the command's ends, which it has itself by now.
func (c *carriers) handedOver() {
	for _, file := range c.given {
		file.Close() // the command's
	}
	c.given = nil
}

// finish waits for the output of a command that has ended, and not for long for that of what it has left behind.
func (c *carriers) finish() error {
	deadline := time.Now().Add(lastWords)
	for _, file := range c.kept {
		file.SetReadDeadline(deadline) //nolint:errcheck // a pipe has deadlines
	}
	c.output.Wait()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.failure
}

// end closes everything and waits for the carriers. An input that does not end by itself is the caller's to end.
func (c *carriers) end() {
	c.handedOver()
	for _, file := range c.kept {
		file.Close() // nobody is there any more
	}
	c.all.Wait()
}
