package openstack

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
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
		return m.confirm(ctx, s, id)
	}
	return nil
}

// confirm has Nova let go of a server's old size. It answers before it has, and takes no second word for it meanwhile.
func (m *Module) confirm(ctx context.Context, s *session, id string) error {
	err := servers.ConfirmResize(ctx, s.compute, id).ExtractErr()
	if err != nil && !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) && !gophercloud.ResponseCodeIs(err, http.StatusConflict) {
		return err
	}
	return until(ctx, "server "+id+" keeps its new size", func() (bool, error) {
		now, err := m.server(ctx, s, id)
		return now.Status != "VERIFY_RESIZE", err
	})
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
