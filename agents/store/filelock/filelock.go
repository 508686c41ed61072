// Package filelock makes one process the only one on a file or directory.
//
// The kernel drops the lock with the process, however that ends, so what the lock file says about its holder counts only
// while the lock is held. A process that was killed while it was starting another may leave the lock to that one for the
// instant until it becomes another program; that instant is waited for.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// HeldError says that somebody has the lock.
type HeldError struct {
	// Process is the holder's id, 0 if it is about to write it.
	Process int
}

// Error implements error.
func (e *HeldError) Error() string {
	switch e.Process {
	case 0:
		return "held by another process"
	case os.Getpid():
		return fmt.Sprintf("held by this process (pid %d)", e.Process)
	}
	return fmt.Sprintf("held by process %d", e.Process)
}

// Lock is held until Release.
type Lock struct{ file *os.File }

// The bounds of the wait for a child of a holder that is gone.
const (
	lookEvery = 5 * time.Millisecond
	waitMost  = 5 * time.Second
)

// Acquire takes the lock of a file, which is made if it is not there and stays when the lock is released: to remove it
// would let two processes hold locks on two files of the same name. A *HeldError if another process has it.
func Acquire(ctx context.Context, path string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	err = take(ctx, file)
	if err == nil {
		err = writeHolder(file)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return &Lock{file}, nil
}

// Release gives the lock back. It may be called twice.
func (l *Lock) Release() error {
	if err := l.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// take locks the file, and waits as long as the process that took the lock last is gone.
func take(ctx context.Context, file *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, waitMost)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		holder := readHolder(file)
		if holder == 0 || alive(holder) {
			return &HeldError{holder}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return &HeldError{holder}
		}
	}
}

// alive says whether a process runs; one that only waits to be reaped does not.
func alive(process int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) && !errors.Is(syscall.Kill(process, 0), syscall.ESRCH)
	}
	_, state, found := strings.Cut(string(status), ") ")
	return !found || !strings.HasPrefix(state, "Z")
}

func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readHolder(file *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 32))
	process, parseErr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || parseErr != nil {
		return 0
	}
	return process
}
