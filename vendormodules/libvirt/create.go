package libvirt

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Create implements vendormodules.Module.
func (m *Module) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	created, err := m.create(ctx, request)
	if err != nil {
		return vendormodules.Resource{}, failed("create", request.Key, err)
	}
	return created, nil
}

func (m *Module) create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	of := m.label(request.Class.Type, request.Key, request.Name, request.Tags)
	if of.Type == descriptors.Volume && request.Snapshot != "" {
		return m.copy(ctx, of, origin{request.Snapshot, descriptors.Snapshot, request.Class.Size})
	}
	unlock, err := m.busy.lock(ctx, request.Key)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	defer unlock()
	switch of.Type {
	case descriptors.Compute:
		return m.createMachine(ctx, of, request)
	case descriptors.Volume:
		return m.createVolume(ctx, of, request)
	case descriptors.Network:
		return m.createNetwork(ctx, of, request)
	}
	return vendormodules.Resource{}, fmt.Errorf("no %s is made here: %w", of.Type, vendormodules.ErrUnsupported)
}

// label is that of a resource that is made now.
func (m *Module) label(kind descriptors.ResourceType, key, name string, tags vendormodules.Tags) label {
	return label{Key: key, Name: name, Type: kind, Tags: tags, Created: m.now().UTC().Truncate(timeUnit)}
}

// earlier finds what a create of the same key and type made, on whatever host; nil if there is none yet.
func (m *Module) earlier(ctx context.Context, of label) (*host, error) {
	for _, one := range m.hosts {
		var err error
		switch of.Type {
		case descriptors.Compute:
			_, err = one.machine(ctx, of.Key)
		case descriptors.Network:
			_, err = one.network(ctx, of.Key)
		default:
			_, err = one.volume(ctx, id{one.name, of.Type, of.Key})
		}
		if err == nil {
			return one, nil
		}
		if !errors.Is(classify(err), vendormodules.ErrNotFound) {
			return nil, err
		}
	}
	return nil, nil
}
