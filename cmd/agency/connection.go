package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
)

// connection says how to reach a running agency. It stands in a file in the agency's data directory that only its owner
// may read.
type connection struct {
	URL string `json:"url"`
	// Credentials is the path of the client's credentials file.
	Credentials string           `json:"credentials"`
	Data        string           `json:"data,omitempty"`
	Process     process.Identity `json:"process,omitzero"`
	Started     time.Time        `json:"started,omitzero"`
}

// target are the flags of every verb that talks to an agency.
type target struct {
	NATS        string `name:"nats" placeholder:"URL" group:"target" help:"Address of the bus."`
	Credentials string `placeholder:"FILE" group:"target" help:"Credentials to show there."`
	Connection  string `placeholder:"FILE" group:"target" help:"Connection file of a running agency."`
}

const (
	connectionFile = "connection.json"
	pointerFile    = "current"
	startHint      = "`agency up` starts one, `agency demo --keep` one with three vendors and something on it"
)

// connect connects to the agency that the flags, the environment or the pointer name. The caller closes.
func (s *session) connect(ctx context.Context, target target) (*client.Client, func(), error) {
	found, err := s.find(target)
	if err != nil {
		return nil, nil, err
	}
	peer, err := dial(ctx, found, zap.NewNop())
	if err != nil {
		return nil, nil, err
	}
	return client.New(peer), func() { _ = peer.Close() }, nil
}

// dialWithin bounds the time to a connection.
const dialWithin = 5 * time.Second

func dial(ctx context.Context, found connection, log *zap.Logger) (*bus.Peer, error) {
	credentials, err := bus.LoadCredentials(found.Credentials)
	if err != nil {
		return nil, &client.Error{
			Code: client.CodeBadInput, At: found.Credentials, Message: "credentials cannot be read: " + err.Error(),
			Hint: "`agency enrol ROLE NAME` makes them",
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	peer, err := bus.Connect(ctx, bus.Options{URL: found.URL, Credentials: credentials, Log: log})
	if err != nil {
		return nil, &client.Error{
			Code: client.CodeUnreachable, At: found.URL, Message: "the bus cannot be reached: " + err.Error(), Hint: startHint,
		}
	}
	return peer, nil
}

// find says which agency is meant.
func (s *session) find(target target) (connection, error) {
	url, credentials := s.or(target.NATS, "AGENCY_NATS"), s.or(target.Credentials, "AGENCY_CREDENTIALS")
	if url != "" && credentials != "" {
		return connection{URL: url, Credentials: credentials}, nil
	}
	if url != "" {
		return connection{}, badInput("give --credentials FILE or set AGENCY_CREDENTIALS; `agency enrol client NAME` makes one",
			"the bus at %s wants credentials", url)
	}
	found, err := s.findRunning(s.or(target.Connection, "AGENCY_CONNECTION"))
	if err == nil && credentials != "" {
		found.Credentials = credentials
	}
	return found, err
}

// findRunning reads a connection file, by default the one that the pointer names, and makes sure that whoever left it
// still runs.
func (s *session) findRunning(file string) (connection, error) {
	if file == "" {
		pointer := s.pointer()
		content, err := os.ReadFile(pointer)
		if err != nil {
			return connection{}, &client.Error{
				Code: client.CodeUnreachable, Message: "no agency is running that I know of", Hint: startHint,
			}
		}
		file = strings.TrimSpace(string(content))
	}
	found, err := readConnection(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return found, &client.Error{
			Code: client.CodeUnreachable, Message: "no agency is running: the one that was has gone, and " + file + " with it",
			Hint: startHint,
		}
	case err != nil:
		return found, &client.Error{Code: client.CodeBadInput, At: file, Message: err.Error()}
	case found.Process.PID != 0 && !found.Process.Alive():
		return found, &client.Error{
			Code: client.CodeUnreachable,
			Message: fmt.Sprintf("no agency is running: the one in %s (process %d) has ended without a word",
				found.Data, found.Process.PID),
			Hint: "`agency up --data " + found.Data + "` starts it again; what it had created still stands",
		}
	}
	return found, nil
}

func readConnection(file string) (connection, error) {
	var found connection
	content, err := os.ReadFile(file)
	if err != nil {
		return found, err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&found); err != nil || found.URL == "" {
		return found, errors.New("is not a connection file")
	}
	return found, nil
}

// leave writes the connection file and points to it; the function returned takes both away again, and points to the
// agency that was pointed to before if that still runs.
func (s *session) leave(left connection) (func(), error) {
	file := filepath.Join(left.Data, connectionFile)
	content, err := json.MarshalIndent(left, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := writeOwn(file, append(content, '\n')); err != nil {
		return nil, err
	}
	pointer := s.pointer()
	before, _ := os.ReadFile(pointer) // none is as good as one that cannot be read
	if err := writeOwn(pointer, []byte(file+"\n")); err != nil {
		return nil, err
	}
	return func() {
		_ = os.Remove(file)
		content, err := os.ReadFile(pointer)
		if err != nil || strings.TrimSpace(string(content)) != file {
			return // another agency's by now
		}
		if former, err := readConnection(strings.TrimSpace(string(before))); err == nil && former.Process.Alive() {
			_ = writeOwn(pointer, before)
			return
		}
		_ = os.Remove(pointer)
	}, nil
}

// writeOwn puts a file in place in one step, readable by its owner only.
func writeOwn(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// or is a flag's value or, without one, a variable's.
func (s *session) or(flag, variable string) string {
	if flag != "" {
		return flag
	}
	return s.env(variable)
}

// stateDirectory is where the program remembers things between runs: $XDG_STATE_HOME/agency.
func (s *session) stateDirectory() string {
	if home := s.env("XDG_STATE_HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, "agency")
	}
	return filepath.Join(s.env("HOME"), ".local", "state", "agency")
}

func (s *session) pointer() string { return filepath.Join(s.stateDirectory(), pointerFile) }
