package libvirt

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/vendormodules"
)

// Attach implements vendormodules.Attacher. A machine that runs sees the disk at once, by its serial number.
func (m *Module) Attach(ctx context.Context, volume, machineID, mount string) error {
	err := m.withVolume(ctx, volume, machineID, func(where *host, of machine, volumeID id) error {
		found, err := m.free(ctx, where, volume, of.domain.Name)
		if err != nil {
			return err
		}
		if _, has := of.disk(found.path); has {
			return nil
		}
		place, err := of.freePlace()
		if err != nil {
			return err
		}
		attached := found.disk(place)
		text, err := attached.Marshal()
		if err != nil {
			return err
		}
		return where.call(ctx, func(daemon *libvirt.Libvirt) error {
			return daemon.DomainAttachDeviceFlags(of.domain, text, of.affected())
		})
	})
	if err != nil {
		return failed("attach "+volume+" to", machineID, err)
	}
	return nil
}

// Detach implements vendormodules.Attacher. A machine that runs lets go of the disk a moment later.
func (m *Module) Detach(ctx context.Context, volume, machineID string) error {
	err := m.withVolume(ctx, volume, machineID, func(where *host, of machine, volumeID id) error {
		found, err := where.volume(ctx, volumeID)
		if err != nil {
			return err
		}
		file, err := where.file(ctx, found.volume.Name)
		if err != nil {
			return err
		}
		index, has := of.disk(file)
		if !has {
			return nil
		}
		text, err := of.definition.Devices.Disks[index].Marshal()
		if err != nil {
			return err
		}
		return where.call(ctx, func(daemon *libvirt.Libvirt) error {
			return daemon.DomainDetachDeviceFlags(of.domain, text, of.affected())
		})
	})
	if err != nil {
		return failed("detach "+volume+" from", machineID, err)
	}
	return nil
}

// withVolume does something to a machine and a volume that are on one host.
func (m *Module) withVolume(ctx context.Context, volume, machineID string, do func(*host, machine, id) error) error {
	where, read, err := m.locateMachine(machineID)
	if err != nil {
		return err
	}
	other, volumeID, err := m.locate(volume)
	if err != nil {
		return err
	}
	if other != where {
		return fmt.Errorf("the volume is on host %s: %w", other.name, vendormodules.ErrConflict)
	}
	return m.withMachine(ctx, where, read.key, func(where *host, of machine) error { return do(where, of, volumeID) })
}

// affected says what of a machine a change is of: what it is from the next start on, and what runs if it does.
func (m machine) affected() uint32 {
	affected := uint32(libvirt.DomainAffectConfig)
	if m.active() {
		affected |= uint32(libvirt.DomainAffectLive)
	}
	return affected
}

// freePlace is the name of the first device that a machine has no disk for.
func (m machine) freePlace() (string, error) {
	taken := func(device string) bool {
		return slices.ContainsFunc(m.definition.Devices.Disks, func(one libvirtxml.DomainDisk) bool {
			return one.Target != nil && one.Target.Dev == device
		})
	}
	for place := firstVolume; place < mostDisks; place++ {
		if device := deviceName(place); !taken(device) {
			return device, nil
		}
	}
	return "", fmt.Errorf("the machine has %d disks, which is all it can have: %w", mostDisks, vendormodules.ErrQuota)
}
