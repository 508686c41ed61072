package keeper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/limits"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

const (
	// grace is what a machine's processes have between SIGTERM and SIGKILL.
	grace = 3 * time.Second
	// lookEvery is how often a tree that is ending is looked at, beside whenever a child ends.
	lookEvery = 10 * time.Millisecond
	// sweepLimit is how long killed processes may take to go.
	sweepLimit = 5 * time.Second
)

// endTree ends every process below the keeper, adopted ones and those that are started meanwhile included, first by
// asking and after the grace by force. It returns when none is left.
func (s *supervisor) endTree(children <-chan os.Signal) error {
	asked := map[int]bool{}
	force := time.Now().Add(grace)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		for _, command := range s.commands {
			command.pid = 0 // whatever ends now was meant to
		}
		if err := s.reap(); err != nil {
			return err
		}
		table, err := process.All()
		if err != nil {
			return err
		}
		below := table.Below(os.Getpid())
		if len(below) == 0 {
			return s.reap()
		}
		for _, one := range below {
			signal := unix.SIGTERM
			if time.Now().After(force) {
				signal = unix.SIGKILL
			} else if asked[one.PID] {
				continue
			}
			asked[one.PID] = true
			if err := unix.Kill(one.PID, signal); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("end process %d: %w", one.PID, err)
			}
		}
		select {
		case <-children:
		case <-ticker.C:
		}
	}
}

// sweep kills what a keeper that was killed left behind, and removes its control groups. The caller holds the lock.
func sweep(directory record.Directory) error {
	status, there, err := directory.ReadStatus()
	if err != nil || !there || status.Over() {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), sweepLimit)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		strays, err := strays(directory, status.Groups)
		if err != nil {
			return err
		}
		if len(strays) == 0 {
			status.Phase = record.Lost
			return errors.Join(limits.Remove(status.Groups), directory.WriteStatus(status))
		}
		if err := process.Kill(strays); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%d processes that outlived their keeper do not end: %w", len(strays), ctx.Err())
		}
	}
}

// strays are the living processes of a machine that has no keeper.
func strays(directory record.Directory, groups []string) ([]int, error) {
	marked, err := process.Marked(Marker, string(directory))
	if err != nil {
		return nil, err
	}
	members, err := limits.Members(groups)
	if err != nil {
		return nil, err
	}
	table, err := process.All()
	if err != nil {
		return nil, err
	}
	all := slices.Concat(marked, members)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(pid int) bool {
		process, there := table[pid]
		return !there || process.Dead() || pid == os.Getpid()
	}), nil
}

// groupName names the control groups of a directory: it is unique on the machine and no longer than it must be.
func groupName(directory record.Directory) string {
	sum := sha256.Sum256([]byte(directory))
	return hex.EncodeToString(sum[:8])
}
