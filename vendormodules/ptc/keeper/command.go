package keeper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

const (
	// firstPause is how long a command that ended waits before it is started again; every further time twice as long,
	// up to maxPause. A command that stayed up for steady begins anew.
	firstPause, maxPause = 250 * time.Millisecond, 30 * time.Second
	steady               = time.Minute
)

// command is one of a machine's commands.
type command struct {
	number int // from 1
	text   string
	// pid of the process, 0 while there is none; started is when it last was, executed when its shell first took over.
	pid               int
	started, executed time.Time
	// again is when an ended command starts again, pause how long it waits this time.
	again time.Time
	pause time.Duration
	// ends counts how often it has ended, end says how the last time.
	ends int
	end  string
}

func (c *command) waits() bool { return c.pid == 0 && c.ends > 0 }

func (c *command) String() string { return fmt.Sprintf("command %d (%s)", c.number, c.text) }

func (c *command) complaint() string {
	times := "once"
	if c.ends > 1 {
		times = fmt.Sprintf("%d times, at last", c.ends)
	}
	return fmt.Sprintf("%s has ended %s with %s, and was started again", c, times, c.end)
}

// report is what a stage said: nothing when the shell has taken over.
type report struct {
	command *command
	pid     int
	message string
}

// start starts a command's stage, and two goroutines that end with its pipes.
func (s *supervisor) start(command *command) error {
	output, outputEnd, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", command, err)
	}
	stageReport, reportEnd, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", command, err), output.Close(), outputEnd.Close())
	}
	pid, err := s.fork(command, outputEnd, reportEnd)
	err = errors.Join(err, outputEnd.Close(), reportEnd.Close())
	if err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", command, err), output.Close(), stageReport.Close())
	}
	command.pid, command.started = pid, time.Now()
	s.output.Go(func() {
		io.Copy(s.console, output) //nolint:errcheck // ends with the machine's last process that holds it
		output.Close()             // only read
	})
	s.output.Go(func() {
		message, _ := io.ReadAll(stageReport) // a stage that dies says nothing, and its end is noticed
		stageReport.Close()                   // only read
		s.reports <- report{command, pid, string(message)}
	})
	return nil
}

func (s *supervisor) fork(command *command, output, report *os.File) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close() // only read
	return s.stage(command.text, nil, null, output, output, report)
}

// stage starts a stage that becomes a shell with a script and its arguments. Files are its input, output, errors, and
// where it reports.
func (s *supervisor) stage(script string, arguments []string, files ...*os.File) (int, error) {
	staging := staging{
		keeper: os.Getpid(), level: s.host.Landlock, groups: s.groups, command: script, rest: arguments,
		own:  paths{s.directory.Root(), s.directory.Volumes()},
		read: paths{filepath.Dir(s.program)},
	}
	descriptors := make([]uintptr, len(files))
	for i, file := range files {
		descriptors[i] = file.Fd()
	}
	return syscall.ForkExec(s.program, staging.arguments(s.program), &syscall.ProcAttr{
		Dir: s.directory.Root(), Env: s.environment, Files: descriptors,
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL},
	})
}

// reported takes a stage's result. One that could not become the command ends by itself, which reap notices.
func (s *supervisor) reported(report report) error {
	if report.message != "" && s.status.Phase == record.Starting {
		return fmt.Errorf("%s: %s", report.command, report.message)
	}
	if report.command.executed.IsZero() {
		report.command.executed = time.Now()
	}
	return nil
}

// reap notices every process that has ended. The error says that the machine cannot run.
func (s *supervisor) reap() error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		switch {
		case errors.Is(err, unix.ECHILD), err == nil && pid == 0: // none left, or none that has ended
			return nil
		case err != nil:
			return fmt.Errorf("wait for processes: %w", err)
		}
		s.departed(pid, status)
		for _, command := range s.commands {
			if command.pid == pid {
				clean := !status.Signaled() && status.ExitStatus() == 0
				if err := s.ended(command, describe(status), clean); err != nil {
					return err
				}
			}
		}
	}
}

// ended plans an ended command's next start. The error says that the machine cannot run.
func (s *supervisor) ended(command *command, end string, clean bool) error {
	now := time.Now()
	command.pid, command.end = 0, end
	command.ends++
	if s.status.Phase == record.Starting && !clean {
		return fmt.Errorf("%s ended at once with %s", command, end)
	}
	command.pause = min(max(2*command.pause, firstPause), maxPause)
	if now.Sub(command.started) >= steady {
		command.pause = firstPause
	}
	command.again = now.Add(command.pause)
	return s.warn()
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return "signal " + unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
