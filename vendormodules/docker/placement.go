package docker

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// place chooses the host of something new, with the token of placing held. What it is to be joined with decides; else it
// goes where most of its deployment is, if there is room, else where most room is. Machines that are to be apart go where
// the fewest of their class are.
func (m *Module) place(ctx context.Context, request vendormodules.Request) (at *host, warning string, err error) {
	bound, err := m.bound(ctx, request)
	if err != nil {
		return nil, "", err
	}
	apart := slices.Contains(request.Class.Place.Apart, descriptors.ApartMachine)
	if len(m.hosts) == 1 {
		bound = m.hosts[0]
	}
	if bound != nil && !apart {
		return bound, "", nil
	}
	candidates, err := m.candidates(ctx, request)
	if err != nil {
		return nil, "", err
	}
	if bound != nil {
		index := slices.IndexFunc(candidates, func(one candidate) bool { return one.at == bound })
		if index >= 0 && candidates[index].siblings > 0 {
			warning = "not apart from others of its class: what it is joined with is at one host"
			if len(m.hosts) == 1 {
				warning = "not apart from others of its class: there is one host here"
			}
		}
		return bound, warning, nil
	}
	candidates = slices.DeleteFunc(candidates, func(one candidate) bool { return !one.fits })
	if len(candidates) == 0 {
		return nil, "", fmt.Errorf("no host has room and the image for it: %w", vendormodules.ErrNoCapacity)
	}
	best := slices.MaxFunc(candidates, func(one, other candidate) int {
		if apart {
			return cmp.Or(-cmp.Compare(one.siblings, other.siblings), cmp.Compare(one.free, other.free))
		}
		return cmp.Or(cmp.Compare(one.family, other.family), cmp.Compare(one.free, other.free))
	})
	if apart && best.siblings > 0 {
		warning = "not apart from others of its class: there are too few hosts"
	}
	return best.at, warning, nil
}

// bound is the host that a request's volumes, networks, snapshot or image are at; nil without any.
func (m *Module) bound(ctx context.Context, request vendormodules.Request) (*host, error) {
	joined := slices.Clone(request.Networks)
	for _, mount := range request.Volumes {
		joined = append(joined, mount.Volume)
	}
	for _, one := range []string{request.Snapshot, request.Image} {
		if one != "" {
			joined = append(joined, one)
		}
	}
	var bound *host
	for _, id := range joined {
		one, err := m.locate(ctx, id)
		switch {
		case err != nil:
			return nil, err
		case bound != nil && one.at != bound:
			return nil, fmt.Errorf("%s is at %s, and what it is to be joined with at %s: %w",
				id, one.at.Endpoint, bound.Endpoint, vendormodules.ErrConflict)
		}
		bound = one.at
	}
	return bound, nil
}

// candidate is a host as one place for something new.
type candidate struct {
	at   *host
	fits bool
	// siblings are the machines of the same class there, family whatever is of the same deployment.
	siblings, family int
	// free is the share of the memory that is, 0 to 1.
	free float64
}

func (m *Module) candidates(ctx context.Context, request vendormodules.Request) ([]candidate, error) {
	shelves, _, err := m.shelves.Get(ctx)
	if err != nil {
		return nil, err
	}
	listed, err := each(ctx, m.hosts, func(ctx context.Context, at *host) ([]found, error) {
		var all []found
		for _, kind := range []descriptors.ResourceType{descriptors.Compute, descriptors.Volume, descriptors.Network} {
			some, err := at.list(ctx, kind)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	candidates := make([]candidate, len(m.hosts))
	for index, at := range m.hosts {
		one := candidate{at: at}
		var used vendormodules.Usage
		for _, other := range listed[index] {
			if other.Type == descriptors.Compute {
				used = used.Plus(usageOf(other.labels))
			}
			if other.Tags.Agency == request.Tags.Agency && other.Tags.Deployment == request.Tags.Deployment {
				one.family++
				if other.Type == descriptors.Compute && other.Tags.Class == request.Tags.Class {
					one.siblings++
				}
			}
		}
		one.fits, one.free = m.room(shelves[index], used, request)
		candidates[index] = one
	}
	return candidates, nil
}

// room says whether a host that is used so much can take a request, and how much of its memory is free then.
func (m *Module) room(of shelf, used vendormodules.Usage, request vendormodules.Request) (fits bool, free float64) {
	if request.Class.Type == descriptors.Compute {
		class := request.Class.WithDefaults()
		used = used.Plus(vendormodules.Usage{Instances: 1, Cores: class.Cores, Memory: class.Memory})
		fits = used.Instances <= of.capacity.Instances && used.Cores <= of.capacity.Cores && used.Memory <= of.capacity.Memory &&
			class.Cores <= of.largest.Cores && (class.Architecture == "" || class.Architecture == of.architecture) &&
			!m.refused(class, of)
	} else {
		fits = true
	}
	return fits, 1 - float64(used.Memory)/float64(max(1, of.capacity.Memory))
}

// take waits for a token, until the context ends.
func take(ctx context.Context, token chan struct{}) (giveBack func(), err error) {
	select {
	case <-token:
		return func() { token <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
