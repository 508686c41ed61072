package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Identity names a process for ever: its number, when it started in clock ticks since boot, and which boot.
type Identity struct {
	PID     int    `json:"pid"`
	Started uint64 `json:"started"`
	Boot    string `json:"boot"`
}

// Identify returns the identity of a process that lives.
func Identify(pid int) (Identity, error) {
	boot, err := Boot()
	if err != nil {
		return Identity{}, err
	}
	stat, err := readStat(pid)
	if err != nil {
		return Identity{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	return Identity{pid, stat.Started, boot}, nil
}

// Boot is the id of this boot of the machine.
func Boot() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// Alive says whether the process still runs. One that has ended and waits for its parent to notice does not.
func (i Identity) Alive() bool {
	if i.PID <= 0 {
		return false
	}
	stat, err := readStat(i.PID)
	if err != nil || stat.Started != i.Started || stat.Dead() {
		return false
	}
	boot, err := Boot()
	return err == nil && boot == i.Boot
}

// Signal sends a signal to the process and to no other. It is no error if the process is gone.
func (i Identity) Signal(signal unix.Signal) error {
	descriptor, err := i.open()
	if err != nil || descriptor < 0 {
		return err
	}
	defer unix.Close(descriptor) //nolint:errcheck // nothing was written
	if err := unix.PidfdSendSignal(descriptor, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process %d: %w", i.PID, err)
	}
	return nil
}

// pollInterval is how long Wait sleeps in the kernel before it looks at its context.
const pollInterval = 20 * time.Millisecond

// Wait returns when the process has ended, or with the context's error.
func (i Identity) Wait(ctx context.Context) error {
	descriptor, err := i.open()
	if err != nil || descriptor < 0 {
		return err
	}
	defer unix.Close(descriptor) //nolint:errcheck // nothing was written
	for ctx.Err() == nil {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(descriptor), Events: unix.POLLIN}}, int(pollInterval.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for process %d: %w", i.PID, err)
		}
		if ready > 0 {
			return nil
		}
	}
	return ctx.Err()
}

// open returns a descriptor of the process, negative if it is gone.
func (i Identity) open() (int, error) {
	if !i.Alive() {
		return -1, nil
	}
	descriptor, err := unix.PidfdOpen(i.PID, 0)
	switch {
	case errors.Is(err, unix.ESRCH):
		return -1, nil
	case err != nil:
		return -1, fmt.Errorf("open process %d: %w", i.PID, err)
	case !i.Alive(): // ended meanwhile; the descriptor may be of another
		return -1, unix.Close(descriptor)
	}
	return descriptor, nil
}
