package docker

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/docker/script"
)

// killTimeout is how long it may take to kill a command whose context has ended.
const killTimeout = 5 * time.Second

// Execute implements vendormodules.Executor. A machine that runs what its image runs by itself may have no shell: there a
// command is not killed when the context ends.
func (m *Module) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	one, engine, err := m.machine(ctx, id)
	if err == nil && len(command.Arguments) == 0 {
		err = fmt.Errorf("there is no command: %w", vendormodules.ErrInvalid)
	}
	if err == nil && one.State != vendormodules.ResourceRunning {
		err = fmt.Errorf("it is %s: %w", one.State, vendormodules.ErrConflict)
	}
	if err != nil {
		return 0, failed(err, "execute in %s", id)
	}
	var exit int
	if one.labels[labelRuns] == runsCommands {
		token := rand.Text()
		command.Arguments = script.Execute(token, command.Arguments)
		exit, err = execute(ctx, engine, id, command, stdout, stderr)
		if ctx.Err() != nil {
			killing, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
			defer cancel()
			// Without success the command ends with its machine.
			execute(killing, engine, id, vendormodules.Command{Arguments: script.Kill(token)}, io.Discard, io.Discard) //nolint:errcheck // see above
		}
	} else {
		exit, err = execute(ctx, engine, id, command, stdout, stderr)
	}
	if err != nil {
		return 0, failed(err, "execute in %s", id)
	}
	return exit, nil
}

// execute runs a command in a container until it ends, or the context does.
func execute(
	ctx context.Context, engine *client.Client, container string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	created, err := engine.ExecCreate(ctx, container, client.ExecCreateOptions{
		AttachStdin: command.Input != nil, AttachStdout: true, AttachStderr: true, WorkingDir: command.Directory, Cmd: command.Arguments,
	})
	if err != nil {
		return 0, err
	}
	attached, err := engine.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
	if err != nil {
		return 0, err
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	if command.Input != nil {
		go func() { // ends with the input, or with the connection
			io.Copy(attached.Conn, command.Input) //nolint:errcheck // the command need not read all
			attached.CloseWrite()                 //nolint:errcheck // its end shows in the output
		}()
	}
	_, err = stdcopy.StdCopy(stdout, stderr, attached.Reader)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		return 0, err
	}
	inspected, err := engine.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
	if err == nil && inspected.Running {
		err = fmt.Errorf("its end is not known: %w", vendormodules.ErrTransient)
	}
	return inspected.ExitCode, err
}
