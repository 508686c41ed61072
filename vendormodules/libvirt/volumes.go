package libvirt

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// volume is a storage volume of the pool.
type volume struct {
	volume libvirt.StorageVol
	// label is zero where the volume is no resource of the agency's; so are the others then.
	label label
	// making says that it is a copy which is not whole yet.
	making bool
	// size is zero where it cannot be told just now.
	size quantity.Bytes
}

// volumes are all that the pool has.
func (h *host) volumes(ctx context.Context) ([]volume, error) {
	var all []volume
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		pool, err := daemon.StoragePoolLookupByName(h.pool)
		if err != nil {
			return err
		}
		volumes, _, err := daemon.StoragePoolListAllVolumes(pool, 1, 0)
		if err != nil {
			return err
		}
		making := map[string]bool{}
		for _, one := range volumes {
			if key, is := strings.CutSuffix(one.Name, partSeparator+makingPart); is {
				making[key] = true
			}
		}
		for _, one := range volumes {
			found := volume{volume: one}
			if read, ours := parseVolumeName(one.Name); ours && read.Tags.Agency == h.agency {
				_, size, _, err := daemon.StorageVolGetInfo(one)
				if answers(err, libvirt.ErrNoStorageVol) { // gone meanwhile
					continue
				}
				if err == nil {
					found.size = quantity.Bytes(size)
				}
				found.label, found.making = read, making[read.Key]
			}
			all = append(all, found)
		}
		return nil
	})
	return all, err
}

// volume finds the volume, snapshot or image of an id.
func (h *host) volume(ctx context.Context, of id) (volume, error) {
	all, err := h.volumes(ctx)
	if err != nil {
		return volume{}, err
	}
	for _, one := range all {
		if one.label.Key == of.key && one.label.Type == of.kind && of.key != "" {
			return one, nil
		}
	}
	return volume{}, fmt.Errorf("there is no %s %s at host %s: %w", of.kind, of.key, h.name, vendormodules.ErrNotFound)
}

// createVolume makes a storage volume whose name is its label: it is made once, for names are unique.
func (m *Module) createVolume(ctx context.Context, of label, request vendormodules.Request) (vendormodules.Resource, error) {
	where, err := m.earlier(ctx, of)
	if err == nil && where == nil {
		if where, err = m.place(ctx, of, request); err == nil {
			err = where.makeVolume(ctx, of, request)
		}
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return m.show(ctx, where, id{where.name, of.Type, of.Key})
}

func (h *host) makeVolume(ctx context.Context, of label, request vendormodules.Request) error {
	name, err := of.volumeName()
	if err != nil {
		return err
	}
	if request.Class.Size <= 0 {
		return fmt.Errorf("a volume of %s: %w", request.Class.Size, vendormodules.ErrInvalid)
	}
	return h.addVolume(ctx, storageVolume(name, uint64(request.Class.Size)))
}

// storageVolume is one of the pool's, sparse, as libvirt wants it said.
func storageVolume(name string, size uint64) libvirtxml.StorageVolume {
	return libvirtxml.StorageVolume{
		Name: name, Capacity: &libvirtxml.StorageVolumeSize{Value: size, Unit: "bytes"},
		Allocation: &libvirtxml.StorageVolumeSize{Value: 0, Unit: "bytes"},
		Target:     &libvirtxml.StorageVolumeTarget{Format: &libvirtxml.StorageVolumeTargetFormat{Type: "qcow2"}},
	}
}

// addVolume makes a storage volume; one of that name that is there already will do.
func (h *host) addVolume(ctx context.Context, wanted libvirtxml.StorageVolume) error {
	text, err := wanted.Marshal()
	if err != nil {
		return err
	}
	return h.call(ctx, func(daemon *libvirt.Libvirt) error {
		pool, err := daemon.StoragePoolLookupByName(h.pool)
		if err != nil {
			return err
		}
		if _, err = daemon.StorageVolCreateXML(pool, text, 0); err == nil {
			return nil
		}
		if _, missing := daemon.StorageVolLookupByName(pool, wanted.Name); missing != nil { // drivers do not agree on an error
			return err
		}
		return nil
	})
}

// file is the path of a storage volume.
func (h *host) file(ctx context.Context, name string) (path string, err error) {
	err = h.call(ctx, func(daemon *libvirt.Libvirt) error {
		pool, err := daemon.StoragePoolLookupByName(h.pool)
		if err != nil {
			return err
		}
		found, err := daemon.StorageVolLookupByName(pool, name)
		if err != nil {
			return err
		}
		path, err = daemon.StorageVolGetPath(found)
		return err
	})
	return path, err
}

// holder is the machine that has a storage volume, by its path; its key is empty if there is none. Machines that are not
// ours count too.
func (h *host) holder(ctx context.Context, file string) (machine, error) {
	machines, err := h.domains(ctx)
	if err != nil {
		return machine{}, err
	}
	for _, one := range machines {
		if _, has := one.disk(file); has {
			return one, nil
		}
	}
	return machine{}, nil
}

// disk is the place of a storage volume among the disks of a machine, by its path.
func (m machine) disk(file string) (int, bool) {
	if m.definition.Devices == nil {
		return 0, false
	}
	for index, one := range m.definition.Devices.Disks {
		if one.Source != nil && one.Source.File != nil && path.Clean(one.Source.File.File) == path.Clean(file) {
			return index, true
		}
	}
	return 0, false
}

// deleteVolume removes a volume, snapshot or image that no machine has.
func (m *Module) deleteVolume(ctx context.Context, where *host, of id) error {
	found, err := where.volume(ctx, of)
	if err != nil {
		return err
	}
	file, err := where.file(ctx, found.volume.Name)
	if err != nil {
		return err
	}
	user, err := where.holder(ctx, file)
	if err != nil {
		return err
	}
	if user.domain.Name != "" {
		return fmt.Errorf("machine %s has it: %w", user.domain.Name, vendormodules.ErrConflict)
	}
	if err := where.underlies(ctx, file); err != nil {
		return err
	}
	if found.making {
		if err := where.removeParts(ctx, of.key); err != nil {
			return err
		}
	}
	return where.call(ctx, func(daemon *libvirt.Libvirt) error { return daemon.StorageVolDelete(found.volume, 0) })
}

// underlies is an error if a machine's disk lies over a file, and would be nothing without it.
func (h *host) underlies(ctx context.Context, file string) error {
	all, err := h.volumes(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		key, root := strings.CutSuffix(one.volume.Name, rootName(""))
		if !root {
			continue
		}
		read, err := h.base(ctx, one.volume.Name)
		if err != nil && !answers(err, libvirt.ErrNoStorageVol) { // gone meanwhile
			return err
		}
		if read.under != "" && path.Clean(read.under) == path.Clean(file) {
			return fmt.Errorf("the disk of machine %s lies over it: %w", key, vendormodules.ErrConflict)
		}
	}
	return nil
}
