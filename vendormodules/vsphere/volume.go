package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// The machine that owns a volume's disk never runs, and takes no memory and no processor.
const (
	holderMemoryMB = 4
	holderGuest    = "otherGuest"
)

// createVolume makes a machine with nothing but a disk, or copies one that is a snapshot.
func (m *Module) createVolume(ctx context.Context, c *connection, request vendormodules.Request) error {
	of := m.describe(request.Key, request.Name, descriptors.Volume, request.Tags)
	of.Size = request.Class.Size
	if request.Snapshot != "" {
		return m.restore(ctx, c, request.Snapshot, of)
	}
	text, err := of.text()
	if err != nil {
		return err
	}
	var devices object.VirtualDeviceList
	controller, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return err
	}
	devices = append(devices, controller)
	disk := devices.CreateDisk(controller.(types.BaseVirtualController), c.place.datastore.Reference(), "")
	disk.CapacityInBytes, disk.CapacityInKB = int64(of.Size), int64(of.Size)/1024 //nolint:gosec // far below
	backing := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	backing.ThinProvisioned, backing.DiskMode = types.NewBool(true), string(types.VirtualDiskModeIndependent_persistent)
	devices = append(devices, disk)
	changes, err := devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	if err != nil {
		return err
	}
	task, err := c.place.folder.CreateVM(ctx, types.VirtualMachineConfigSpec{
		Name: request.Key, GuestId: holderGuest, NumCPUs: 1, MemoryMB: holderMemoryMB, DeviceChange: changes,
		Files:       &types.VirtualMachineFileInfo{VmPathName: "[" + c.place.datastore.Name() + "]"},
		ExtraConfig: []types.BaseOptionValue{extra(recordKey, text)},
	}, c.place.pool, nil)
	return allowDuplicate(done(ctx, task, err))
}

// allowDuplicate lets the name be taken: by another create of the same key, given up on and done since.
func allowDuplicate(err error) error {
	if isFault(err, "DuplicateName") {
		return nil
	}
	return err
}

// restore makes a volume of a snapshot, as large as it is to be.
func (m *Module) restore(ctx context.Context, c *connection, id string, of record) error {
	snapshot, err := m.findType(ctx, c, id, descriptors.Snapshot)
	if err != nil {
		return err
	}
	wanted := of.Size
	of.Size = max(wanted, snapshot.Size)
	if err := m.copy(ctx, c, snapshot, of, false); err != nil {
		return err
	}
	if wanted <= snapshot.Size {
		return nil
	}
	made, err := m.find(ctx, c, of.Key)
	if err != nil {
		return err
	}
	return m.extend(ctx, c, made, wanted)
}

// chooseVolumes finds the volumes of a request among what is ours, none of which another machine has.
func chooseVolumes(mounts []vendormodules.VolumeMount, ours []entity) ([]entity, error) {
	var volumes []entity
	for _, mount := range mounts {
		volume, err := chooseVolume(mount.Volume, ours)
		if err != nil {
			return nil, err
		}
		if holder := holderOf(volume, ours); holder != "" {
			return nil, fmt.Errorf("volume %s is attached to machine %s: %w", volume.Key, holder, vendormodules.ErrConflict)
		}
		volumes = append(volumes, volume)
	}
	return volumes, nil
}

func chooseVolume(id string, ours []entity) (entity, error) {
	for _, one := range ours {
		if one.Key == id && one.Type == descriptors.Volume {
			return one, nil
		}
	}
	return entity{}, fmt.Errorf("volume %s: %w", id, vendormodules.ErrNotFound)
}

// holderOf is the machine that has a volume, empty for none.
func holderOf(volume entity, ours []entity) string {
	for _, one := range ours {
		if one.Type == descriptors.Compute && one.attached(volume) != nil {
			return one.Key
		}
	}
	return ""
}

// attachable is a volume's disk, as a machine with these devices can have it.
func attachable(devices object.VirtualDeviceList, volume entity) (*types.VirtualDisk, error) {
	own, found := volume.disk()
	if !found {
		return nil, fmt.Errorf("volume %s has no disk: %w", volume.Key, vendormodules.ErrConflict)
	}
	controller, err := devices.FindDiskController("")
	if err != nil {
		return nil, fmt.Errorf("the machine has no controller for another disk: %w: %w", err, vendormodules.ErrUnsupported)
	}
	disk := devices.CreateDisk(controller, types.ManagedObjectReference{}, file(own))
	backing := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	backing.Datastore, backing.DiskMode = nil, string(types.VirtualDiskModeIndependent_persistent)
	return disk, nil
}

// Attach implements vendormodules.Attacher. The mount is the machine's own affair.
func (m *Module) Attach(ctx context.Context, volume, machine, mount string) error {
	return m.change(ctx, fmt.Sprintf("attach volume %s to machine %s at %s", volume, machine, mount), machine,
		func(c *connection, to entity) error {
			ours, err := m.machines(ctx, c, deviceProperties)
			if err != nil {
				return err
			}
			found, err := chooseVolume(volume, ours)
			if err != nil || to.attached(found) != nil {
				return err
			}
			if holder := holderOf(found, ours); holder != "" {
				return fmt.Errorf("it is attached to machine %s: %w", holder, vendormodules.ErrConflict)
			}
			disk, err := attachable(to.devices, found)
			if err != nil {
				return err
			}
			return m.reconfigureDevice(ctx, c, to, types.VirtualDeviceConfigSpecOperationAdd, disk)
		})
}

// Detach implements vendormodules.Attacher.
func (m *Module) Detach(ctx context.Context, volume, machine string) error {
	return m.change(ctx, fmt.Sprintf("detach volume %s from machine %s", volume, machine), machine,
		func(c *connection, from entity) error {
			found, err := m.findType(ctx, c, volume, descriptors.Volume)
			if err != nil {
				return err
			}
			disk := from.attached(found)
			if disk == nil {
				return nil
			}
			return m.reconfigureDevice(ctx, c, from, types.VirtualDeviceConfigSpecOperationRemove, disk)
		})
}

// change lets one caller at a time change a machine.
func (m *Module) change(ctx context.Context, what, id string, work func(c *connection, machine entity) error) error {
	release, err := m.acquire(ctx, id)
	if err != nil {
		return fmt.Errorf("vsphere: %s: %w", what, err)
	}
	defer release()
	return m.do(ctx, what, func(c *connection) error {
		machine, err := m.findType(ctx, c, id, descriptors.Compute)
		if err != nil {
			return err
		}
		return work(c, machine)
	})
}

// reconfigureDevice adds a device to a machine or takes it from it; files stay.
func (m *Module) reconfigureDevice(
	ctx context.Context, c *connection, of entity, operation types.VirtualDeviceConfigSpecOperation, device types.BaseVirtualDevice,
) error {
	task, err := of.machine(c).Reconfigure(ctx, types.VirtualMachineConfigSpec{
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{Operation: operation, Device: device}},
	})
	return done(ctx, task, err)
}

// releaseVolumes takes from a machine all disks that are a volume's, so that they outlive it.
func (m *Module) releaseVolumes(ctx context.Context, c *connection, of entity) error {
	ours, err := m.machines(ctx, c, deviceProperties)
	if err != nil {
		return err
	}
	var changes []types.BaseVirtualDeviceConfigSpec
	for _, one := range ours {
		if one.Type != descriptors.Volume {
			continue
		}
		if disk := of.attached(one); disk != nil {
			changes = append(changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: disk})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	task, err := of.machine(c).Reconfigure(ctx, types.VirtualMachineConfigSpec{DeviceChange: changes})
	return done(ctx, task, err)
}
