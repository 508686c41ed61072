package mapreduce

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// journal is the file in which the coordinator writes down what has happened, before it counts: one entry a line. The
// first says which job it is of.
type journal struct {
	file *os.File
}

// entry is one thing that has happened. Exactly one of Job, Done and Failed says what.
type entry struct {
	At time.Time `json:"at"`
	// Job's fingerprint.
	Job string `json:"job,omitempty"`
	// Done names a task whose result has been taken.
	Done string `json:"done,omitempty"`
	// Failed names a task that was tried in vain.
	Failed   string   `json:"failed,omitempty"`
	Fault    string   `json:"fault,omitempty"`
	Worker   string   `json:"worker,omitempty"`
	Counters Counters `json:"counters,omitempty"`
}

// openJournal opens the journal of a job, and returns what is in it. It has no entries if there was none, or one of
// another job, which it replaces.
func openJournal(path, job string, now time.Time) (*journal, []entry, error) {
	entries, size, err := readJournal(path)
	if err != nil {
		return nil, nil, err
	}
	known := len(entries) > 0 && entries[0].Job == job
	if !known {
		entries, size = nil, 0
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	j := &journal{file}
	_, failure := file.Seek(size, io.SeekStart)
	err = errors.Join(file.Truncate(size), failure) // without what a crash cut short
	if err == nil && !known {
		err = j.add(entry{At: now, Job: job})
	}
	if err == nil {
		err = record.Sync(filepath.Dir(path))
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the journal: %w", err), file.Close())
	}
	return j, entries, nil
}

// readJournal returns the entries of a journal and the size of its sound part, in bytes.
func readJournal(path string) ([]entry, int64, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close() // only read
	var entries []entry
	var size int64
	for reader := bufio.NewReader(file); ; {
		line, err := reader.ReadBytes('\n')
		var one entry
		if err != nil || json.Unmarshal(line, &one) != nil {
			return entries, size, nil // the end, or what nobody was told of
		}
		entries, size = append(entries, one), size+int64(len(line))
	}
}

// add writes an entry, and returns when it is on the disk.
func (j *journal) add(one entry) error {
	line, err := json.Marshal(one)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err = errors.Join(err, j.file.Sync()); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

func (j *journal) close() error { return j.file.Close() }
