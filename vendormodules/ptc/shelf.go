package ptc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// The names under which a resource's directory lies while it is being made and while it is being removed. What is found
// under them when the module is opened was nobody's yet, or is nobody's any more.
const (
	making   = ".making-"
	removing = ".removing-"
)

var validKey = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// read returns a resource's record; ErrNotFound if there is no such resource.
func (m *Module) read(id string) (record.Record, error) {
	if !validKey.MatchString(id) {
		return record.Record{}, fmt.Errorf("resource %q: %w", id, vendormodules.ErrNotFound)
	}
	of, err := m.at(id).Read()
	if errors.Is(err, fs.ErrNotExist) {
		return of, fmt.Errorf("resource %s: %w", id, vendormodules.ErrNotFound)
	}
	return of, err
}

// hold takes a resource for this call alone, and reads its record. The call ends with end.
func (m *Module) hold(ctx context.Context, id string) (of record.Record, end func(), err error) {
	leave, err := m.begin(ctx)
	if err != nil {
		return of, nil, err
	}
	release, err := m.locks.acquire(ctx, id)
	if err != nil {
		leave()
		return of, nil, err
	}
	if of, err = m.read(id); err != nil {
		release()
		leave()
		return of, nil, err
	}
	return of, func() { release(); leave() }, nil
}

// records reads every record: all of them, or an error.
func (m *Module) records() ([]record.Record, error) {
	entries, err := os.ReadDir(m.resources())
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	records := make([]record.Record, 0, len(entries))
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		of, err := m.at(entry.Name()).Read()
		if errors.Is(err, fs.ErrNotExist) {
			if _, gone := os.Stat(string(m.at(entry.Name()))); errors.Is(gone, fs.ErrNotExist) {
				continue // removed meanwhile
			}
		}
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		records = append(records, of)
	}
	return records, nil
}

// lay makes the directory of a new resource, which appears with its record or not at all.
func (m *Module) lay(of record.Record, subdirectories ...string) error {
	return m.layFilled(&of, subdirectories, func(record.Directory) error { return nil })
}

// layFilled is lay for a resource that is to have something from the start: fill puts it in its place, and may complete
// the record.
func (m *Module) layFilled(of *record.Record, subdirectories []string, fill func(aside record.Directory) error) error {
	aside := record.Directory(filepath.Join(m.resources(), making+of.Key+"-"+rand.Text()))
	if err := os.Mkdir(string(aside), 0o700); err != nil {
		return err
	}
	var err error
	for _, name := range subdirectories {
		err = errors.Join(err, os.Mkdir(filepath.Join(string(aside), name), 0o700))
	}
	if err == nil {
		err = fill(aside)
	}
	if err == nil {
		err = aside.Write(*of)
	}
	if err == nil {
		err = os.Rename(string(aside), string(m.at(of.Key)))
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(string(aside)))
	}
	return record.Sync(m.resources())
}

// clear removes the directory of a resource that has no processes and no volumes left; it disappears as a whole.
func (m *Module) clear(key string) error {
	directory := m.at(key)
	// The data of a volume that is still attached must not go with the machine: only an empty directory can be removed.
	if err := os.Remove(directory.Volumes()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	aside := filepath.Join(m.resources(), removing+key+"-"+rand.Text())
	if err := os.Rename(string(directory), aside); err != nil {
		return err
	}
	if err := record.Sync(m.resources()); err != nil {
		return err
	}
	return removeAll(aside)
}

// removeAll removes a directory, also where a machine has withdrawn permissions.
func removeAll(directory string) error {
	if err := os.RemoveAll(directory); err == nil {
		return nil
	}
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			return os.Chmod(path, 0o700) // before its entries are read
		}
		return nil
	})
	return errors.Join(err, os.RemoveAll(directory))
}

// sweepHalves removes what was being made or removed when the agency ended.
func (m *Module) sweepHalves() error {
	entries, err := os.ReadDir(m.resources())
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, making) || strings.HasPrefix(name, removing) {
			if err := removeAll(filepath.Join(m.resources(), name)); err != nil {
				return err
			}
		}
	}
	return nil
}
