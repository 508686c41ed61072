package ptc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/archive"
	"github.com/cloud-agency/agency/vendormodules/ptc/keeper"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// Execute implements vendormodules.Executor. The machine's keeper runs the command, as it does the machine's own: confined
// to the same files and control groups, and ended with them.
func (m *Module) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	leave, err := m.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	of, err := m.read(id)
	if err == nil {
		err = m.steady(of, descriptors.Compute)
	}
	if err == nil && len(command.Arguments) == 0 {
		err = fmt.Errorf("there is no command: %w", vendormodules.ErrInvalid)
	}
	exit := 0
	if err == nil {
		exit, err = keeper.Execute(ctx, m.at(id), command, stdout, stderr)
	}
	if err != nil {
		return 0, fmt.Errorf("ptc: execute in %s: %w", id, err)
	}
	return exit, nil
}

// ReadFiles implements vendormodules.Files, also of a machine that is stopped.
func (m *Module) ReadFiles(ctx context.Context, id, path string) (io.ReadCloser, error) {
	leave, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	target, err := m.files(id)
	if err == nil {
		err = target.Find(ctx, path)
	}
	if err != nil {
		return nil, fmt.Errorf("ptc: read %s of %s: %w", path, id, fileError(err))
	}
	reading, writing := io.Pipe()
	go func() { // ends when all was read, or with Close
		writing.CloseWithError(fileError(target.Pack(ctx, path, writing)))
	}()
	return reading, nil
}

// WriteFiles implements vendormodules.Files, also of a machine that is stopped.
func (m *Module) WriteFiles(ctx context.Context, id string, from io.Reader) error {
	of, end, err := m.hold(ctx, id) // volumes stay where they are meanwhile
	if err == nil {
		defer end()
		var target archive.Target
		if target, err = m.filesOf(of); err == nil {
			err = target.UnpackFrom(ctx, from)
		}
	}
	if err != nil {
		return fmt.Errorf("ptc: write files of %s: %w", id, fileError(err))
	}
	return nil
}

func (m *Module) files(id string) (archive.Target, error) {
	of, err := m.read(id)
	if err != nil {
		return archive.Target{}, err
	}
	return m.filesOf(of)
}

// filesOf is target for machines, and refuses all else.
func (m *Module) filesOf(of record.Record) (archive.Target, error) {
	if err := m.steady(of, descriptors.Compute); err != nil {
		return archive.Target{}, err
	}
	return m.target(of), nil
}

// target is where a machine's files are.
func (m *Module) target(of record.Record) archive.Target {
	directory := m.at(of.Key)
	target := archive.Target{Root: directory.Root(), Mounts: map[string]string{}}
	for volume, mount := range of.Volumes {
		target.Mounts[mount] = filepath.Join(directory.Volumes(), volume)
	}
	return target
}

// fileError puts what can be wrong with files in the contract's words.
func fileError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", err, vendormodules.ErrNotFound)
	case errors.Is(err, archive.ErrEntry):
		return fmt.Errorf("%w: %w", err, vendormodules.ErrInvalid)
	}
	return err
}
