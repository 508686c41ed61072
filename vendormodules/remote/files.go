package remote

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/cloudinit"
)

// ReadFiles implements vendormodules.Files. Of a file with several names in the directory the first is kept.
func (a *Access) ReadFiles(ctx context.Context, id, name string) (io.ReadCloser, error) {
	name = path.Clean("/" + name)
	if exit, err := a.Execute(ctx, id, vendormodules.Command{Arguments: []string{"test", "-e", name}}, io.Discard, io.Discard); err != nil {
		return nil, err
	} else if exit != 0 {
		return nil, fmt.Errorf("read %s of %s: %w", name, id, vendormodules.ErrNotFound)
	}
	session, err := a.session(ctx, id)
	if err != nil {
		return nil, err
	}
	complaints := &bytes.Buffer{}
	session.Stderr = complaints
	packed, err := session.StdoutPipe()
	if err == nil {
		err = session.Start("exec tar -C / -cf - -- " + cloudinit.Quote(cmp.Or(strings.TrimPrefix(name, "/"), ".")))
	}
	if err != nil {
		session.Close() //nolint:errcheck // the failure is known
		return nil, fmt.Errorf("read %s of %s: %w: %w", name, id, err, vendormodules.ErrTransient)
	}
	reader, writer := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := translate(writer, packed, "/")
		_, _ = io.Copy(io.Discard, packed) // what follows the end, so that tar can end
		if exit, waitErr := exitCode(session.Wait()); err == nil && (waitErr != nil || exit != 0) {
			err = fmt.Errorf("read %s of %s: tar ends with %d: %s %w", name, id, exit, lastLine(complaints), errors.Join(waitErr, vendormodules.ErrTransient))
		}
		writer.CloseWithError(cmp.Or(ctx.Err(), err))
	}()
	return &download{reader, session, ended}, nil
}

// download is an archive on its way from a machine.
type download struct {
	*io.PipeReader
	session *session
	ended   chan struct{}
}

// Close ends the reading.
func (d *download) Close() error {
	err := errors.Join(d.PipeReader.Close(), d.session.Close())
	<-d.ended
	return err
}

// WriteFiles implements vendormodules.Files.
func (a *Access) WriteFiles(ctx context.Context, id string, archive io.Reader) error {
	session, err := a.session(ctx, id)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // its end is known
	var complaints bytes.Buffer
	session.Stderr = &complaints
	input, err := session.StdinPipe()
	if err == nil {
		err = session.Start("exec tar -C / -xpf -")
	}
	if err != nil {
		return fmt.Errorf("write files to %s: %w: %w", id, cmp.Or(ctx.Err(), err), vendormodules.ErrTransient)
	}
	if err := translate(input, archive, ""); err != nil {
		return fmt.Errorf("write files to %s: %w", id, cmp.Or(ctx.Err(), err))
	}
	if err := input.Close(); err != nil {
		return fmt.Errorf("write files to %s: %w: %w", id, cmp.Or(ctx.Err(), err), vendormodules.ErrTransient)
	}
	exit, err := exitCode(session.Wait())
	if err != nil {
		return fmt.Errorf("write files to %s: %w: %w", id, cmp.Or(ctx.Err(), err), vendormodules.ErrTransient)
	}
	if exit != 0 {
		return fmt.Errorf("write files to %s: tar ends with %d: %s: %w", id, exit, lastLine(&complaints), vendormodules.ErrConflict)
	}
	return nil
}

// translate copies the files and directories of an archive, and puts a prefix before names that begin at the root. What
// cannot be read is vendormodules.ErrInvalid, what cannot be written ErrTransient.
func translate(to io.Writer, from io.Reader, prefix string) error {
	packed := tar.NewWriter(to)
	for entries := tar.NewReader(from); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			if err := packed.Close(); err != nil {
				return fmt.Errorf("%w: %w", err, vendormodules.ErrTransient)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", err, vendormodules.ErrInvalid)
		}
		if header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeDir {
			continue
		}
		name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
		if name == "" {
			continue
		}
		kept := tar.Header{
			Typeflag: header.Typeflag, Name: prefix + name, Mode: header.Mode & 0o7777, Size: header.Size, ModTime: header.ModTime,
		}
		if header.Typeflag == tar.TypeDir {
			kept.Name += "/"
		}
		if err := packed.WriteHeader(&kept); err != nil {
			return fmt.Errorf("%s: %w: %w", name, err, vendormodules.ErrTransient)
		}
		if _, err := io.Copy(packed, entries); err != nil {
			return fmt.Errorf("%s: %w: %w", name, err, vendormodules.ErrTransient)
		}
	}
}

func lastLine(complaints *bytes.Buffer) string {
	lines := strings.Split(strings.TrimSpace(complaints.String()), "\n")
	return lines[len(lines)-1]
}
