// Package clone copies whole directories as they are, and shares the blocks of files with the original where the file
// system can, so that a copy costs neither time nor space until one of the two changes.
package clone

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Tree is a directory to copy. It is read through where it lies when it is opened, wherever it moves meanwhile.
type Tree struct {
	root *os.Root
	// place is where the tree's user sees it.
	place string
}

// Open opens a directory to be copied.
func Open(directory string) (*Tree, error) {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, err
	}
	return &Tree{root, directory}, nil
}

// Close ends the reading.
func (t *Tree) Close() error { return t.root.Close() }

// CopyTo copies the directory's files, directories and symbolic links with their permissions into another directory, in
// which those of a copy that was cut off may lie, and returns how much the files hold. What skip tells by its path below
// the directory is left out, and so is what goes away meanwhile, and what is no content: sockets, pipes and devices.
// Links that lead to absolute paths in the directory lead to the same place in the copy.
func (t *Tree) CopyTo(ctx context.Context, directory string, skip func(path string) bool) (quantity.Bytes, error) {
	to, err := os.OpenRoot(directory)
	if err != nil {
		return 0, err
	}
	defer to.Close() //nolint:errcheck // files that were written are closed by themselves
	var size quantity.Bytes
	err = fs.WalkDir(t.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || name == ".":
			return err
		case skip(name) && entry.IsDir():
			return fs.SkipDir
		case skip(name):
			return nil
		}
		copied, err := t.put(ctx, to, name, entry)
		size += copied
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return size, err
}

// put copies one entry.
func (t *Tree) put(ctx context.Context, to *os.Root, name string, entry fs.DirEntry) (quantity.Bytes, error) {
	information, err := entry.Info()
	if err != nil {
		return 0, err
	}
	mode := information.Mode()
	if mode.IsDir() {
		if err := to.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return 0, err
		}
		return 0, to.Chmod(name, mode.Perm()|0o700) // whoever deletes it must get in
	}
	if mode.Type() != fs.ModeSymlink && !mode.IsRegular() {
		return 0, nil
	}
	if err := to.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if mode.IsRegular() {
		return t.file(ctx, to, name, mode.Perm())
	}
	target, err := t.root.Readlink(name)
	if err != nil {
		return 0, err
	}
	return 0, to.Symlink(t.destination(name, target), name)
}

// destination makes a link to an absolute path in the tree one that is relative to where the link lies.
func (t *Tree) destination(name, target string) string {
	inside, found := strings.CutPrefix(target, t.place+"/")
	if !found {
		return target
	}
	if relative, err := filepath.Rel(path.Dir(name), path.Clean(inside)); err == nil {
		return relative
	}
	return target
}

func (t *Tree) file(ctx context.Context, to *os.Root, name string, mode fs.FileMode) (size quantity.Bytes, err error) {
	source, err := t.root.Open(name)
	if err != nil {
		return 0, err
	}
	defer source.Close() // only read
	target, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode|0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if shared := unix.IoctlFileClone(int(target.Fd()), int(source.Fd())); shared != nil {
		if err := transfer(ctx, target, source); err != nil {
			return 0, err
		}
	}
	information, err := target.Stat()
	if err != nil {
		return 0, err
	}
	return quantity.Bytes(information.Size()), target.Chmod(mode | 0o600)
}

// atATime is how much is copied between two looks at the context.
const atATime = 64 << 20

func transfer(ctx context.Context, target, source *os.File) error {
	for {
		copied, err := io.CopyN(target, source, atATime)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && copied == atATime {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}
