package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/cloudinit"
)

// Machine is where a machine is reached.
type Machine struct {
	// Address with its port.
	Address string
	// Key of the request that the machine was made for.
	Key string
	// User to log in as; root if empty.
	User string
}

// Closed is the note of a module whose configuration does not ask for a way into machines.
const Closed = "no execute and no files once a machine runs: they go by SSH, if the configuration says ssh: true"

// Find looks a machine up by the cloud's id. ErrNotFound where there is none, ErrConflict where it does not run.
type Find func(ctx context.Context, id string) (Machine, error)

// Access is the way into the machines of an account.
type Access struct {
	keys func() (Keys, error)
	find Find
}

var (
	_ vendormodules.Executor = (*Access)(nil)
	_ vendormodules.Files    = (*Access)(nil)
)

// New makes a way into the machines that find knows.
func New(keys Keys, find Find) *Access {
	return &Access{func() (Keys, error) { return keys, nil }, find}
}

// Open makes a way into the machines that find knows, with the keys that a module keeps in its directory. They are made at
// the first use.
func Open(directory string, find Find) *Access {
	return &Access{func() (Keys, error) { return OpenKeys(filepath.Join(directory, "ssh.key")) }, find}
}

// Admit has a machine that is being made let the account in, and gives its SSH server a key that the account knows.
func (a *Access) Admit(machine *cloudinit.Machine) error {
	keys, err := a.keys()
	if err != nil {
		return err
	}
	login, err := keys.Login()
	if err != nil {
		return err
	}
	machine.RootKeys = append(machine.RootKeys, login)
	machine.HostKey, err = keys.HostKey(machine.Request.Key)
	return err
}

// handshake is how long a server may take to answer.
const handshake = 15 * time.Second

// errHostKey is that of a server that is not the machine's.
var errHostKey = errors.New("the SSH server there has another key than the machine was given")

// session opens a session in a machine. Closing it closes the connection, which also ends with the context.
func (a *Access) session(ctx context.Context, id string) (*session, error) {
	machine, err := a.find(ctx, id)
	if err != nil {
		return nil, err
	}
	client, err := a.dial(ctx, machine)
	if err != nil {
		return nil, fmt.Errorf("reach %s at %s by SSH: %w", id, machine.Address, err)
	}
	opened, err := client.NewSession()
	if err != nil {
		client.Close() //nolint:errcheck // it is of no use
		return nil, fmt.Errorf("open a session in %s: %w: %w", id, err, vendormodules.ErrTransient)
	}
	s := &session{Session: opened, client: client}
	s.release = context.AfterFunc(ctx, s.kill)
	return s, nil
}

func (a *Access) dial(ctx context.Context, machine Machine) (*ssh.Client, error) {
	keys, err := a.keys()
	if err != nil {
		return nil, err
	}
	login, err := keys.signer("login")
	if err != nil {
		return nil, err
	}
	host, err := keys.signer("host " + machine.Key)
	if err != nil {
		return nil, err
	}
	connection, err := connect(ctx, machine.Address)
	if err != nil {
		return nil, err
	}
	release := context.AfterFunc(ctx, func() { connection.Close() })
	defer release()
	if err := connection.SetDeadline(time.Now().Add(handshake)); err != nil {
		connection.Close()
		return nil, fmt.Errorf("%w: %w", err, vendormodules.ErrTransient)
	}
	expected := ssh.FixedHostKey(host.PublicKey())
	secured, channels, requests, err := ssh.NewClientConn(connection, machine.Address, &ssh.ClientConfig{
		User: cmp.Or(machine.User, "root"), Auth: []ssh.AuthMethod{ssh.PublicKeys(login)}, HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
		HostKeyCallback: func(name string, address net.Addr, key ssh.PublicKey) error {
			if expected(name, address, key) != nil {
				return errHostKey
			}
			return nil
		},
	})
	if err == nil {
		err = connection.SetDeadline(time.Time{})
	}
	if err != nil {
		connection.Close()
		return nil, cmp.Or(ctx.Err(), refused(err))
	}
	return ssh.NewClient(secured, channels, requests), nil
}

// A machine that has just begun to run has no server yet: patience is how long it is waited for, and retryEvery how often
// it is looked for meanwhile.
const (
	patience   = time.Minute
	retryEvery = 500 * time.Millisecond
)

// connect reaches the server of a machine.
func connect(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{
		Timeout:         handshake,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	for {
		connection, err := dialer.DialContext(within, "tcp", address)
		switch {
		case err == nil:
			return connection, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.EHOSTUNREACH):
			return nil, fmt.Errorf("%w: %w", err, vendormodules.ErrTransient)
		}
		select {
		case <-ticker.C:
		case <-within.Done():
			return nil, cmp.Or(ctx.Err(), fmt.Errorf("%w: %w", err, vendormodules.ErrTransient))
		}
	}
}

// refused maps the error of a handshake.
func refused(err error) error {
	if errors.Is(err, errHostKey) || strings.Contains(err.Error(), "unable to authenticate") {
		return fmt.Errorf("%w: %w", err, vendormodules.ErrAuthentication)
	}
	return fmt.Errorf("%w: %w", err, vendormodules.ErrTransient)
}

// session is one command in one machine.
type session struct {
	*ssh.Session
	client  *ssh.Client
	release func() bool
}

// kill ends the command and the connection.
func (s *session) kill() {
	_ = s.Signal(ssh.SIGKILL) // a server that does not know of it ends the command with the connection, if at all
	s.client.Close()          //nolint:errcheck // nobody waits for it any longer
}

// Close ends the session.
func (s *session) Close() error {
	s.release()
	_ = s.Session.Close() // io.EOF where the command has ended already
	err := s.client.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Execute implements vendormodules.Executor.
func (a *Access) Execute(ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer) (int, error) {
	if len(command.Arguments) == 0 {
		return 0, fmt.Errorf("execute in %s: no program: %w", id, vendormodules.ErrInvalid)
	}
	session, err := a.session(ctx, id)
	if err != nil {
		return 0, err
	}
	defer session.Close() //nolint:errcheck // the command's end is known
	session.Stdout, session.Stderr = stdout, stderr
	if command.Input != nil {
		input, err := session.StdinPipe()
		if err != nil {
			return 0, fmt.Errorf("execute in %s: %w: %w", id, err, vendormodules.ErrTransient)
		}
		fed := make(chan struct{})
		go func() {
			defer close(fed)
			_, _ = io.Copy(input, command.Input) // a command need not read to the end
			_ = input.Close()
		}()
		if reader, ok := command.Input.(io.Closer); ok {
			defer func() { <-fed }()
			defer reader.Close()
		}
	}
	exit, err := exitCode(session.Run(line(command)))
	if err != nil {
		return 0, fmt.Errorf("execute in %s: %w", id, cmp.Or(ctx.Err(), fmt.Errorf("%w: %w", err, vendormodules.ErrTransient)))
	}
	if err := ctx.Err(); err != nil && exit == signalled+9 {
		return 0, fmt.Errorf("execute in %s: %w", id, err)
	}
	return exit, nil
}

// line is what a machine's shell is given: the command as the machine's own, with their environment.
func line(command vendormodules.Command) string {
	var script strings.Builder
	script.WriteString("[ ! -r /var/lib/agency/environment ] || . /var/lib/agency/environment; cd ")
	script.WriteString(cloudinit.Quote(cmp.Or(command.Directory, "/")))
	script.WriteString(" && exec")
	for _, argument := range command.Arguments {
		script.WriteString(" " + cloudinit.Quote(argument))
	}
	return "exec /bin/sh -c " + cloudinit.Quote(script.String())
}

// signalled is added to a signal's number, as shells do.
const signalled = 128

// signals are the numbers of those that the protocol names.
func signals() map[string]int {
	return map[string]int{
		"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10, "SEGV": 11,
		"USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15,
	}
}

// exitCode is that of a command that ended.
func exitCode(err error) (int, error) {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return 0, err
	case exit.Signal() != "":
		return signalled + signals()[exit.Signal()], nil
	}
	return exit.ExitStatus(), nil
}
