package mapreduce

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// results is the coordinator's directory.
type results string

func (r results) journal() string          { return filepath.Join(string(r), "journal") }
func (r results) attempts() string         { return filepath.Join(string(r), "attempts") }
func (r results) attempt(id string) string { return filepath.Join(r.attempts(), id) }
func (r results) maps() string             { return filepath.Join(string(r), "maps") }
func (r results) output() string           { return filepath.Join(string(r), "output") }
func (r results) part(index int) string    { return filepath.Join(r.output(), partName(index)) }
func (r results) mapped(task, part int) string {
	return filepath.Join(r.maps(), taskName(mapKind, task), partName(part))
}

// clear makes the directories. What attempts of an earlier run have left is removed, and everything if nothing of it is to
// be kept.
func (r results) clear(everything bool) error {
	obsolete := []string{r.attempts()}
	if everything {
		obsolete = append(obsolete, r.maps(), r.output())
	}
	for _, path := range obsolete {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	for _, path := range []string{r.attempts(), r.maps(), r.output()} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// receive writes a part of what an attempt brings.
func (r results) receive(attempt string, part int, content io.Reader) error {
	file, err := os.OpenFile(filepath.Join(r.attempt(attempt), partName(part)), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Sync(), file.Close())
}

// keep makes what an attempt has brought the result of its task, as a whole.
func (r results) keep(attempt string, of *task, parts int) error {
	from, to := r.attempt(attempt), filepath.Join(r.maps(), of.name())
	for part := range parts {
		if _, err := os.Stat(filepath.Join(from, partName(part))); err != nil {
			return fmt.Errorf("a part is missing: %w", err)
		}
	}
	if of.kind == reduceKind {
		from, to = filepath.Join(from, partName(0)), r.part(of.index)
	}
	if err := os.RemoveAll(to); err != nil { // of a run that ended before it was written down
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(record.Sync(filepath.Dir(to)), os.RemoveAll(r.attempt(attempt)))
}
