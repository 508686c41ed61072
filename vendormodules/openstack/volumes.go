package openstack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

func (m *Module) findVolumes(ctx context.Context, s *session, options volumes.ListOpts) ([]volumes.Volume, error) {
	pages, err := allPages(ctx, volumes.List(s.volume, options))
	if err != nil {
		return nil, err
	}
	all, err := volumes.ExtractVolumes(pages)
	return slices.DeleteFunc(all, func(one volumes.Volume) bool { return !m.ours(readMetadata(one.Metadata)) }), err
}

func (m *Module) listVolumes(ctx context.Context, s *session) ([]vendormodules.Resource, error) {
	all, err := m.findVolumes(ctx, s, volumes.ListOpts{}) // copies of volumes too
	listed := make([]vendormodules.Resource, 0, len(all))
	for _, one := range all {
		listed = append(listed, volumeResource(one))
	}
	return listed, err
}

// volumeOf gets one of the agency's volumes.
func (m *Module) volumeOf(ctx context.Context, s *session, id string) (volumes.Volume, error) {
	if err := needs(s.volume != nil, volumeService); err != nil {
		return volumes.Volume{}, err
	}
	found, err := volumes.Get(ctx, s.volume, id).Extract()
	if err != nil {
		return volumes.Volume{}, err
	}
	if !m.ours(readMetadata(found.Metadata)) {
		return volumes.Volume{}, vendormodules.ErrNotFound
	}
	return *found, nil
}

func (m *Module) showVolume(ctx context.Context, s *session, id string) (vendormodules.Resource, error) {
	found, err := m.volumeOf(ctx, s, id)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return volumeResource(found), nil
}

// volumeResource is what a volume shows of itself, be it one or a snapshot.
func volumeResource(one volumes.Volume) vendormodules.Resource {
	of := readMetadata(one.Metadata)
	resource := of.resource(one.ID)
	resource.Type, resource.Created = descriptors.Volume, one.CreatedAt.UTC()
	resource.Size = quantity.Bytes(one.Size) * quantity.GiB
	resource.State, resource.Fault = storageState(one.Status)
	if of.Copy == kept {
		resource.Type = descriptors.Snapshot
	}
	return resource
}

// storageState is Cinder's status of a volume or snapshot in the contract's words. What it does to one that exists is not
// shown: it is there meanwhile.
func storageState(status string) (vendormodules.ResourceState, string) {
	switch {
	case status == "creating", status == "downloading":
		return vendormodules.ResourceCreating, ""
	case status == "deleting":
		return vendormodules.ResourceDeleting, ""
	case strings.HasPrefix(status, "error"):
		return vendormodules.ResourceError, "the cloud shows it as " + status
	}
	return vendormodules.ResourceRunning, ""
}

func (m *Module) createVolume(ctx context.Context, s *session, request vendormodules.Request) (vendormodules.Resource, error) {
	if err := needs(s.volume != nil, volumeService); err != nil {
		return vendormodules.Resource{}, err
	}
	return m.makeVolume(ctx, s, identityOf(request), request.Snapshot, volumes.CreateOpts{
		Size: max(1, gibibytes(request.Class.Size)), VolumeType: m.configuration.VolumeType,
	})
}

// makeVolume makes a volume, unless there is one of the key. It begins with what another holds, unless that is empty.
func (m *Module) makeVolume(ctx context.Context, s *session, of identity, source string, options volumes.CreateOpts) (vendormodules.Resource, error) {
	earlier, err := m.findVolumes(ctx, s, volumes.ListOpts{Name: of.Key})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	if len(earlier) > 0 {
		return volumeResource(earlier[0]), nil
	}
	if source != "" {
		original, err := m.volumeOf(ctx, s, source)
		if err != nil {
			return vendormodules.Resource{}, fmt.Errorf("volume %s: %w", source, translate(err))
		}
		options.SourceVolID, options.Size = source, max(options.Size, original.Size)
		options.VolumeType = original.VolumeType
	}
	options.Name, options.Metadata, options.AvailabilityZone = of.Key, of.metadata(), m.configuration.Zone
	made, err := volumes.Create(ctx, s.volume, options, nil).Extract()
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return volumeResource(*made), nil
}

// Snapshot implements vendormodules.Snapshotter. What it makes is a volume that nobody has: Cinder's own snapshots go with
// their volume, and these are to outlive it. Of an attached volume it keeps what has reached the cloud's storage.
func (m *Module) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	var made vendormodules.Resource
	scope := agency.Scope{Class: request.Tags.Class, Agreement: request.Tags.Agreement}
	err := m.do(ctx, scope, "make snapshot "+request.Key+" of "+request.Source, func(s *session) (err error) {
		if err := needs(s.volume != nil, volumeService); err != nil {
			return err
		}
		of := identity{Key: request.Key, Name: request.Name, Tags: request.Tags, Copy: kept}
		made, err = m.makeVolume(ctx, s, of, request.Source, volumes.CreateOpts{})
		return err
	})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	m.memory.keep(made)
	return made, nil
}

func (m *Module) removeVolume(ctx context.Context, s *session, id string) error {
	found, err := m.volumeOf(ctx, s, id)
	if err != nil {
		return err
	}
	if found.Status == "deleting" {
		return nil
	}
	if len(found.Attachments) > 0 {
		return fmt.Errorf("machine %s has it: %w", found.Attachments[0].ServerID, vendormodules.ErrConflict)
	}
	err = volumes.Delete(ctx, s.volume, id, nil).ExtractErr()
	if errors.Is(translate(err), vendormodules.ErrInvalid) {
		err = errors.Join(vendormodules.ErrConflict, err) // it is busy, or has snapshots
	}
	return err
}
