package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// Snapshot implements vendormodules.Snapshotter. It is a storage volume of its own. Of a volume that a running machine has,
// it holds what had reached the disk.
func (m *Module) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	of := m.label(descriptors.Snapshot, request.Key, request.Name, request.Tags)
	made, err := m.copy(ctx, of, origin{resource: request.Source, kind: descriptors.Volume})
	if err != nil {
		return vendormodules.Resource{}, failed("snapshot", request.Source, err)
	}
	return made, nil
}

// Image implements vendormodules.Imager: of a machine's own disk. Of a machine that runs it holds what had reached the disk.
func (m *Module) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	of := m.label(descriptors.Image, request.Key, request.Name, request.Tags)
	made, err := m.copy(ctx, of, origin{resource: request.Source, kind: descriptors.Compute})
	if err != nil {
		return vendormodules.Resource{}, failed("make an image of", request.Source, err)
	}
	return made, nil
}

// origin is what a copy is made of: the resource and its kind, and how large the copy is to be, if larger.
type origin struct {
	resource string
	kind     descriptors.ResourceType
	size     quantity.Bytes
}

// copy makes a storage volume that holds what another does. It returns when that is done, and where its context ends
// before, the copying goes on: a repeat waits for it.
func (m *Module) copy(ctx context.Context, of label, from origin) (vendormodules.Resource, error) {
	var made id
	err := m.tasks.do(ctx, func(ctx context.Context) error {
		unlock, err := m.busy.lock(ctx, of.Key)
		if err != nil {
			return err
		}
		defer unlock()
		where, err := m.earlier(ctx, of)
		if err != nil {
			return err
		}
		if where == nil {
			if where, _, err = m.locate(from.resource); err != nil {
				return err
			}
		}
		made = id{where.name, of.Type, of.Key}
		found, err := where.volume(ctx, made)
		if err == nil && !found.making || err != nil && !errors.Is(err, vendormodules.ErrNotFound) {
			return err
		}
		if err == nil { // nobody knows how far an earlier one came
			of = found.label
			err = where.call(ctx, func(daemon *libvirt.Libvirt) error { return daemon.StorageVolDelete(found.volume, 0) })
			if err != nil {
				return err
			}
		}
		source, err := m.source(ctx, where, from)
		if err != nil {
			return err
		}
		return m.makeCopy(ctx, where, of, source)
	})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	where, _ := m.host(made.host)
	return m.show(ctx, where, made)
}

// source is a storage volume to copy, with the machine that has it, if any, and the size of the copy.
type source struct {
	name string
	path string
	user machine
	size quantity.Bytes
}

func (m *Module) source(ctx context.Context, where *host, from origin) (source, error) {
	_, read, err := m.locate(from.resource)
	if err != nil {
		return source{}, err
	}
	if read.kind != from.kind {
		return source{}, fmt.Errorf("%s is no %s: %w", from.resource, from.kind, vendormodules.ErrNotFound)
	}
	var found source
	if read.kind == descriptors.Compute {
		if found.user, err = where.machine(ctx, read.key); err != nil {
			return source{}, err
		}
		found.name = rootName(read.key)
	} else {
		kept, err := where.volume(ctx, read)
		if err != nil {
			return source{}, err
		}
		if kept.making {
			return source{}, fmt.Errorf("%s is not whole yet: %w", from.resource, vendormodules.ErrConflict)
		}
		found.name = kept.volume.Name
	}
	known, err := where.base(ctx, found.name)
	if answers(err, libvirt.ErrNoStorageVol) && read.kind == descriptors.Compute {
		return source{}, fmt.Errorf("the machine has no disk of its own: %w", vendormodules.ErrUnsupported)
	}
	if err != nil {
		return source{}, err
	}
	if from.size > 0 && from.size < known.size {
		return source{}, fmt.Errorf("a volume of %s made of one of %s: %w", from.size, known.size, vendormodules.ErrInvalid)
	}
	found.path, found.size = known.path, max(from.size, known.size)
	if found.user.domain.Name == "" {
		found.user, err = where.holder(ctx, found.path)
	}
	return found, err
}

// makeCopy makes the storage volume of a label out of another. Until it is whole, one beside it says that it is not.
func (m *Module) makeCopy(ctx context.Context, where *host, of label, from source) error {
	name, err := of.volumeName()
	if err != nil {
		return err
	}
	sign := storageVolume(makingName(of.Key), 0)
	sign.Target.Format.Type = "raw"
	if err := where.addVolume(ctx, sign); err != nil {
		return err
	}
	switch {
	case !from.user.active():
		err = where.clone(ctx, name, from)
	case m.lacks.has(backupCapability):
		err = where.backUp(ctx, name, from)
	default:
		err = where.paused(ctx, from.user, func() error { return where.clone(ctx, name, from) })
	}
	if err != nil {
		return err
	}
	return where.removeParts(ctx, of.Key)
}

// paused does something while a machine stands still.
func (h *host) paused(ctx context.Context, of machine, do func() error) error {
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error { return daemon.DomainSuspend(of.domain) })
	if err != nil {
		return err
	}
	return errors.Join(do(), h.call(ctx, func(daemon *libvirt.Libvirt) error { return daemon.DomainResume(of.domain) }))
}

// clone copies a storage volume that nothing writes to.
func (h *host) clone(ctx context.Context, name string, from source) error {
	wanted := storageVolume(name, uint64(from.size))
	text, err := wanted.Marshal()
	if err != nil {
		return err
	}
	return h.call(ctx, func(daemon *libvirt.Libvirt) error {
		pool, err := daemon.StoragePoolLookupByName(h.pool)
		if err != nil {
			return err
		}
		original, err := daemon.StorageVolLookupByName(pool, from.name)
		if err != nil {
			return err
		}
		made, err := daemon.StorageVolCreateXMLFrom(pool, text, original, 0)
		if err != nil {
			return err
		}
		if _, size, _, err := daemon.StorageVolGetInfo(made); err != nil || size >= uint64(from.size) {
			return err
		}
		return daemon.StorageVolResize(made, uint64(from.size), 0)
	})
}

// backUpEvery is how often a copy of a running machine's disk is looked at.
const backUpEvery = 200 * time.Millisecond

// backUp copies a disk of a machine that runs, as it is at the moment.
func (h *host) backUp(ctx context.Context, name string, from source) error {
	if err := h.addVolume(ctx, storageVolume(name, uint64(from.size))); err != nil {
		return err
	}
	index, has := from.user.disk(from.path)
	if !has || from.user.definition.Devices.Disks[index].Target == nil {
		return fmt.Errorf("machine %s has it no longer: %w", from.user.domain.Name, vendormodules.ErrConflict)
	}
	file, err := h.file(ctx, name)
	if err != nil {
		return err
	}
	wanted := libvirtxml.DomainBackup{Push: &libvirtxml.DomainBackupPush{Disks: &libvirtxml.DomainBackupPushDisks{
		Disks: []libvirtxml.DomainBackupPushDisk{{
			Name: from.user.definition.Devices.Disks[index].Target.Dev, Backup: "yes",
			Driver: &libvirtxml.DomainBackupDiskDriver{Type: "qcow2"},
			Target: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: file}},
		}},
	}}}
	text, err := wanted.Marshal()
	if err != nil {
		return err
	}
	err = h.call(ctx, func(daemon *libvirt.Libvirt) error {
		return daemon.DomainBackupBegin(from.user.domain, text, nil, libvirt.DomainBackupBeginReuseExternal)
	})
	if err != nil {
		return err
	}
	return h.backedUp(ctx, from.user)
}

// backedUp waits for the end of a backup.
func (h *host) backedUp(ctx context.Context, of machine) error {
	ticker := time.NewTicker(backUpEvery)
	defer ticker.Stop()
	for {
		var running, ended int32
		err := h.call(ctx, func(daemon *libvirt.Libvirt) (err error) {
			if running, _, err = daemon.DomainGetJobStats(of.domain, 0); err == nil && running == int32(libvirt.DomainJobNone) {
				ended, _, err = daemon.DomainGetJobStats(of.domain, libvirt.DomainJobStatsCompleted)
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case running == int32(libvirt.DomainJobNone) && ended != int32(libvirt.DomainJobCompleted):
			return fmt.Errorf("the copying of its disk ended before its end: %w", vendormodules.ErrTransient)
		case running == int32(libvirt.DomainJobNone):
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
