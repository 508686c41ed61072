package cloudinit

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/cloud-agency/agency/vendormodules"
)

// Rest is what of a machine did not fit its user data. Until it is brought the machine starts no command.
type Rest struct {
	// Archive is the path of a gzipped tar archive of files; empty without files.
	Archive string
	// files are the agency's own.
	files []file
}

// Everything is all of a machine as a Rest, for images without cloud-init.
func (m Machine) Everything() (*Rest, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return &Rest{Archive: m.Request.Files, files: m.files()}, nil
}

// Deliver brings the rest to a machine that runs, and lets it start its commands. It may be repeated.
func (r *Rest) Deliver(ctx context.Context, machine interface {
	vendormodules.Files
	vendormodules.Executor
}, id string) error {
	reader, writer := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := r.write(writer)
		writer.CloseWithError(err)
		written <- err
	}()
	err := machine.WriteFiles(ctx, id, reader)
	reader.CloseWithError(errors.New("nobody reads on"))
	if writeErr := <-written; err == nil {
		err = writeErr
	}
	if err != nil {
		return fmt.Errorf("bring %s its files: %w", id, err)
	}
	var said strings.Builder
	command := vendormodules.Command{Arguments: []string{"/bin/sh", "-c", "rm -f " + directory + "/pending; exec /bin/sh " + begin}}
	code, err := machine.Execute(ctx, id, command, &said, &said)
	if err != nil {
		return fmt.Errorf("let %s start its commands: %w", id, err)
	}
	if code != 0 {
		return fmt.Errorf("let %s start its commands: it ended with %d: %s", id, code, strings.TrimSpace(said.String()))
	}
	return nil
}

// write makes the archive that vendormodules.Files takes: the agency's files, then those of the class.
func (r *Rest) write(to io.Writer) error {
	archive := tar.NewWriter(to)
	for _, one := range r.files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: one.path, Mode: int64(one.mode), Size: int64(len(one.content))}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(one.content); err != nil {
			return err
		}
	}
	if r.Archive != "" {
		if err := copyArchive(archive, r.Archive); err != nil {
			return err
		}
	}
	return archive.Close()
}

func copyArchive(to *tar.Writer, name string) error {
	source, err := os.Open(name)
	if err != nil {
		return err
	}
	defer source.Close()
	unzipped, err := gzip.NewReader(source)
	if err != nil {
		return fmt.Errorf("%s: %w", path.Base(name), err)
	}
	entries := tar.NewReader(unzipped)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = to.WriteHeader(header)
		}
		if err == nil {
			_, err = io.Copy(to, entries) //nolint:gosec // the agency's own archive
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path.Base(name), err)
		}
	}
}
