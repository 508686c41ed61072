package memory

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Execute implements vendormodules.Executor for a few programs: "echo WORD...", "cat", "false" and "sleep", which lasts
// until its context ends.
func (m *Module) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	err := m.cloud.call(ctx, "execute", func() error {
		machine, err := m.cloud.findType(id, descriptors.Compute)
		switch {
		case err != nil:
			return err
		case machine.resource.State != vendormodules.ResourceRunning:
			return fmt.Errorf("machine %s is %s: %w", id, machine.resource.State, vendormodules.ErrConflict)
		case len(command.Arguments) == 0:
			return fmt.Errorf("no command: %w", vendormodules.ErrInvalid)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	switch command.Arguments[0] {
	case "echo":
		_, err = fmt.Fprintln(stdout, strings.Join(command.Arguments[1:], " "))
	case "cat":
		if command.Input != nil {
			_, err = io.Copy(stdout, command.Input)
		}
	case "false":
		return 1, nil
	case "sleep":
		<-ctx.Done()
		return 0, ctx.Err()
	default:
		_, err = fmt.Fprintf(stderr, "%s: not found\n", command.Arguments[0])
		return 127, err
	}
	return 0, err
}

// ReadFiles implements vendormodules.Files.
func (m *Module) ReadFiles(ctx context.Context, id, name string) (io.ReadCloser, error) {
	var archive bytes.Buffer
	err := m.cloud.call(ctx, "read-files", func() error {
		machine, err := m.cloud.findType(id, descriptors.Compute)
		if err != nil {
			return err
		}
		name = path.Clean("/" + name)
		files := maps.Clone(machine.files)
		for volume := range machine.mounts {
			maps.Copy(files, m.cloud.records[volume].files)
		}
		writer, found := tar.NewWriter(&archive), false
		for _, file := range slices.Sorted(maps.Keys(files)) {
			if file != name && !strings.HasPrefix(file, strings.TrimSuffix(name, "/")+"/") {
				continue
			}
			found = true
			header := &tar.Header{Typeflag: tar.TypeReg, Name: file, Size: int64(len(files[file])), Mode: 0o644}
			if err := writer.WriteHeader(header); err != nil {
				return err
			}
			if _, err := io.WriteString(writer, files[file]); err != nil {
				return err
			}
		}
		if !found {
			return fmt.Errorf("%s on %s: %w", name, id, vendormodules.ErrNotFound)
		}
		return writer.Close()
	})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(&archive), nil
}

// WriteFiles implements vendormodules.Files.
func (m *Module) WriteFiles(ctx context.Context, id string, archive io.Reader) error {
	return m.cloud.call(ctx, "write-files", func() error {
		machine, err := m.cloud.findType(id, descriptors.Compute)
		if err != nil {
			return err
		}
		for reader := tar.NewReader(archive); ; {
			header, err := reader.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("archive: %w: %w", err, vendormodules.ErrInvalid)
			}
			content, err := io.ReadAll(reader)
			if err != nil {
				return fmt.Errorf("archive: %w: %w", err, vendormodules.ErrInvalid)
			}
			if name := path.Clean("/" + header.Name); header.Typeflag == tar.TypeReg {
				m.cloud.disk(machine, name)[name] = string(content)
			}
		}
	})
}
