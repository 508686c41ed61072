package keeper

import (
	"errors"
	"fmt"
	"os"

	"github.com/cloud-agency/agency/vendormodules/ptc/record"
	"golang.org/x/sys/unix"
)

// errKept says that the directory has a keeper.
var errKept = errors.New("has a keeper already")

// unlock gives a lock back, at once, also where a process that is just being started has the file for an instant.
func unlock(file *os.File) error {
	return errors.Join(unix.Flock(int(file.Fd()), unix.LOCK_UN), file.Close())
}

// lock takes the lock of a resource's directory, which ends with the file or the process; errKept if it is taken. It
// makes no directory: one that is gone has been deleted.
func lock(directory record.Directory) (*os.File, error) {
	file, err := os.OpenFile(directory.Lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errKept
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", directory, err), file.Close())
	}
	mine, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", directory, err), file.Close())
	}
	there, err := os.Stat(directory.Lock())
	if err != nil || !os.SameFile(mine, there) {
		return nil, errors.Join(fmt.Errorf("lock %s: the directory went away", directory), err, file.Close())
	}
	return file, nil
}
