package libvirt

import (
	"context"
	"fmt"
	"path"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

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
	plan.networks, plan.apart = []string{m.configuration.Network}, !m.configuration.Public
	if m.filters() {
		plan.filter = filterName(of.Tags)
		for _, rule := range request.Rules {
			plan.metadata.Rules = append(plan.metadata.Rules, keptRule(rule))
		}
	}
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
