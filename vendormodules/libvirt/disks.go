package libvirt

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/vendormodules"
)

// makeDisks makes the storage volumes that are a machine's own.
func (h *host) makeDisks(ctx context.Context, plan blueprintFor) error {
	key := plan.metadata.Key
	if plan.root != "" {
		root := storageVolume(rootName(key), uint64(plan.rootSize))
		root.BackingStore = &libvirtxml.StorageVolumeBackingStore{
			Path: plan.base.path, Format: &libvirtxml.StorageVolumeTargetFormat{Type: plan.base.format},
		}
		if err := h.addVolume(ctx, root); err != nil {
			return fmt.Errorf("its disk: %w", err)
		}
	}
	if plan.console != "" {
		// virtlogd writes it. As a storage volume it can be read from elsewhere.
		log := storageVolume(consoleName(key), 0)
		log.Target.Format.Type = "raw"
		if err := h.addVolume(ctx, log); err != nil {
			return fmt.Errorf("its console: %w", err)
		}
	}
	if plan.seed == "" {
		return nil
	}
	seed := storageVolume(seedName(key), uint64(len(plan.seedData)))
	seed.Target.Format.Type = "raw"
	if err := h.addVolume(ctx, seed); err != nil {
		return fmt.Errorf("its seed: %w", err)
	}
	err := h.stream(ctx, seedName(key), func(daemon *libvirt.Libvirt, of libvirt.StorageVol) error {
		return daemon.StorageVolUpload(of, bytes.NewReader(plan.seedData), 0, uint64(len(plan.seedData)), 0)
	})
	if err != nil {
		return fmt.Errorf("its seed: %w", err)
	}
	return nil
}

// removeParts removes the storage volumes that are a resource's own, with what a machine's console was rotated to.
func (h *host) removeParts(ctx context.Context, key string) error {
	return h.call(ctx, func(daemon *libvirt.Libvirt) error {
		pool, err := daemon.StoragePoolLookupByName(h.pool)
		if err != nil {
			return err
		}
		// Rotated files are known after a refresh alone, which is refused while storage volumes are being made.
		if err := daemon.StoragePoolRefresh(pool, 0); err != nil && !answers(err, libvirt.ErrInternalError, libvirt.ErrNoSupport) {
			return err
		}
		all, _, err := daemon.StoragePoolListAllVolumes(pool, 1, 0)
		if err != nil {
			return err
		}
		for _, one := range all {
			rest, own := strings.CutPrefix(one.Name, key+partSeparator)
			if !own || strings.Contains(rest, partSeparator) {
				continue
			}
			if err := daemon.StorageVolDelete(one, 0); err != nil && !answers(err, libvirt.ErrNoStorageVol) {
				return fmt.Errorf("storage volume %s: %w", one.Name, err)
			}
		}
		return nil
	})
}

// stream moves data of a storage volume, by a connection of its own.
func (h *host) stream(ctx context.Context, name string, move func(*libvirt.Libvirt, libvirt.StorageVol) error) error {
	return h.link.Stream(ctx, func(daemon *libvirt.Libvirt) error {
		pool, err := daemon.StoragePoolLookupByName(h.pool)
		if err != nil {
			return err
		}
		found, err := daemon.StorageVolLookupByName(pool, name)
		if err != nil {
			return err
		}
		return move(daemon, found)
	})
}

// poolPath is the directory that the pool's storage volumes lie in.
func (h *host) poolPath(ctx context.Context) (string, error) {
	var definition libvirtxml.StoragePool
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		pool, err := daemon.StoragePoolLookupByName(h.pool)
		if err != nil {
			return err
		}
		text, err := daemon.StoragePoolGetXMLDesc(pool, 0)
		if err != nil {
			return err
		}
		return definition.Unmarshal(text)
	})
	if err != nil {
		return "", err
	}
	if definition.Target == nil || definition.Target.Path == "" {
		return "", fmt.Errorf("pool %s is not one of files: %w", h.pool, vendormodules.ErrUnsupported)
	}
	return definition.Target.Path, nil
}
