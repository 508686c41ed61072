package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// candidate is a vendor agent that is tried for conformance: a process of ours, or one that comes by itself.
type candidate struct {
	// command that runs the agent; none for one that comes by itself.
	command     []string
	environment []string
	output      io.Writer
	// restartWith is the shell command that restarts an agent that came by itself; none if there is no such thing.
	restartWith string
	// lost is told when the agent ended by itself.
	lost context.CancelCauseFunc

	process *exec.Cmd
	ending  sync.WaitGroup
	// wanted is closed when the process is to end.
	wanted chan struct{}
}

// agentEnded is the error of an agent that ended by itself.
type agentEnded struct{ cause error }

func (e *agentEnded) Error() string { return fmt.Sprintf("agent ended by itself: %v", e.cause) }

// begin starts the agent, if it is ours to start.
func (c *candidate) begin() error {
	if len(c.command) == 0 {
		return nil
	}
	process := c.make(exec.Command(c.command[0], c.command[1:]...)) //nolint:noctx // it is killed, with all that it started
	if len(c.command) > 1 && c.command[0] != "/bin/sh" {
		process.Args[0] = os.Args[0]
		process.Stdout = nil
	}
	if err := process.Start(); err != nil {
		return fmt.Errorf("run the vendor's agent: %w", err)
	}
	wanted := make(chan struct{})
	c.process, c.wanted = process, wanted
	c.ending.Go(func() {
		err := process.Wait()
		select {
		case <-wanted:
		default:
			if err == nil {
				err = errors.New("exit code 0")
			}
			c.lost(&agentEnded{err})
		}
	})
	return nil
}

// outputWithin is how long what an agent left running may keep its output open.
const outputWithin = time.Second

func (c *candidate) make(command *exec.Cmd) *exec.Cmd {
	command.Env, command.Stdout, command.Stderr, command.WaitDelay = c.environment, c.output, c.output, outputWithin
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// end kills the agent, which is the hardest that can happen to it.
func (c *candidate) end() {
	if c.process == nil {
		return
	}
	close(c.wanted)
	_ = syscall.Kill(-c.process.Process.Pid, syscall.SIGKILL) // gone already is as good
	c.ending.Wait()
	c.process = nil
}

// restart is what restarts the agent; nil if nothing does.
func (c *candidate) restart() func(context.Context) error {
	switch {
	case len(c.command) > 0:
		return func(context.Context) error {
			c.end()
			return c.begin()
		}
	case c.restartWith != "":
		return func(ctx context.Context) error {
			return c.make(exec.CommandContext(ctx, "/bin/sh", "-c", c.restartWith)).Run()
		}
	}
	return nil
}
