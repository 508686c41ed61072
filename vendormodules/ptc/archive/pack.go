package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Pack writes a path of the machine, a file or a directory with all that is in it, as a tar archive whose entries are
// absolute paths. Links and whatever else is neither a file nor a directory are left out. An error wraps fs.ErrNotExist if
// there is no such path.
func (t Target) Pack(ctx context.Context, name string, archive io.Writer) error {
	places, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer places.close()
	packer := &packer{writer: places, archive: tar.NewWriter(archive)}
	name = clean(name)
	root, inside := places.place(name)
	information, err := root.Stat(inside)
	if err == nil {
		err = packer.add(name, information)
	}
	if err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return packer.archive.Close()
}

// Find says whether a path of the machine is there; an error wraps fs.ErrNotExist if it is not.
func (t Target) Find(ctx context.Context, name string) error {
	places, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer places.close()
	root, inside := places.place(clean(name))
	_, err = root.Stat(inside)
	return err
}

type packer struct {
	*writer
	archive *tar.Writer
}

func (p *packer) add(name string, information fs.FileInfo) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	root, inside := p.place(name)
	switch {
	case information.IsDir():
		return p.directory(root, name, inside, information)
	case information.Mode().IsRegular():
		return p.regular(root, name, inside)
	}
	return nil
}

func (p *packer) directory(root *os.Root, name, inside string, information fs.FileInfo) error {
	err := p.archive.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir, Name: strings.TrimSuffix(name, "/") + "/", Mode: int64(information.Mode().Perm()), Format: tar.FormatPAX,
	})
	if err != nil {
		return err
	}
	opened, err := root.Open(inside)
	if err != nil {
		return err
	}
	names, err := opened.Readdirnames(-1)
	if err = errors.Join(err, opened.Close()); err != nil {
		return err
	}
	slices.Sort(names)
	for _, one := range names {
		below := path.Join(name, one)
		root, inside := p.place(below)
		information, err := root.Lstat(inside)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err == nil {
			err = p.add(below, information)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// regular packs a file, as long as it was when it was opened. Opening never waits, whatever the machine puts in its place.
func (p *packer) regular(root *os.Root, name, inside string) error {
	file, err := root.OpenFile(inside, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close() // only read
	information, err := file.Stat()
	if err != nil || !information.Mode().IsRegular() {
		return err
	}
	err = p.archive.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: information.Size(), Mode: int64(information.Mode().Perm()), Format: tar.FormatPAX,
	})
	if err != nil {
		return err
	}
	if _, err := io.CopyN(p.archive, reader{p.ctx, file}, information.Size()); err != nil {
		return fmt.Errorf("%s changed while it was read: %w", name, err)
	}
	return nil
}
