package simulated

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// imageSize is what the image of a machine takes of the storage: machines here have no disk to measure.
const imageSize = 8 * quantity.GiB

// Snapshot implements vendormodules.Snapshotter.
func (m *Module) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return m.copy(ctx, opSnapshot, request, func(source *record) descriptors.Class {
		return descriptors.Class{Type: descriptors.Snapshot, Size: source.Use.Storage}
	})
}

// Image implements vendormodules.Imager.
func (m *Module) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return m.copy(ctx, opImage, request, func(*record) descriptors.Class {
		return descriptors.Class{Type: descriptors.Image, Size: imageSize}
	})
}

// copy makes a copy of the class that the source leads to, under the rules of Create.
func (m *Module) copy(
	ctx context.Context, name operation, request vendormodules.CopyRequest, lead func(source *record) descriptors.Class,
) (vendormodules.Resource, error) {
	var made vendormodules.Resource
	err := m.call(ctx, name, request.Key, func(now time.Time) error {
		if earlier := m.recognise(request.Key, now); earlier != nil {
			made = earlier.resource(now)
			return nil
		}
		source, err := m.account.find(request.Source, now)
		if err != nil {
			return err
		}
		class := lead(source)
		if source.Type != class.Type.CopyOf() {
			return fmt.Errorf("%s is a %s, not a %s: %w", source.ID, source.Type, class.Type.CopyOf(), vendormodules.ErrInvalid)
		}
		added, err := m.make(vendormodules.Request{Key: request.Key, Name: request.Name, Tags: request.Tags, Class: class}, now)
		if err != nil {
			return err
		}
		m.account.put(added)
		m.account.copyDisk(source.ID, added.ID)
		m.account.changed[added.ID] = true
		made = added.resource(now)
		return nil
	})
	return made, err
}

// origin is the copy that a request wants a resource to be made of; empty for none.
func origin(request vendormodules.Request) string { return cmp.Or(request.Image, request.Snapshot) }

// originate refuses a request for something made of what is not there, or does not fit.
func (m *Module) originate(request vendormodules.Request, now time.Time) error {
	if request.Image != "" {
		_, err := m.account.findType(request.Image, descriptors.Image, now)
		return err
	}
	if request.Snapshot == "" {
		return nil
	}
	found, err := m.account.findType(request.Snapshot, descriptors.Snapshot, now)
	if err == nil && request.Class.Size < found.Use.Storage {
		err = fmt.Errorf("size %s is less than the snapshot's %s: %w", request.Class.Size, found.Use.Storage, vendormodules.ErrInvalid)
	}
	return err
}
