package client

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/cloud-agency/agency/proto"
)

// CopyTo copies a file to a path of a machine, or, if both end in a slash, the contents of a directory into one. A file
// that is copied to a path with a slash at its end keeps its name.
func (c *Client) CopyTo(ctx context.Context, source, name, machine, target string) error {
	if strings.HasSuffix(source, "/") && !strings.HasSuffix(target, "/") {
		return wrongSource(target, "%s is a directory, of which the contents go to a directory: write %s/", source, target)
	}
	if strings.HasSuffix(target, "/") && !strings.HasSuffix(source, "/") {
		target += filepath.Base(source)
	}
	absolute, err := filepath.Abs(source)
	if err != nil {
		return wrongSource(source, "%s", err)
	}
	inside, directory := filepath.Base(absolute), filepath.Dir(absolute)
	if strings.HasSuffix(source, "/") {
		inside, directory = "./", absolute
	}
	if information, err := os.Stat(absolute); err == nil && information.IsDir() != strings.HasSuffix(source, "/") {
		if information.IsDir() {
			return wrongSource(source, "is a directory; write %s/ to copy its contents", source)
		}
		return wrongSource(source, "is no directory; write it without the slash at its end")
	} else if err != nil {
		return wrongSource(source, "no such file")
	}
	asked := proto.DeploymentCommand{
		Verb: proto.DeploymentWriteFiles, Name: name, Machine: machine, Errand: &proto.Errand{},
	}
	if _, err := c.Machine(ctx, name, machine); err != nil {
		return err // before all of it is sent for nothing
	}
	err = c.withUpload(ctx, &asked, func(archive io.Writer) error {
		packer := &packer{tree: os.DirFS(directory), archive: tar.NewWriter(archive)}
		if err := packer.add(inside, path.Clean(target)); err != nil {
			return err
		}
		return packer.archive.Close()
	})
	if err != nil {
		return err
	}
	_, err = c.errand(ctx, asked)
	return err
}

// CopyFrom copies a file of a machine to a path here, or, if its path ends in a slash, the contents of a directory into one
// that is made if need be. A file that is copied to a directory keeps its name.
func (c *Client) CopyFrom(ctx context.Context, name, machine, source, target string) error {
	done, err := c.errand(ctx, proto.DeploymentCommand{
		Verb: proto.DeploymentReadFiles, Name: name, Machine: machine, Errand: &proto.Errand{Path: path.Clean(source)},
	})
	if err != nil {
		return err
	}
	archive, err := os.CreateTemp("", "agency-copy-*.tar")
	if err != nil {
		return fmt.Errorf("make room for the archive: %w", err)
	}
	defer func() {
		_ = archive.Close()
		_ = os.Remove(archive.Name())
	}()
	if err := c.copyStream(ctx, done, proto.StreamArchive, archive); err != nil {
		return err
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	return unpack(archive, source, target)
}

// unpack puts what was read of a source into its place here, and nothing beside it.
func unpack(archive io.Reader, source, target string) error {
	reader := tar.NewReader(archive)
	header, err := reader.Next()
	if err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	whole := strings.HasSuffix(source, "/")
	switch directory := header.Typeflag == tar.TypeDir; {
	case directory && !whole:
		return wrongSource(source, "is a directory; write %s/ to copy its contents", source)
	case !directory && whole && path.Clean(header.Name) == path.Clean(source):
		return wrongSource(source, "is no directory; write it without the slash at its end")
	}
	if !whole {
		return unpackFile(reader, header, target)
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", target, err)
	}
	root, err := os.OpenRoot(target)
	if err != nil {
		return fmt.Errorf("open %s: %w", target, err)
	}
	defer func() { _ = root.Close() }()
	for ; err == nil; header, err = reader.Next() {
		inside := strings.TrimPrefix(strings.TrimPrefix(path.Clean(header.Name), path.Clean(source)), "/")
		if err := place(root, inside, header, reader); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Join(target, inside), err)
		}
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the archive: %w", err)
	}
	return nil
}

func unpackFile(content io.Reader, header *tar.Header, target string) error {
	if information, err := os.Stat(target); strings.HasSuffix(target, "/") || err == nil && information.IsDir() {
		target = filepath.Join(target, path.Base(path.Clean(header.Name)))
	}
	root, err := os.OpenRoot(filepath.Dir(target))
	if err != nil {
		return fmt.Errorf("open %s: %w", filepath.Dir(target), err)
	}
	defer func() { _ = root.Close() }()
	if err := place(root, filepath.Base(target), header, content); err != nil {
		return fmt.Errorf("write %s: %w", target, err)
	}
	return nil
}

// place writes one entry.
func place(root *os.Root, name string, header *tar.Header, content io.Reader) error {
	mode := header.FileInfo().Mode().Perm()
	switch {
	case name == "":
		return nil // the directory itself
	case header.Typeflag == tar.TypeDir:
		return root.MkdirAll(name, mode|0o700)
	case header.Typeflag != tar.TypeReg:
		return nil // only files and directories are copied
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
