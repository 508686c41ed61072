package libvirt

import (
	"context"
	"fmt"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// Resize implements vendormodules.Resizer. A machine that runs restarts on the way; a volume grows while it is in use.
func (m *Module) Resize(ctx context.Context, id string, class descriptors.Class) error {
	where, read, err := m.locate(id)
	if err == nil {
		switch read.kind {
		case descriptors.Compute:
			err = m.withMachine(ctx, where, read.key, func(where *host, of machine) error {
				return m.resizeMachine(ctx, where, of, class.WithDefaults())
			})
		case descriptors.Volume:
			err = m.grow(ctx, where, read, class.Size)
		default:
			err = fmt.Errorf("a %s has no size that could be changed: %w", read.kind, vendormodules.ErrUnsupported)
		}
	}
	if err != nil {
		return failed("resize", id, err)
	}
	return nil
}

// resizeMachine changes what a machine is from its next start on, and starts it anew if it runs. That it is to is kept
// with it, so that a repeat brings to its end what was cut short.
func (m *Module) resizeMachine(ctx context.Context, where *host, of machine, class descriptors.Class) error {
	known, _, err := where.facts.Get(ctx)
	if err != nil {
		return err
	}
	if class.Cores > known.cores || class.Memory > quantity.Bytes(known.memory) {
		return fmt.Errorf("%d cores and %s, and host %s has %d and %s: %w",
			class.Cores, class.Memory, where.name, known.cores, quantity.Bytes(known.memory), vendormodules.ErrNoCapacity)
	}
	next, err := where.next(ctx, of)
	if err != nil {
		return err
	}
	cores, memory := &libvirtxml.DomainVCPU{Value: uint(class.Cores)}, memoryOf(class.Memory)
	if next.VCPU == nil || next.VCPU.Value != cores.Value || next.Memory == nil || next.Memory.Value != memory.Value {
		of.metadata.Restarting = of.active()
		if err := where.note(ctx, of, of.metadata); err != nil {
			return err
		}
		if next, err = where.next(ctx, of); err != nil {
			return err
		}
		next.VCPU, next.Memory, next.CurrentMemory = cores, memory, nil
		if err := where.redefine(ctx, next); err != nil {
			return err
		}
	}
	if !of.metadata.Restarting {
		return nil
	}
	if err := m.powerOff(ctx, where, of); err != nil {
		return err
	}
	of.metadata.Restarting = false
	return where.begin(ctx, of.metadata)
}

// next is what a machine is from its next start on.
func (h *host) next(ctx context.Context, of machine) (libvirtxml.Domain, error) {
	var next libvirtxml.Domain
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		text, err := daemon.DomainGetXMLDesc(of.domain, libvirt.DomainXMLInactive|libvirt.DomainXMLSecure)
		if err != nil {
			return err
		}
		return next.Unmarshal(text)
	})
	return next, err
}

func (h *host) redefine(ctx context.Context, next libvirtxml.Domain) error {
	text, err := next.Marshal()
	if err != nil {
		return err
	}
	return h.call(ctx, func(daemon *libvirt.Libvirt) error {
		_, err := daemon.DomainDefineXMLFlags(text, 0)
		return err
	})
}

// sector is what the sizes of disks are multiples of.
const sector = 512

// grow makes a volume larger.
func (m *Module) grow(ctx context.Context, where *host, of id, size quantity.Bytes) error {
	unlock, err := m.busy.lock(ctx, of.key)
	if err != nil {
		return err
	}
	defer unlock()
	found, err := where.volume(ctx, of)
	if err != nil {
		return err
	}
	size = (size + sector - 1) / sector * sector
	switch {
	case found.making || found.size == 0:
		return fmt.Errorf("it is not whole yet: %w", vendormodules.ErrConflict)
	case size == found.size:
		return nil
	case size < found.size:
		return fmt.Errorf("it has %s and cannot shrink to %s: %w", found.size, size, vendormodules.ErrUnsupported)
	}
	file, err := where.file(ctx, found.volume.Name)
	if err != nil {
		return err
	}
	user, err := where.holder(ctx, file)
	if err != nil {
		return err
	}
	return where.call(ctx, func(daemon *libvirt.Libvirt) error {
		if user.active() { // it alone may write to the file
			return daemon.DomainBlockResize(user.domain, file, uint64(size), libvirt.DomainBlockResizeBytes)
		}
		return daemon.StorageVolResize(found.volume, uint64(size), 0)
	})
}
