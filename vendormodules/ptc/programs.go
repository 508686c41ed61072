package ptc

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// programs keeps the versions of the agency's program that machines run by, one file each, so that they do not notice
// when it is built anew or moved.
type programs struct {
	directory, source string

	mu sync.Mutex
	// added is the file of the version that this process found; its program does not change under it.
	added string
}

// add returns the kept file of the program, and keeps it first if there is none yet.
func (p *programs) add() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.added != "" {
		return p.added, nil
	}
	if p.source == "" {
		return "", errors.New("the module was not told where the program is")
	}
	source, err := os.Open(p.source)
	if err != nil {
		return "", err
	}
	defer source.Close() // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, source); err != nil {
		return "", err
	}
	directory := filepath.Join(p.directory, hex.EncodeToString(hash.Sum(nil)[:16]))
	kept := filepath.Join(directory, "agency")
	if _, err := os.Stat(kept); err != nil {
		if err := p.keep(source, directory, kept); err != nil {
			return "", fmt.Errorf("keep %s: %w", p.source, err)
		}
	}
	p.added = kept
	return kept, nil
}

// keep puts a link to the program, or a copy where that cannot be, into a directory.
func (p *programs) keep(source *os.File, directory, kept string) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	fresh := kept + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Link(source.Name(), fresh); err != nil {
		if err := copyProgram(source, fresh); err != nil {
			return err
		}
	}
	return os.Rename(fresh, kept)
}

func copyProgram(source *os.File, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = source.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.Copy(file, source)
	}
	return errors.Join(err, file.Sync(), file.Close())
}

// sweep removes the versions that no resource uses.
func (p *programs) sweep(used map[string]bool) error {
	entries, err := os.ReadDir(p.directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		directory := filepath.Join(p.directory, entry.Name())
		if !used[filepath.Join(directory, "agency")] {
			if err := os.RemoveAll(directory); err != nil {
				return err
			}
		}
	}
	return nil
}
