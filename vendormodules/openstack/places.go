package openstack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"

	"github.com/cloud-agency/agency/vendormodules"
)

// place is a network, and what a port on it is on.
type place struct {
	id, on string
	// class of a network of the agency's.
	class string
}

// places are the networks that are not the agency's.
type places struct {
	// usual is where a machine is that no network of the agency's has. It has no id where that is not known, and why.
	usual place
	doubt error
	// external is where floating addresses come from; without an id where there are none.
	external place
}

// offered is a network that others made.
type offered struct {
	networks.Network
	external.NetworkExternalExt
}

// fetchPlaces finds the networks that the configuration names, else those that can only be meant.
func (m *Module) fetchPlaces(ctx context.Context) (places, error) {
	s, err := m.whole(ctx)
	if err != nil || s.network == nil {
		return places{}, err
	}
	pages, err := allPages(ctx, networks.List(s.network, networks.ListOpts{}))
	if err != nil {
		return places{}, err
	}
	var all []offered
	if err := networks.ExtractNetworksInto(pages, &all); err != nil {
		return places{}, err
	}
	all = slices.DeleteFunc(all, func(one offered) bool {
		return strings.HasPrefix(one.Description, "agency=") || len(one.Subnets) == 0
	})
	// The project's own go before those that are shared with it.
	slices.SortFunc(all, func(a, b offered) int {
		return cmp.Or(cmp.Compare(rank(a, s), rank(b, s)), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	var found places
	found.external, err = m.findExternal(all)
	if err != nil {
		return places{}, err
	}
	found.usual, found.doubt = m.findUsual(all, s)
	return found, nil
}

func rank(one offered, s *session) int {
	if one.ProjectID == s.project.ID {
		return 0
	}
	return 1
}

func (m *Module) findExternal(all []offered) (place, error) {
	name := m.configuration.ExternalNetwork
	for _, one := range all {
		if name == "" && one.External || name != "" && (one.ID == name || one.Name == name) {
			return place{id: one.ID, on: onPublic}, nil
		}
	}
	if name != "" {
		return place{}, fmt.Errorf("external-network: the project sees no network %q: %w", name, vendormodules.ErrInvalid)
	}
	return place{}, nil
}

func (m *Module) findUsual(all []offered, s *session) (place, error) {
	name := m.configuration.Network
	var candidates []offered
	for _, one := range all {
		if name != "" && (one.ID == name || one.Name == name) || name == "" && !one.External {
			candidates = append(candidates, one)
		}
	}
	switch {
	case len(candidates) == 1, len(candidates) > 1 && rank(candidates[0], s) < rank(candidates[1], s):
		on := onInner
		if candidates[0].External {
			on = onPublic
		}
		return place{id: candidates[0].ID, on: on}, nil
	case len(candidates) > 1 && name == "":
		return place{}, fmt.Errorf("the project has %d networks, such as %s and %s; say by network: which one machines join: %w",
			len(candidates), candidates[0].Name, candidates[1].Name, vendormodules.ErrInvalid)
	case len(candidates) > 1:
		return place{}, fmt.Errorf("network: %d networks are called %q; write an id: %w", len(candidates), name, vendormodules.ErrInvalid)
	case name != "":
		return place{}, fmt.Errorf("network: the project sees no network %q: %w", name, vendormodules.ErrInvalid)
	}
	return place{}, fmt.Errorf("the project has no network, and the class is on none of the agency's: %w", vendormodules.ErrInvalid)
}

// joined are the networks that a machine or balancer joins.
func (m *Module) joined(ctx context.Context, s *session, own []string) ([]place, error) {
	joined := make([]place, 0, len(own))
	for _, id := range own {
		network, err := m.networkOf(ctx, s, id)
		if err != nil {
			return nil, fmt.Errorf("network %s: %w", id, translate(err))
		}
		class := readDescription(network.Name, network.Description).Tags.Class
		joined = append(joined, place{id: id, on: onMember, class: class})
	}
	if len(own) > 0 {
		return joined, nil
	}
	known, _, err := m.places.Get(ctx)
	if err != nil {
		return nil, err
	}
	return []place{known.usual}, known.doubt
}
