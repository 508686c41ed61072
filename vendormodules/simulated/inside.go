package simulated

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

// killed is the exit code of a command whose machine has ended, as by signal 9.
const killed = 128 + 9

// inside does work on a machine that is there, running or stopped, and on what is in it.
func (m *Module) inside(
	ctx context.Context, name operation, id string, work func(machine *record, now time.Time, tree inert.Tree) error,
) error {
	return m.call(ctx, name, id, func(now time.Time) error {
		machine, err := m.account.findType(id, descriptors.Compute, now)
		if err != nil {
			return err
		}
		switch state := machine.state(now); state {
		case vendormodules.ResourceRunning, vendormodules.ResourceStopped:
			return work(machine, now, m.account.tree(machine))
		default:
			return fmt.Errorf("machine %s is %s: %w", id, state, vendormodules.ErrConflict)
		}
	})
}

// Execute implements vendormodules.Executor for the few programs that package inert has. A machine that ends lets go of a
// command once that would have ended.
func (m *Module) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	answers := inert.Machine{Sleep: m.pause, Refusal: "simulated machines run nothing but " + inert.Programs}
	var started time.Time
	err := m.inside(ctx, opExecute, id, func(machine *record, now time.Time, tree inert.Tree) error {
		if state := machine.state(now); state != vendormodules.ResourceRunning {
			return fmt.Errorf("machine %s is %s: %w", id, state, vendormodules.ErrConflict)
		}
		answers.Name, answers.Tree, started = machine.Name, tree, machine.Started
		return nil
	})
	if err != nil {
		return 0, err
	}
	exit, err := answers.Run(ctx, command, stdout, stderr)
	if err != nil {
		return 0, fmt.Errorf("simulated: execute in %s: %w", id, err)
	}
	m.account.mutex.Lock()
	defer m.account.mutex.Unlock()
	now := m.now().UTC()
	machine, err := m.account.findType(id, descriptors.Compute, now)
	if err != nil || machine.state(now) != vendormodules.ResourceRunning || !machine.Started.Equal(started) {
		return killed, nil // a machine that is gone took the command with it
	}
	return exit, nil
}

// ReadFiles implements vendormodules.Files, also of a machine that is stopped.
func (m *Module) ReadFiles(ctx context.Context, id, path string) (io.ReadCloser, error) {
	var archive []byte
	err := m.inside(ctx, opReadFiles, id, func(_ *record, _ time.Time, tree inert.Tree) (err error) {
		archive, err = tree.Pack(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(archive)), nil
}

// WriteFiles implements vendormodules.Files, also of a machine that is stopped. What is written is kept in memory, and gone
// when the module is closed.
func (m *Module) WriteFiles(ctx context.Context, id string, archive io.Reader) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("simulated: %s %s: %w", opWriteFiles, id, err)
	}
	read, err := inert.Read(archive) // at the caller's pace, which nobody else is to wait for
	if err != nil {
		return fmt.Errorf("simulated: %s %s: %w", opWriteFiles, id, err)
	}
	return m.inside(ctx, opWriteFiles, id, func(_ *record, _ time.Time, tree inert.Tree) error { return tree.Unpack(read) })
}

// tree is the files of a machine and of its volumes.
func (a *account) tree(machine *record) inert.Tree {
	tree := inert.Tree{Root: a.disk(machine.ID), Mounts: map[string]*inert.Disk{}}
	for volume, mount := range machine.Volumes {
		tree.Mounts[mount] = a.disk(volume)
	}
	return tree
}

// disk is what a resource holds, nothing at first.
func (a *account) disk(id string) *inert.Disk {
	if a.disks[id] == nil {
		a.disks[id] = &inert.Disk{}
	}
	return a.disks[id]
}

// copyDisk lets a resource hold what another holds now, if that is anything.
func (a *account) copyDisk(from, to string) {
	if held := a.disks[from]; held != nil {
		a.disks[to] = held.Clone()
	}
}
