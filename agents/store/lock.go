package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ErrInUse is wrapped by the error of opening a file that is open already, in this process or another.
var ErrInUse = errors.New("store is in use")

// fileLock keeps a second process off a store. The kernel drops it with the process, however that ends, so what the
// lock file says about its holder counts only while the lock is held.
type fileLock struct{ file *os.File }

// acquireLock takes the lock beside the store at path. The lock file stays when the lock is released: to remove it
// would let two processes hold locks on two files of the same name.
func acquireLock(path string) (*fileLock, error) {
	file, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock store %s: %w", path, err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = writeHolder(file)
	} else if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w by %s", ErrInUse, readHolder(file))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock store %s: %w", path, err), file.Close())
	}
	return &fileLock{file}, nil
}

func (l *fileLock) release() error { return l.file.Close() }

func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// readHolder names the process that holds the lock; it may be about to write its id and have none there yet.
func readHolder(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 32))
	pid, parseErr := strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case err != nil || parseErr != nil:
		return "another process"
	case pid == os.Getpid():
		return fmt.Sprintf("this process (pid %d)", pid)
	default:
		return fmt.Sprintf("process %d", pid)
	}
}
