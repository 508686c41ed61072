package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/inert"
)

// Snapshot implements vendormodules.Snapshotter.
func (m *Module) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return m.copy(ctx, descriptors.Snapshot, descriptors.Volume, request)
}

// Image implements vendormodules.Imager.
func (m *Module) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return m.copy(ctx, descriptors.Image, descriptors.Compute, request)
}

// copy makes a copy of one kind of a resource of another. Its operation is called like the copy's kind.
func (m *Module) copy(
	ctx context.Context, kind, of descriptors.ResourceType, request vendormodules.CopyRequest,
) (vendormodules.Resource, error) {
	var made vendormodules.Resource
	err := m.cloud.call(ctx, string(kind), func() error {
		for _, existing := range m.cloud.records {
			if existing.resource.Key == request.Key {
				made = existing.resource
				return nil
			}
		}
		source, err := m.cloud.findType(request.Source, of)
		if err != nil {
			return err
		}
		m.cloud.number++
		copied := &record{
			disk: source.disk.Clone(), looks: looksPerState,
			resource: vendormodules.Resource{
				ID: fmt.Sprintf("r-%d", m.cloud.number), Key: request.Key, Name: request.Name, Type: kind, Tags: request.Tags,
				State: vendormodules.ResourceCreating, Created: time.Now().UTC(), Size: source.request.Class.Size,
			},
		}
		m.cloud.records[copied.resource.ID] = copied
		made = copied.resource
		return nil
	})
	return made, err
}

// origin is what a new resource has from the start: what is on the snapshot or the image that it is made of.
func (c *Cloud) origin(request vendormodules.Request) (*inert.Disk, error) {
	id, kind := request.Snapshot, descriptors.Snapshot
	if request.Image != "" {
		id, kind = request.Image, descriptors.Image
	}
	if id == "" {
		return &inert.Disk{}, nil
	}
	found, err := c.findType(id, kind)
	if err != nil {
		return nil, err
	}
	return found.disk.Clone(), nil
}
