package limits

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// ErrInUse says that a machine uses more memory than it is to have at most.
var ErrInUse = errors.New("more memory is in use")

// Adjust sets other bounds to groups that have members. Groups that are not there, as nothing could be limited, are left
// out. Memory is not bounded below what is in use, for the kernel would kill to keep the bound.
func Adjust(directories []string, bounds Bounds) error {
	for _, directory := range directories {
		if err := checkInUse(directory, bounds.Memory); err != nil {
			return err
		}
	}
	for _, directory := range directories {
		for name, value := range settings(bounds) {
			err := rewrite(filepath.Join(directory, name), value)
			if errors.Is(err, unix.EBUSY) {
				err = ErrInUse
			}
			if err != nil {
				return fmt.Errorf("set bounds of control group %s: %w", directory, err)
			}
		}
	}
	return nil
}

// checkInUse compares what a group's members use with a bound on it.
func checkInUse(directory string, most quantity.Bytes) error {
	for _, name := range []string{"memory.current", "memory.usage_in_bytes"} {
		content, err := os.ReadFile(filepath.Join(directory, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("memory in use by control group: %w", err)
		}
		used, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
		if err == nil && quantity.Bytes(used) > most {
			return fmt.Errorf("%s of %s: %w", quantity.Bytes(used), most, ErrInUse)
		}
	}
	return nil
}

// rewrite writes to a file that is there.
func rewrite(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(value)
	return errors.Join(err, file.Close())
}
