package remote_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cloud-agency/agency/vendormodules/cloudinit"
)

// serve is an SSH server that runs what it is asked to for real, and stands for the one in a machine.
func serve(t *testing.T, host cloudinit.HostKey, login string) string {
	t.Helper()
	private, err := ssh.ParsePrivateKey([]byte(host.Private.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	allowed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(login))
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(allowed.Marshal()) {
				return nil, errors.New("a stranger")
			}
			return &ssh.Permissions{}, nil
		},
	}
	config.AddHostKey(private)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { talk(connection, config) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}

func talk(connection net.Conn, config *ssh.ServerConfig) {
	defer connection.Close()
	server, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		return
	}
	defer server.Close()
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
			command = exec.Command("/bin/sh", "-c", string(request.Payload[4:])) //nolint:gosec // that is what it is for
			command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			command.Stdout, command.Stderr = channel, channel.Stderr()
			input, err := command.StdinPipe()
			if err == nil {
				err = command.Start()
			}
			_ = request.Reply(err == nil, nil)
			if err != nil {
				channel.Close()
				continue
			}
			go func() { // ends with the channel
				_, _ = io.Copy(input, channel)
				input.Close()
			}()
			running.Go(func() {
				_ = command.Wait()
				status, _ := command.ProcessState.Sys().(syscall.WaitStatus)
				if status.Signaled() {
					_, _ = channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
						Signal        string
						Core          bool
						Message, Lang string
					}{Signal: map[syscall.Signal]string{syscall.SIGKILL: "KILL", syscall.SIGTERM: "TERM"}[status.Signal()]}))
				} else {
					_, _ = channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, uint32(status.ExitStatus())))
				}
				channel.Close()
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
