package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmware/govmomi/property"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

func (m *Module) resizeMachine(ctx context.Context, c *connection, machine entity, class descriptors.Class) error {
	size, err := m.configuration.Prices.Cheapest(m.flavors(), class, vendormodules.Image{})
	if err != nil {
		return unserved(err)
	}
	var now mo.VirtualMachine
	if err := property.DefaultCollector(c.Client).RetrieveOne(ctx, machine.reference, []string{"config.hardware"}, &now); err != nil {
		return err
	}
	cores, megabytes := int32(size.Cores), int64(size.Memory/quantity.MiB) //nolint:gosec // at most 1024 cores
	switch hardware := now.Config.Hardware; {
	case hardware.NumCPU == cores && int64(hardware.MemoryMB) == megabytes:
		return nil
	case machine.power != types.VirtualMachinePowerStatePoweredOff:
		return fmt.Errorf("it runs; stop it first: %w", vendormodules.ErrConflict)
	}
	task, err := machine.machine(c).Reconfigure(ctx, types.VirtualMachineConfigSpec{NumCPUs: cores, MemoryMB: megabytes})
	return done(ctx, task, err)
}

func (m *Module) resizeVolume(ctx context.Context, c *connection, volume entity, size quantity.Bytes) error {
	switch {
	case size == volume.Size:
		return nil
	case size < volume.Size:
		return fmt.Errorf("it has %s, and a disk only grows: %w", volume.Size, vendormodules.ErrUnsupported)
	}
	ours, err := m.machines(ctx, c, deviceProperties)
	if err != nil {
		return err
	}
	if holder := holderOf(volume, ours); holder != "" {
		return fmt.Errorf("it is attached to machine %s; detach it first: %w", holder, vendormodules.ErrConflict)
	}
	return m.extend(ctx, c, volume, size)
}

// extend makes a volume's disk larger, and writes down that it is.
func (m *Module) extend(ctx context.Context, c *connection, volume entity, size quantity.Bytes) error {
	disk, found := volume.disk()
	if !found {
		return fmt.Errorf("volume %s has no disk: %w", volume.Key, vendormodules.ErrConflict)
	}
	of := volume.record
	of.Size = size
	text, err := of.text()
	if err != nil {
		return err
	}
	larger := *disk
	larger.CapacityInBytes, larger.CapacityInKB = int64(size), int64(size)/1024 //nolint:gosec // far below
	task, err := volume.machine(c).Reconfigure(ctx, types.VirtualMachineConfigSpec{
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: &larger,
		}},
		ExtraConfig: []types.BaseOptionValue{extra(recordKey, text)},
	})
	return done(ctx, task, err)
}
