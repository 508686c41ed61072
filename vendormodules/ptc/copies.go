package ptc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/clone"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

var (
	_ vendormodules.Snapshotter = (*Module)(nil)
	_ vendormodules.Imager      = (*Module)(nil)
)

// Snapshot implements vendormodules.Snapshotter by a copy of the volume's directory. It returns when that is whole; one
// that is cut off leaves nothing.
func (m *Module) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return m.copy(ctx, request, descriptors.Volume, m.snapshot)
}

// Image implements vendormodules.Imager by a copy of the machine's own directory, without its volumes, its user data and
// what is in /tmp.
func (m *Module) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return m.copy(ctx, request, descriptors.Compute, m.image)
}

// taking copies what a source holds into a directory, and completes the copy's record.
type taking func(ctx context.Context, source record.Record, into *record.Record, data string) error

// copy makes a copy of a resource of one type, as take takes it, unless an earlier call made it.
func (m *Module) copy(
	ctx context.Context, request vendormodules.CopyRequest, of descriptors.ResourceType, take taking,
) (vendormodules.Resource, error) {
	leave, err := m.begin(ctx)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	defer leave()
	made, err := m.makeCopy(ctx, request, of, take)
	var resource vendormodules.Resource
	if err == nil {
		resource, err = m.show(made)
	}
	if err != nil {
		return resource, fmt.Errorf("ptc: copy %s %s: %w", of, request.Source, err)
	}
	return resource, nil
}

func (m *Module) makeCopy(
	ctx context.Context, request vendormodules.CopyRequest, of descriptors.ResourceType, take taking,
) (made record.Record, err error) {
	if !validKey.MatchString(request.Key) {
		return made, fmt.Errorf("key %q: %w", request.Key, vendormodules.ErrInvalid)
	}
	release, err := m.locks.acquire(ctx, request.Key)
	if err != nil {
		return made, err
	}
	defer release()
	made, err = m.read(request.Key)
	if err == nil && made.Deleting {
		err = fmt.Errorf("%s is being deleted: %w", request.Key, vendormodules.ErrConflict)
	}
	if !errors.Is(err, vendormodules.ErrNotFound) {
		return made, err
	}
	free, err := m.locks.acquire(ctx, request.Source) // it stays, and so does what a machine has
	if err != nil {
		return made, err
	}
	defer free()
	source, err := m.read(request.Source)
	if err == nil {
		err = m.steady(source, of)
	}
	if err != nil {
		return made, err
	}
	made = record.Record{
		Key: request.Key, Name: request.Name, Tags: request.Tags, Created: m.environment.Now().UTC(), Prepared: true,
	}
	return made, m.layFilled(&made, []string{"data"}, func(aside record.Directory) error {
		return take(ctx, source, &made, aside.Data())
	})
}

// snapshot copies a volume's data, wherever that lies.
func (m *Module) snapshot(ctx context.Context, source record.Record, into *record.Record, data string) error {
	machine, lies := m.ledger.owner(source.Key), m.at(source.Key).Data()
	if machine != "" {
		lies = filepath.Join(m.at(machine).Volumes(), source.Key)
	}
	tree, err := clone.Open(lies)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("its data is on its way to a machine, or home: %w", vendormodules.ErrTransient)
	}
	if err != nil {
		return err
	}
	defer tree.Close() //nolint:errcheck // only read
	into.Class = descriptors.Class{Type: descriptors.Snapshot, Size: source.Class.Size}
	if machine != "" {
		into.Warnings = m.unsteady(machine)
	}
	_, err = tree.CopyTo(ctx, data, func(string) bool { return false })
	return err
}

// image copies what is a machine's own.
func (m *Module) image(ctx context.Context, source record.Record, into *record.Record, data string) error {
	tree, err := clone.Open(m.at(source.Key).Root())
	if err != nil {
		return fmt.Errorf("data of the machine: %w", err)
	}
	defer tree.Close() //nolint:errcheck // only read
	left := map[string]bool{"tmp": true, "user-data": true}
	for _, mount := range source.Volumes {
		left[mount[1:]] = true
	}
	size, err := tree.CopyTo(ctx, data, func(path string) bool { return left[path] })
	into.Class = descriptors.Class{Type: descriptors.Image, Image: source.Class.Image, Size: size}
	into.Warnings = m.unsteady(source.Key)
	return err
}

// unsteady is the warning that a copy is not of one moment, because a machine ran that may have written meanwhile.
func (m *Module) unsteady(machine string) []string {
	if status, err := m.look(m.at(machine)); err == nil && status.Over() {
		return nil
	}
	return []string{"its machine ran while it was copied, file by file: what was written meanwhile may be there in part"}
}

// origin reads the copy that a request wants a resource to be made of; nothing if it wants none.
func (m *Module) origin(request vendormodules.Request) (record.Record, error) {
	id, kind := request.Snapshot, descriptors.Snapshot
	if request.Image != "" {
		id, kind = request.Image, descriptors.Image
	}
	if id == "" {
		return record.Record{}, nil
	}
	of, err := m.read(id)
	if err == nil {
		err = m.steady(of, kind)
	}
	return of, err
}

// fill puts what is in a copy into a resource that is made of it.
func (m *Module) fill(ctx context.Context, request vendormodules.Request, directory string) error {
	of, err := m.origin(request)
	if err != nil || of.Key == "" {
		return err
	}
	release, err := m.locks.acquire(ctx, of.Key)
	if err != nil {
		return err
	}
	defer release()
	tree, err := clone.Open(m.at(of.Key).Data())
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s %s: %w", of.Class.Type, of.Key, vendormodules.ErrNotFound)
	}
	if err != nil {
		return err
	}
	defer tree.Close() //nolint:errcheck // only read
	_, err = tree.CopyTo(ctx, directory, func(string) bool { return false })
	return err
}
