// Package remotetest is an SSH server as there is one in a machine: it lets one key in, and runs whatever it is asked to.
// Tests have it in their own process, and the testbed's guest in a real machine.
package remotetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// Server is an SSH server.
type Server struct{ config *ssh.ServerConfig }

// New makes a server with a private key, as OpenSSH writes it, that lets in whoever has one of the authorized keys, as in
// authorized_keys.
func New(private, authorized []byte) (*Server, error) {
	host, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	var allowed []string
	for line := range bytes.Lines(authorized) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(line)
		if err != nil {
			return nil, fmt.Errorf("authorized key: %w", err)
		}
		allowed = append(allowed, string(key.Marshal()))
	}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !slices.Contains(allowed, string(key.Marshal())) {
				return nil, errors.New("a stranger")
			}
			return &ssh.Permissions{}, nil
		},
	}
	config.AddHostKey(host)
	return &Server{config}, nil
}

// Serve serves a listener until that is closed, and returns when the last who came has gone.
func (s *Server) Serve(listener net.Listener) {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		serving.Go(func() { s.talk(connection) })
	}
}

func (s *Server) talk(connection net.Conn) {
	defer connection.Close()
	server, channels, requests, err := ssh.NewServerConn(connection, s.config)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // nobody is there any longer
	var sessions sync.WaitGroup
	defer sessions.Wait()
	sessions.Go(func() { ssh.DiscardRequests(requests) })
	for opened := range channels {
		channel, asked, err := opened.Accept()
		if err != nil {
			return
		}
		sessions.Go(func() { run(channel, asked) })
	}
}

// run runs the command that a session asks for, and sends it the signals.
func run(channel ssh.Channel, asked <-chan *ssh.Request) {
	var command *exec.Cmd
	var running sync.WaitGroup
	for request := range asked {
		switch {
		case request.Type == "exec" && command == nil:
			command = exec.Command("/bin/sh", "-c", string(request.Payload[4:])) //nolint:gosec,noctx // that is what it is for, till the session ends
			command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			command.Stdout, command.Stderr = channel, channel.Stderr()
			input, err := command.StdinPipe()
			if err == nil {
				err = command.Start()
			}
			_ = request.Reply(err == nil, nil)
			if err != nil {
				_ = channel.Close()
				continue
			}
			go func() { // ends with the channel
				_, _ = io.Copy(input, channel)
				_ = input.Close()
			}()
			running.Go(func() {
				_ = command.Wait()
				status, _ := command.ProcessState.Sys().(syscall.WaitStatus)
				request, payload := outcome(status)
				_, _ = channel.SendRequest(request, false, payload)
				_ = channel.Close()
			})
		case request.Type == "signal" && command != nil:
			_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		default:
			_ = request.Reply(false, nil)
		}
	}
	if command != nil && command.Process != nil {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	}
	running.Wait()
}

// outcome is how a session is told of a command's end.
func outcome(status syscall.WaitStatus) (request string, payload []byte) {
	if !status.Signaled() {
		return "exit-status", binary.BigEndian.AppendUint32(nil, uint32(status.ExitStatus())) //nolint:gosec // not negative
	}
	return "exit-signal", ssh.Marshal(struct {
		Signal        string
		Core          bool
		Message, Lang string
	}{Signal: map[syscall.Signal]string{syscall.SIGKILL: "KILL", syscall.SIGTERM: "TERM"}[status.Signal()]})
}
