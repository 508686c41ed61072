package libvirt

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// place chooses the host of a new resource: that of what it joins, else one that the deployment is on already, else the
// one with most memory left. Machines that are to be apart, and join nothing, go where fewest of their class are.
func (m *Module) place(ctx context.Context, of label, request vendormodules.Request) (*host, error) {
	joined, err := m.joined(request)
	if err != nil || joined != nil {
		return joined, err
	}
	if len(m.hosts) == 1 {
		return m.hosts[0], nil
	}
	apart := of.Type == descriptors.Compute && slices.Contains(request.Class.Place.Apart, descriptors.ApartMachine)
	type candidate struct {
		host       *host
		same, here int
		left       int64
	}
	var candidates []candidate
	for _, one := range m.hosts {
		found := candidate{host: one}
		if found.same, found.here, found.left, err = one.burden(ctx, of); err != nil {
			return nil, err
		}
		candidates = append(candidates, found)
	}
	return slices.MinFunc(candidates, func(a, b candidate) int {
		if apart {
			return cmp.Or(cmp.Compare(a.same, b.same), cmp.Compare(b.left, a.left))
		}
		return cmp.Or(cmp.Compare(b.here, a.here), cmp.Compare(b.left, a.left))
	}).host, nil
}

// joined is the one host of what a resource joins; nil if it joins nothing.
func (m *Module) joined(request vendormodules.Request) (*host, error) {
	joins := slices.Clone(request.Networks)
	for _, one := range request.Volumes {
		joins = append(joins, one.Volume)
	}
	for _, one := range []string{request.Snapshot, request.Image} {
		if one != "" {
			joins = append(joins, one)
		}
	}
	var all *host
	for _, one := range joins {
		where, _, err := m.locate(one)
		if err != nil {
			return nil, err
		}
		if all != nil && where != all {
			return nil, fmt.Errorf("what it joins is on host %s and on host %s: %w", all.name, where.name, vendormodules.ErrInvalid)
		}
		all = where
	}
	return all, nil
}

// burden is how many machines of the same class and deployment a host has, how much of the deployment, and how many bytes
// of its memory nobody was promised.
func (h *host) burden(ctx context.Context, of label) (same, here int, left int64, err error) {
	known, _, err := h.facts.Get(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	left = int64(known.memory)
	machines, err := h.domains(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	count := func(other label) {
		if other.Tags.Deployment != of.Tags.Deployment || other.Key == "" {
			return
		}
		here++
		if other.Type == descriptors.Compute && other.Tags.Class == of.Tags.Class {
			same++
		}
	}
	for _, one := range machines {
		count(one.metadata.label())
		if one.definition.Memory != nil {
			left -= int64(one.definition.Memory.Value) * 1024
		}
	}
	networks, err := h.networks(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	for _, one := range networks {
		count(one.metadata.label())
	}
	volumes, err := h.volumes(ctx)
	for _, one := range volumes {
		count(one.label)
	}
	return same, here, left, err
}
