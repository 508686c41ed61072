package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// Snapshot implements vendormodules.Snapshotter: a copy of the machine that owns the volume's disk.
func (m *Module) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return m.makeCopy(ctx, request, descriptors.Volume, descriptors.Snapshot)
}

// Image implements vendormodules.Imager: a template, without the volumes of the machine.
func (m *Module) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return m.makeCopy(ctx, request, descriptors.Compute, descriptors.Image)
}

func (m *Module) makeCopy(
	ctx context.Context, request vendormodules.CopyRequest, from, to descriptors.ResourceType,
) (vendormodules.Resource, error) {
	return m.make(ctx, request.Key, fmt.Sprintf("make %s %s of %s", to, request.Key, request.Source), func(c *connection) error {
		source, err := m.findType(ctx, c, request.Source, from)
		if err != nil {
			return err
		}
		of := m.describe(request.Key, request.Name, to, request.Tags)
		of.Size = source.size()
		return m.copy(ctx, c, source, of, to == descriptors.Image)
	})
}

// size is that of a volume, or of all disks of a machine.
func (e entity) size() quantity.Bytes {
	if e.Size > 0 {
		return e.Size
	}
	var total quantity.Bytes
	for _, device := range e.devices.SelectByType((*types.VirtualDisk)(nil)) {
		total += quantity.Bytes(device.(*types.VirtualDisk).CapacityInBytes) //nolint:gosec // not negative
	}
	return total
}

// copy copies a machine under another record, without disks that are volumes' and without what the machine was told.
func (m *Module) copy(ctx context.Context, c *connection, source entity, of record, template bool) error {
	text, err := of.text()
	if err != nil {
		return err
	}
	var changes []types.BaseVirtualDeviceConfigSpec
	if source.Type == descriptors.Compute {
		ours, err := m.machines(ctx, c, deviceProperties)
		if err != nil {
			return err
		}
		for _, one := range ours {
			if disk := source.attached(one); one.Type == descriptors.Volume && disk != nil {
				changes = append(changes, &types.VirtualDeviceConfigSpec{
					Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: disk,
				})
			}
		}
	}
	options := []types.BaseOptionValue{extra(recordKey, text), extra(stageKey, "")}
	for _, key := range []string{"userdata", "userdata.encoding", "metadata", "metadata.encoding"} {
		options = append(options, extra("guestinfo."+key, ""))
	}
	made, err := m.clone(ctx, c, source.reference, of.Key, types.VirtualMachineConfigSpec{ExtraConfig: options, DeviceChange: changes})
	if err != nil {
		return err
	}
	if made.Key == "" {
		task, err := made.machine(c).Reconfigure(ctx, types.VirtualMachineConfigSpec{ExtraConfig: options})
		if err := done(ctx, task, err); err != nil {
			return err
		}
	}
	if !template {
		return nil
	}
	return made.machine(c).MarkAsTemplate(ctx)
}
