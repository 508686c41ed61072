package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Delete implements vendormodules.Module. A machine lets go of its volumes first: vCenter would delete their disks with it.
func (m *Module) Delete(ctx context.Context, id string) error {
	what := "delete " + id
	release, err := m.acquire(ctx, id)
	if err != nil {
		return fmt.Errorf("vsphere: %s: %w", what, err)
	}
	defer release()
	return m.do(ctx, what, func(c *connection) error {
		found, err := m.find(ctx, c, id)
		if err != nil {
			return err
		}
		switch found.Type {
		case descriptors.Network:
			return m.deleteNetwork(ctx, c, found)
		case descriptors.Volume:
			ours, err := m.machines(ctx, c, deviceProperties)
			if err != nil {
				return err
			}
			if holder := holderOf(found, ours); holder != "" {
				return fmt.Errorf("it is attached to machine %s: %w", holder, vendormodules.ErrConflict)
			}
		case descriptors.Compute:
			if found.power != types.VirtualMachinePowerStatePoweredOff {
				if err := m.switchOff(ctx, found.machine(c)); err != nil {
					return err
				}
			}
			if err := m.releaseVolumes(ctx, c, found); err != nil {
				return err
			}
		}
		task, err := found.machine(c).Destroy(ctx)
		return done(ctx, task, err)
	})
}

// Resize implements vendormodules.Resizer. Machines are stopped for it, and volumes detached.
func (m *Module) Resize(ctx context.Context, id string, class descriptors.Class) error {
	what := "resize " + id
	release, err := m.acquire(ctx, id)
	if err != nil {
		return fmt.Errorf("vsphere: %s: %w", what, err)
	}
	defer release()
	return m.do(ctx, what, func(c *connection) error {
		found, err := m.find(ctx, c, id)
		if err != nil {
			return err
		}
		switch found.Type {
		case descriptors.Compute:
			return m.resizeMachine(ctx, c, found, class)
		case descriptors.Volume:
			return m.resizeVolume(ctx, c, found, class.Size)
		}
		return fmt.Errorf("a %s has no size to change: %w", found.Type, vendormodules.ErrUnsupported)
	})
}
