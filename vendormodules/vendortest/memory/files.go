package memory

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/inert"
)

// Execute implements vendormodules.Executor for the few programs that package inert has.
func (m *Module) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	answers := inert.Machine{Sleep: sleep, Refusal: "it has nothing but " + inert.Programs}
	err := m.cloud.call(ctx, "execute", func() error {
		machine, err := m.cloud.findType(id, descriptors.Compute)
		switch {
		case err != nil:
			return err
		case machine.resource.State != vendormodules.ResourceRunning:
			return fmt.Errorf("machine %s is %s: %w", id, machine.resource.State, vendormodules.ErrConflict)
		}
		answers.Name, answers.Tree = machine.resource.Name, m.cloud.tree(machine)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return answers.Run(ctx, command, stdout, stderr)
}

// sleep lasts until its context ends.
func sleep(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

// ReadFiles implements vendormodules.Files.
func (m *Module) ReadFiles(ctx context.Context, id, name string) (io.ReadCloser, error) {
	var archive []byte
	err := m.cloud.call(ctx, "read-files", func() error {
		machine, err := m.cloud.findType(id, descriptors.Compute)
		if err == nil {
			archive, err = m.cloud.tree(machine).Pack(name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(archive)), nil
}

// WriteFiles implements vendormodules.Files.
func (m *Module) WriteFiles(ctx context.Context, id string, archive io.Reader) error {
	return m.cloud.call(ctx, "write-files", func() error {
		machine, err := m.cloud.findType(id, descriptors.Compute)
		if err != nil {
			return err
		}
		read, err := inert.Read(archive)
		if err != nil {
			return err
		}
		return m.cloud.tree(machine).Unpack(read)
	})
}

// tree is the files of a machine and of its volumes.
func (c *Cloud) tree(machine *record) inert.Tree {
	tree := inert.Tree{Root: machine.disk, Mounts: map[string]*inert.Disk{}}
	for volume, mount := range machine.mounts {
		tree.Mounts[mount] = c.records[volume].disk
	}
	return tree
}
