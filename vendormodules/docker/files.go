package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// put unpacks an archive, gzipped or not, at the root of a container, running or not.
func put(ctx context.Context, engine *client.Client, container string, content io.Reader) error {
	_, err := engine.CopyToContainer(ctx, container, client.CopyToContainerOptions{DestinationPath: "/", Content: content})
	return failed(err, "put files into %s", container)
}

// machine finds a machine that is wholly there.
func (m *Module) machine(ctx context.Context, id string) (found, *client.Client, error) {
	if err := m.begin(ctx); err != nil {
		return found{}, nil, err
	}
	one, err := m.locate(ctx, id)
	if err == nil {
		err = one.steady(descriptors.Compute)
	}
	if err != nil {
		return found{}, nil, err
	}
	engine, err := one.at.connect(ctx)
	return one, engine, err
}

// ReadFiles implements vendormodules.Files, also of a machine that is stopped.
func (m *Module) ReadFiles(ctx context.Context, id, name string) (io.ReadCloser, error) {
	one, engine, err := m.machine(ctx, id)
	var copied client.CopyFromContainerResult
	name = path.Clean("/" + name)
	if err == nil {
		copied, err = engine.CopyFromContainer(ctx, one.ID, client.CopyFromContainerOptions{SourcePath: name})
	}
	if err != nil && strings.Contains(err.Error(), "no such file or directory") { // Podman, whose status tells nothing
		err = fmt.Errorf("%w: %w", vendormodules.ErrNotFound, err)
	}
	if err != nil {
		return nil, failed(err, "read %s of %s", name, id)
	}
	reading, writing := io.Pipe()
	go func() { // ends when all was read, or with Close
		err := translate(copied.Content, writing, func(entry string) string {
			// The engine names entries from the last element of the path on.
			return path.Join(path.Dir(name), entry)
		})
		writing.CloseWithError(errors.Join(failed(err, "read %s of %s", name, id), copied.Content.Close()))
	}()
	return reading, nil
}

// WriteFiles implements vendormodules.Files, also of a machine that is stopped.
func (m *Module) WriteFiles(ctx context.Context, id string, archive io.Reader) error {
	one, engine, err := m.machine(ctx, id)
	if err != nil {
		return failed(err, "write files of %s", id)
	}
	reading, writing := io.Pipe()
	translated := make(chan error, 1)
	go func() {
		err := translate(archive, writing, func(entry string) string { return path.Clean("/" + entry)[1:] })
		writing.CloseWithError(err)
		translated <- err
	}()
	err = put(ctx, engine, one.ID, reading)
	reading.CloseWithError(io.ErrClosedPipe) // the engine reads no more
	// What was wrong with the archive tells more than that the engine did not get to its end.
	if fault := <-translated; fault != nil && !errors.Is(fault, io.ErrClosedPipe) {
		err = fault
	}
	return failed(err, "write files of %s", id)
}

// translate copies an archive's files and directories, under other names.
func translate(from io.Reader, to io.Writer, rename func(string) string) error {
	reader, writer := tar.NewReader(from), tar.NewWriter(to)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return writer.Close()
		}
		if err != nil {
			return archiveFault(err)
		}
		if header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeDir {
			continue
		}
		kept := tar.Header{
			Typeflag: header.Typeflag, Name: rename(header.Name), Size: header.Size, Mode: header.Mode, ModTime: header.ModTime,
			Uid: header.Uid, Gid: header.Gid,
		}
		if kept.Typeflag == tar.TypeDir {
			kept.Name, kept.Size = strings.TrimSuffix(kept.Name, "/")+"/", 0
		}
		if err := writer.WriteHeader(&kept); err != nil {
			return err
		}
		if _, err := io.Copy(writer, reader); err != nil {
			return archiveFault(err)
		}
	}
}

// archiveFault tells an archive that makes no sense from one that could not be read.
func archiveFault(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("no archive: %w: %w", err, vendormodules.ErrInvalid)
	}
	return err
}
