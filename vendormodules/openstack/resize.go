package openstack

import (
	"context"
	"fmt"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// Resize implements vendormodules.Resizer. A machine restarts on the way.
func (m *Module) Resize(ctx context.Context, id string, class descriptors.Class) error {
	return m.do(ctx, agency.Scope{}, "resize "+id, func(s *session) error {
		kind, err := m.kindOf(ctx, s, id)
		if err != nil {
			return err
		}
		switch kind.of {
		case descriptors.Compute:
			return m.resizeMachine(ctx, s, id, class.WithDefaults())
		case descriptors.Volume:
			return m.extend(ctx, s, id, class)
		}
		return fmt.Errorf("a %s has no size: %w", kind.of, vendormodules.ErrUnsupported)
	})
}

// resizeMachine moves a server to the flavor of a class. Nova keeps the old one until the new one is confirmed, which is
// done here as soon as it runs: the wait is part of the act.
func (m *Module) resizeMachine(ctx context.Context, s *session, id string, class descriptors.Class) error {
	now, err := m.idle(ctx, s, id)
	if err != nil {
		return err
	}
	sizes, _, err := m.flavors.Get(ctx)
	if err != nil {
		return err
	}
	wanted, err := m.configuration.Prices.Cheapest(sizes, class, vendormodules.Image{})
	if err != nil {
		return fmt.Errorf("%w: %w", vendormodules.ErrUnsupported, err)
	}
	if now.Flavor["id"] != wanted.ID {
		if err := servers.Resize(ctx, s.compute, id, servers.ResizeOpts{FlavorRef: wanted.ID}).ExtractErr(); err != nil {
			return err
		}
	}
	err = until(ctx, "server "+id+" has its new size", func() (bool, error) {
		now, err = m.server(ctx, s, id)
		return now.Status != "RESIZE" && now.TaskState == "", err
	})
	switch {
	case err != nil:
		return err
	case now.Status == "ERROR":
		return fmt.Errorf("%s: %w", now.Fault.Message, vendormodules.ErrConflict)
	case now.Flavor["id"] != wanted.ID:
		return fmt.Errorf("the cloud took it back to its old size: %w", vendormodules.ErrNoCapacity)
	case now.Status == "VERIFY_RESIZE":
		return servers.ConfirmResize(ctx, s.compute, id).ExtractErr()
	}
	return nil
}

// extendInUse is the version of Cinder's API that extends volumes which machines have.
const extendInUse = "3.42"

func (m *Module) extend(ctx context.Context, s *session, id string, class descriptors.Class) error {
	now, err := m.volumeOf(ctx, s, id)
	if err != nil {
		return err
	}
	size := max(1, gibibytes(class.Size))
	switch {
	case size == now.Size:
		return nil
	case size < now.Size:
		return fmt.Errorf("it has %d GiB and cannot shrink to %d: %w", now.Size, size, vendormodules.ErrUnsupported)
	}
	client := *s.volume
	if now.Status == "in-use" {
		client.Microversion = extendInUse
	}
	if err := volumes.ExtendSize(ctx, &client, id, volumes.ExtendSizeOpts{NewSize: size}).ExtractErr(); err != nil {
		return err
	}
	return m.untilVolume(ctx, s, id, func(now volumes.Volume) bool { return now.Size >= size })
}
