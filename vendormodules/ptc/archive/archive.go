// Package archive unpacks files into a machine's directory, and never a byte beside it, whatever the archive says: every
// path is resolved below an os.Root, which links do not lead out of.
package archive

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrEntry is wrapped by the error of an archive that cannot be read or holds what a machine cannot have.
var ErrEntry = errors.New("bad archive")

// Target is where files go. Paths are absolute as the machine sees them.
type Target struct {
	// Root is the directory that "/" stands for.
	Root string
	// Mounts are directories that other paths stand for: mount -> directory.
	Mounts map[string]string
}

// Unpack unpacks a tar archive, gzipped or not. What is there already is replaced; directories are kept.
func (t Target) Unpack(ctx context.Context, archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer file.Close() // only read
	if err := t.unpack(ctx, bufio.NewReader(file)); err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	return nil
}

// UnpackFrom unpacks an archive as it comes.
func (t Target) UnpackFrom(ctx context.Context, archive io.Reader) error {
	if err := t.unpack(ctx, bufio.NewReader(archive)); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	return nil
}

// gzipMagic is how a gzipped file begins.
const gzipMagic = "\x1f\x8b"

func (t Target) unpack(ctx context.Context, source *bufio.Reader) error {
	writer, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer writer.close()
	var plain io.Reader = source
	if start, _ := source.Peek(len(gzipMagic)); string(start) == gzipMagic { // too short is not gzipped
		zipped, err := gzip.NewReader(source)
		if err != nil {
			return errors.Join(ErrEntry, err)
		}
		plain = zipped
	}
	for reader := tar.NewReader(plain); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.Join(ErrEntry, err)
		}
		if err := writer.put(entryOf(header), reader); err != nil {
			return err
		}
	}
}

// Copy copies a directory and everything in it.
func (t Target) Copy(ctx context.Context, directory string) error {
	writer, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer writer.close()
	return filepath.WalkDir(directory, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == directory {
			return err
		}
		information, err := os.Lstat(name)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(directory, name)
		if err != nil {
			return err
		}
		one := entry{name: clean(inside), mode: information.Mode()}
		switch {
		case information.Mode().IsRegular():
			file, err := os.Open(name)
			if err != nil {
				return err
			}
			defer file.Close() // only read
			return writer.put(one, file)
		case one.mode.Type() == fs.ModeSymlink:
			if one.link, err = os.Readlink(name); err != nil {
				return err
			}
		}
		return writer.put(one, nil)
	})
}

// entry is one thing to put somewhere.
type entry struct {
	name string // absolute and clean
	mode fs.FileMode
	// link is what a symbolic link leads to, or the other name of a hard link.
	link string
	hard bool
}

func entryOf(header *tar.Header) entry {
	one := entry{name: clean(header.Name), mode: header.FileInfo().Mode(), link: header.Linkname}
	one.hard = header.Typeflag == tar.TypeLink
	return one
}

// clean is a path as the machine sees it: absolute, and not above the root.
func clean(name string) string { return path.Clean("/" + name) }

// writer writes entries below the target's directories.
type writer struct {
	ctx   context.Context // of the one call
	roots map[string]*os.Root
}

func (t Target) open(ctx context.Context) (*writer, error) {
	w := &writer{ctx: ctx, roots: map[string]*os.Root{}}
	places := map[string]string{"/": t.Root}
	for mount, directory := range t.Mounts {
		places[clean(mount)] = directory
	}
	for mount, directory := range places {
		root, err := os.OpenRoot(directory)
		if err != nil {
			w.close()
			return nil, err
		}
		w.roots[mount] = root
	}
	return w, nil
}

func (w *writer) close() {
	for _, root := range w.roots {
		root.Close() //nolint:errcheck // nothing was written through it
	}
}

// place is the directory that a path lies in, by the longest mount, and the path in it.
func (w *writer) place(name string) (*os.Root, string) {
	for mount := name; mount != "/"; mount = path.Dir(mount) {
		if root, mounted := w.roots[mount]; mounted {
			return root, relative(strings.TrimPrefix(name, mount))
		}
	}
	return w.roots["/"], relative(name)
}

func relative(name string) string {
	if name = strings.TrimPrefix(name, "/"); name == "" {
		return "."
	}
	return name
}

func (w *writer) put(one entry, content io.Reader) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	root, name := w.place(one.name)
	if name == "." {
		return nil // the directory itself is there
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return refuse(one, err)
	}
	var err error
	switch kind := one.mode.Type(); {
	case one.hard:
		err = w.link(root, one, name)
	case kind.IsDir():
		err = directory(root, name, one.mode)
	case kind == fs.ModeSymlink:
		if err = remove(root, name); err == nil {
			err = root.Symlink(destination(one), name)
		}
	case kind.IsRegular():
		err = w.file(root, name, one.mode, content)
	default:
		err = errors.New("neither a file, a directory nor a link")
	}
	if err != nil && w.ctx.Err() == nil {
		return refuse(one, err)
	}
	return err
}

// refuse blames an entry, except for what is the host's fault.
func refuse(one entry, err error) error {
	for _, host := range []error{unix.ENOSPC, unix.EDQUOT, unix.EIO, unix.EMFILE, unix.ENFILE} {
		if errors.Is(err, host) {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	return fmt.Errorf("%w: %s: %w", ErrEntry, one.name, err)
}

// remove makes way for an entry that is no directory.
func remove(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func directory(root *os.Root, name string, mode fs.FileMode) error {
	if err := root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	return root.Chmod(name, mode.Perm()|0o700) // the machine's user must get in, and so must whoever deletes it
}

func (w *writer) file(root *os.Root, name string, mode fs.FileMode, content io.Reader) (err error) {
	if err := remove(root, name); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm()|0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, reader{w.ctx, content}); err != nil {
		return err
	}
	return file.Chmod(mode.Perm() | 0o600)
}

func (w *writer) link(root *os.Root, one entry, name string) error {
	other, target := w.place(clean(one.link))
	if other != root {
		return errors.New("a hard link from one volume to another")
	}
	if target == name {
		return nil
	}
	if err := remove(root, name); err != nil {
		return err
	}
	return root.Link(target, name)
}

// destination is what a symbolic link leads to. Absolute ones are the machine's, and are made relative to where the
// link is, so that they mean the same from outside.
func destination(one entry) string {
	if !path.IsAbs(one.link) {
		return one.link
	}
	inside, err := filepath.Rel(path.Dir(one.name), path.Clean(one.link))
	if err != nil {
		return one.link
	}
	return inside
}

// reader ends with a context.
type reader struct {
	ctx context.Context // of the one call
	io.Reader
}

func (r reader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(into)
}
