package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/sla"
)

// lockDirectory makes this process the only agency on a data directory until the file is closed.
func lockDirectory(directory string) (io.Closer, error) {
	name := filepath.Join(directory, "agency.lock")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(file, 32))
		closing := file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), closing)
		}
		return nil, &client.Error{
			Code: string(sla.RefusedConflict), At: directory,
			Message: fmt.Sprintf("another agency runs on this data directory: process %s", strings.TrimSpace(string(holder))),
			Hint:    "use that one, stop it first, or give another --data",
		}
	}
	err = file.Truncate(0)
	if err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", name, err), file.Close())
	}
	return file, nil
}
