package keeper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// Launcher starts and ends keepers, from a process that they outlive.
type Launcher struct {
	mu sync.Mutex
	// children are the keepers that this process started and whose end it has not yet noticed.
	children map[int]bool
}

// Start starts the keeper of a directory, by the program that it is to be, and returns when the directory has one. It
// does nothing if there is one already.
func (l *Launcher) Start(ctx context.Context, directory record.Directory, program string) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		status, _, err := directory.ReadStatus()
		if err != nil {
			return err
		}
		if status.Keeper.Alive() {
			if status.Phase == record.Starting || status.Phase == record.Running {
				return nil
			}
			if err := status.Keeper.Wait(ctx); err != nil { // on its way out
				return err
			}
		}
		err = l.launch(ctx, directory, program)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errKept) {
			return fmt.Errorf("start the keeper of %s: %w", directory, err)
		}
		select { // somebody looks after what the last one left, or another keeper has just been started
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("start the keeper of %s: %w", directory, ctx.Err())
		}
	}
}

func (l *Launcher) launch(ctx context.Context, directory record.Directory, program string) error {
	diary, err := os.OpenFile(directory.Diary(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	answer, answerEnd, err := os.Pipe()
	if err != nil {
		return errors.Join(err, diary.Close())
	}
	defer answer.Close()                                          // only read
	process := exec.Command(program, "keeper", string(directory)) //nolint:noctx // it outlives every context
	process.Stdout, process.Stderr = answerEnd, diary
	process.Env = []string{"PATH=" + systemPath, "LANG=C.UTF-8"}
	process.Dir = string(directory)
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = l.fork(process)
	if err = errors.Join(err, answerEnd.Close(), diary.Close()); err != nil {
		return err
	}
	return await(ctx, answer, directory)
}

// fork starts a process and remembers that it is a child.
func (l *Launcher) fork(process *exec.Cmd) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := process.Start(); err != nil {
		return err
	}
	if l.children == nil {
		l.children = map[int]bool{}
	}
	l.children[process.Process.Pid] = true
	return process.Process.Release()
}

// await returns when a keeper has answered; errKept if it is not to be the directory's.
func await(ctx context.Context, answer *os.File, directory record.Directory) error {
	stop := context.AfterFunc(ctx, func() { answer.SetReadDeadline(time.Now()) }) //nolint:errcheck // a pipe has deadlines
	defer stop()
	line, err := bufio.NewReader(answer).ReadString('\n')
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch strings.TrimSpace(line) {
	case answerKept:
		return nil
	case answerBusy:
		return errKept
	}
	complaint, _ := os.ReadFile(directory.Diary()) // what there is will do
	lines := strings.Split(strings.TrimSpace(string(complaint)), "\n")
	return errors.Join(fmt.Errorf("it ended at once: %s", lines[len(lines)-1]), err)
}

// Reap notices which of the keepers that this process started have ended, so that they can go. It is called now and
// then.
func (l *Launcher) Reap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for pid := range l.children {
		if ended, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); ended == pid || errors.Is(err, unix.ECHILD) {
			delete(l.children, pid)
		}
	}
}

// patience is how long a keeper may take to end, beyond the grace that it gives its machine.
const patience = grace + 2*time.Second

// Stop ends the keeper of a directory and everything that it keeps, and whatever a keeper that was killed left. It does
// nothing if nothing is there. When the context ends first, what has begun goes on.
func (l *Launcher) Stop(ctx context.Context, directory record.Directory) error {
	defer l.Reap()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	deadline := time.Now().Add(patience)
	asked := false
	for {
		held, err := lock(directory)
		if err == nil {
			if err := errors.Join(sweep(directory), unlock(held)); err != nil {
				return err
			}
			status, _, err := directory.ReadStatus()
			return errors.Join(err, status.Keeper.Wait(ctx)) // it gives its lock back just before it ends
		}
		if !errors.Is(err, errKept) {
			return err
		}
		status, _, err := directory.ReadStatus()
		if err != nil {
			return err
		}
		signal := unix.SIGTERM
		if time.Now().After(deadline) {
			signal = unix.SIGKILL
		}
		if status.Keeper.Alive() && (!asked || signal == unix.SIGKILL) {
			asked = true
			if err := status.Keeper.Signal(signal); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("stop %s: %w", directory, ctx.Err())
		}
	}
}

// Look returns the status of a directory, and whether its keeper lives; without any keeper ever the status is zero.
func Look(directory record.Directory) (status record.Status, kept bool, err error) {
	status, _, err = directory.ReadStatus()
	return status, err == nil && status.Keeper.Alive(), err
}

// Recover ends what a keeper that was killed has left, and returns the status as it is then. It does nothing while the
// directory has a keeper.
func Recover(directory record.Directory) (record.Status, error) {
	held, err := lock(directory)
	if err == nil {
		err = errors.Join(sweep(directory), unlock(held))
	}
	if err != nil && !errors.Is(err, errKept) {
		return record.Status{}, err
	}
	status, _, err := directory.ReadStatus()
	return status, err
}
