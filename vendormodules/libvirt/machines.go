package libvirt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// createMachine defines a machine under its key, so that it is listed before anything is made for it, then makes its
// disks, and starts it. A repeat goes on where the earlier one ended.
func (m *Module) createMachine(ctx context.Context, of label, request vendormodules.Request) (vendormodules.Resource, error) {
	where, err := m.earlier(ctx, of)
	if err == nil && where == nil {
		where, err = m.place(ctx, of, request)
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	found, err := where.machine(ctx, of.Key)
	if err != nil && !errors.Is(classify(err), vendormodules.ErrNotFound) {
		return vendormodules.Resource{}, err
	}
	if err != nil || !found.metadata.Complete {
		if err := m.build(ctx, where, of, request, err == nil); err != nil {
			return vendormodules.Resource{}, err
		}
	}
	return m.show(ctx, where, id{where.name, of.Type, of.Key})
}

// build makes everything of a machine that is not there yet, and starts it.
func (m *Module) build(ctx context.Context, where *host, of label, request vendormodules.Request, defined bool) error {
	plan, err := m.plan(ctx, where, of, request)
	if err != nil {
		return err
	}
	if !defined {
		text, err := plan.define()
		if err != nil {
			return err
		}
		err = where.call(ctx, func(daemon *libvirt.Libvirt) error {
			_, err := daemon.DomainDefineXMLFlags(text, 0)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := where.makeDisks(ctx, plan); err != nil {
		return err
	}
	return where.begin(ctx, plan.metadata)
}

// begin starts a machine for the first time, and then says that everything of it is there.
func (h *host) begin(ctx context.Context, of metadata) error {
	of.Complete = true
	encoded, err := of.encode()
	if err != nil {
		return err
	}
	err = h.call(ctx, func(daemon *libvirt.Libvirt) error {
		domain, err := daemon.DomainLookupByUUID(uuid(of.Key))
		if err != nil {
			return err
		}
		return start(daemon, domain)
	})
	if err != nil {
		return err
	}
	return h.call(ctx, func(daemon *libvirt.Libvirt) error {
		domain, err := daemon.DomainLookupByUUID(uuid(of.Key))
		if err != nil {
			return err
		}
		return daemon.DomainSetMetadata(domain, int32(libvirt.DomainMetadataElement), libvirt.OptString{encoded},
			libvirt.OptString{metadataPrefix}, libvirt.OptString{metadataURI}, libvirt.DomainAffectLive|libvirt.DomainAffectConfig)
	})
}

// start starts a domain unless it runs.
func start(daemon *libvirt.Libvirt, domain libvirt.Domain) error {
	state, _, err := daemon.DomainGetState(domain, 0)
	if err != nil {
		return err
	}
	switch libvirt.DomainState(state) {
	case libvirt.DomainShutoff, libvirt.DomainCrashed:
		_, err = daemon.DomainCreateWithFlags(domain, 0)
	case libvirt.DomainPaused:
		err = daemon.DomainResume(domain)
	}
	if answers(err, libvirt.ErrOperationInvalid) { // by somebody else, meanwhile
		return nil
	}
	return err
}

// blueprintFor is a blueprint with what else its disks are made of.
type blueprintFor struct {
	blueprint
	// base is the image that the root disk lies over.
	base     baseImage
	rootSize quantity.Bytes
	seedData []byte
}

// plan works out everything of a machine. It changes nothing.
func (m *Module) plan(ctx context.Context, where *host, of label, request vendormodules.Request) (blueprintFor, error) {
	class := request.Class.WithDefaults()
	plan := blueprintFor{blueprint: blueprint{
		metadata: metadataOf(of), board: m.configuration.Machine, cores: class.Cores, memory: class.Memory,
	}}
	known, _, err := where.facts.Get(ctx)
	if err != nil {
		return plan, err
	}
	if plan.platform, err = known.platform(request.Class.Architecture, m.configuration.Virtualization); err != nil {
		return plan, err
	}
	pool, err := where.poolPath(ctx)
	if err != nil {
		return plan, err
	}
	if err := m.planImage(ctx, where, request, pool, &plan); err != nil {
		return plan, err
	}
	networks, err := m.planNetworks(ctx, where, request)
	if err != nil {
		return plan, err
	}
	plan.networks = []string{m.configuration.Network}
	for _, one := range networks {
		plan.networks = append(plan.networks, one.network.Name)
	}
	if err := m.planSeed(request, networks, pool, &plan); err != nil {
		return plan, err
	}
	if m.lacks.has(consoleCapability) {
		plan.console = path.Join(pool, consoleName(of.Key))
	}
	plan.volumes, err = m.planVolumes(ctx, where, of, request)
	return plan, err
}

// planNetworks are the networks that a machine joins.
func (m *Module) planNetworks(ctx context.Context, where *host, request vendormodules.Request) ([]network, error) {
	var joined []network
	for _, one := range request.Networks {
		_, read, err := m.locate(one)
		if err != nil {
			return nil, err
		}
		found, err := where.network(ctx, read.key)
		if err != nil {
			return nil, fmt.Errorf("network %s: %w", one, err)
		}
		joined = append(joined, found)
	}
	return joined, nil
}

// planVolumes are the volumes that a machine has from the beginning. None of them may be another's.
func (m *Module) planVolumes(ctx context.Context, where *host, of label, request vendormodules.Request) ([]attachment, error) {
	if len(request.Volumes) > mostDisks-firstVolume {
		return nil, fmt.Errorf("%d volumes, and a machine here has at most %d: %w",
			len(request.Volumes), mostDisks-firstVolume, vendormodules.ErrInvalid)
	}
	var attachments []attachment
	for _, one := range request.Volumes {
		found, err := m.free(ctx, where, one.Volume, of.Key)
		if err != nil {
			return nil, err
		}
		found.mount = one.Mount
		attachments = append(attachments, found)
	}
	return attachments, nil
}

// free is a volume that no other machine has than the one of a key.
func (m *Module) free(ctx context.Context, where *host, volumeID, key string) (attachment, error) {
	_, read, err := m.locate(volumeID)
	if err != nil {
		return attachment{}, err
	}
	if read.kind != descriptors.Volume {
		return attachment{}, fmt.Errorf("%s is no volume: %w", volumeID, vendormodules.ErrNotFound)
	}
	found, err := where.volume(ctx, read)
	if err != nil {
		return attachment{}, err
	}
	file, err := where.file(ctx, found.volume.Name)
	if err != nil {
		return attachment{}, err
	}
	user, err := where.holder(ctx, file)
	if err != nil {
		return attachment{}, err
	}
	if user.domain.Name != "" && user.domain.Name != key {
		return attachment{}, fmt.Errorf("volume %s is attached to %s: %w", read.key, user.domain.Name, vendormodules.ErrConflict)
	}
	return attachment{key: read.key, path: file}, nil
}

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

// removeDisks removes the storage volumes that are a machine's own, with what its console was rotated to.
func (h *host) removeDisks(ctx context.Context, key string) error {
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

// settleEvery is how often a machine that powers off is looked at.
const settleEvery = 200 * time.Millisecond

// settle lets a machine that has volumes power off before it is ended, for as long as a stop may take: what it has not
// written to them yet would be lost.
func (m *Module) settle(ctx context.Context, where *host, of machine) error {
	if !of.active() || !of.hasVolumes() {
		return nil
	}
	err := where.call(ctx, func(daemon *libvirt.Libvirt) error { return daemon.DomainShutdownFlags(of.domain, 0) })
	if err != nil && !answers(err, libvirt.ErrOperationInvalid, libvirt.ErrNoSupport) {
		return err
	}
	within, cancel := context.WithTimeout(ctx, time.Duration(m.configuration.StopWithin))
	defer cancel()
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for {
		found, err := where.machine(within, of.metadata.Key)
		if within.Err() != nil {
			return ctx.Err()
		}
		if err != nil || !found.active() {
			return err
		}
		select {
		case <-ticker.C:
		case <-within.Done():
			return ctx.Err()
		}
	}
}

// hasVolumes says whether a machine has disks that outlive it.
func (m machine) hasVolumes() bool {
	if m.definition.Devices == nil {
		return false
	}
	for _, one := range m.definition.Devices.Disks {
		if strings.HasPrefix(one.Serial, serialPrefix) {
			return true
		}
	}
	return false
}

// deleteMachine ends a machine and removes what is its own, last of all its definition: until then it is listed.
func (m *Module) deleteMachine(ctx context.Context, where *host, of id) error {
	found, err := where.machine(ctx, of.key)
	if err != nil {
		return err
	}
	m.stops.forget(of.String())
	m.since.forget(of.String())
	if err := m.settle(ctx, where, found); err != nil {
		return err
	}
	if found.active() {
		err := where.call(ctx, func(daemon *libvirt.Libvirt) error { return daemon.DomainDestroyFlags(found.domain, 0) })
		if err != nil && !answers(err, libvirt.ErrOperationInvalid) {
			return err
		}
	}
	if err := where.removeDisks(ctx, of.key); err != nil {
		return err
	}
	return where.call(ctx, func(daemon *libvirt.Libvirt) error {
		err := daemon.DomainUndefineFlags(found.domain, libvirt.DomainUndefineManagedSave|libvirt.DomainUndefineSnapshotsMetadata|
			libvirt.DomainUndefineCheckpointsMetadata|libvirt.DomainUndefineNvram)
		if answers(err, libvirt.ErrInvalidArg) { // a driver that has none of these
			err = daemon.DomainUndefineFlags(found.domain, 0)
		}
		if answers(err, libvirt.ErrNoDomain) { // by a repeat of the same delete
			return nil
		}
		return err
	})
}
