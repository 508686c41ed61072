package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Create implements vendormodules.Module. A create that was cut off between any two of its steps leaves a resource that
// is shown as creating, can be deleted, and is finished by a repeat.
func (m *Module) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	if err := m.begin(ctx); err != nil {
		return vendormodules.Resource{}, err
	}
	resource, err := m.create(ctx, request)
	if err != nil {
		return vendormodules.Resource{}, failed(err, "create %s %s", request.Class.Type, request.Key)
	}
	return resource, nil
}

func (m *Module) create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	kind := request.Class.Type
	switch {
	case !validKey.MatchString(request.Key):
		return vendormodules.Resource{}, fmt.Errorf("key %q: %w", request.Key, vendormodules.ErrInvalid)
	case !m.offers(kind):
		return vendormodules.Resource{}, fmt.Errorf("no %s here: %w", kind, vendormodules.ErrUnsupported)
	}
	text := id(kind, request.Key)
	there, err := m.locate(ctx, text)
	if errors.Is(err, vendormodules.ErrNotFound) {
		there, err = m.begun(ctx, request)
	}
	if err == nil {
		switch kind {
		case descriptors.Compute:
			err = m.finishMachine(ctx, there, request)
		case descriptors.LoadBalancer:
			err = m.finishBalancer(ctx, there, request)
		case descriptors.Volume:
			err = m.finishVolume(ctx, there, request)
		}
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	there, err = m.locate(ctx, text)
	return there.Resource, err
}

// offers says whether resources of a type are made here; those of a cluster are computes.
func (m *Module) offers(kind descriptors.ResourceType) bool {
	types := m.configuration.Types
	return kind != descriptors.Cluster && slices.Contains(types, kind) ||
		kind == descriptors.Compute && slices.Contains(types, descriptors.Cluster)
}

// begun lays a resource down at one host: from here on it exists.
func (m *Module) begun(ctx context.Context, request vendormodules.Request) (found, error) {
	giveBack, err := take(ctx, m.placing)
	if err != nil {
		return found{}, err
	}
	defer giveBack()
	text := id(request.Class.Type, request.Key)
	if there, err := m.locate(ctx, text); !errors.Is(err, vendormodules.ErrNotFound) {
		return there, err // another call with the same key was first
	}
	at, warning, err := m.place(ctx, request)
	if err != nil {
		return found{}, err
	}
	engine, err := at.connect(ctx)
	if err != nil {
		return found{}, err
	}
	marks := labels(request.Class.Type, request.Key, request.Name, request.Tags)
	if warning != "" {
		marks[labelApart] = warning
	}
	switch request.Class.Type {
	case descriptors.Volume:
		err = m.beginVolume(ctx, at, engine, request, marks)
	case descriptors.Network:
		err = m.beginNetwork(ctx, engine, request, marks)
	case descriptors.LoadBalancer:
		err = m.beginBalancer(ctx, at, engine, request, marks)
	default:
		err = m.beginMachine(ctx, at, engine, request, marks)
	}
	if err != nil && !errors.Is(mapped(err), vendormodules.ErrConflict) {
		return found{}, err
	}
	there, failure := m.locate(ctx, text)
	if errors.Is(failure, vendormodules.ErrNotFound) && err != nil {
		return found{}, err
	}
	return there, failure
}

// beginVolume makes a volume. One that begins with a snapshot is being made until that was copied.
func (m *Module) beginVolume(
	ctx context.Context, at *host, engine *client.Client, request vendormodules.Request, marks map[string]string,
) error {
	marks[labelSize] = strconv.FormatInt(int64(request.Class.Size), 10)
	name := id(descriptors.Volume, request.Key)
	if request.Snapshot != "" {
		if err := at.markCopy(ctx, engine, name); err != nil {
			return err
		}
	}
	_, err := engine.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: marks})
	return err
}

// beginNetwork makes a network of the range that its class says, else of one that no other has.
func (m *Module) beginNetwork(
	ctx context.Context, engine *client.Client, request vendormodules.Request, marks map[string]string,
) error {
	if request.Class.Private {
		marks[labelPrivate] = "true"
	}
	make := func(of netip.Prefix) error {
		_, err := engine.NetworkCreate(ctx, id(descriptors.Network, request.Key), client.NetworkCreateOptions{
			Driver: "bridge", Internal: request.Class.Private, Labels: marks,
			IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: of, Gateway: of.Addr().Next()}}},
		})
		return err
	}
	if request.Class.Range != "" {
		wanted, err := netip.ParsePrefix(request.Class.Range)
		if err != nil {
			return fmt.Errorf("range %q: %w", request.Class.Range, vendormodules.ErrInvalid)
		}
		return make(wanted.Masked())
	}
	networks, err := engine.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return err
	}
	taken := func(one netip.Prefix) bool {
		return slices.ContainsFunc(networks.Items, func(other network.Summary) bool {
			return slices.ContainsFunc(other.IPAM.Config, func(of network.IPAMConfig) bool {
				return of.Subnet.IsValid() && of.Subnet.Overlaps(one)
			})
		})
	}
	ranges := m.configuration.Ranges
	for one := netip.PrefixFrom(ranges.Masked().Addr(), networkBits); ranges.Overlaps(one); one = following(one) {
		if taken(one) {
			continue
		}
		// What routes the host has beside, the engine alone knows.
		if err := make(one); err == nil || !errors.Is(mapped(err), vendormodules.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("every range of addresses in %s is in use: %w", ranges, vendormodules.ErrNoCapacity)
}

// following is the prefix of the same length behind another.
func following(one netip.Prefix) netip.Prefix {
	bytes := one.Addr().As4()
	next := uint32(bytes[0])<<24 | uint32(bytes[1])<<16 | uint32(bytes[2])<<8 | uint32(bytes[3])
	next += 1 << (32 - one.Bits())
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(next >> 24), byte(next >> 16), byte(next >> 8), byte(next)}), one.Bits())
}
