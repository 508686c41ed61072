package libvirt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/vendormodules"
)

// timeUnit is that of all times kept at a host.
const timeUnit = time.Second

// rangeBits is the length of the prefix of a network that no range is said for.
const rangeBits = 24

// createNetwork defines a network under its key, and starts it.
func (m *Module) createNetwork(ctx context.Context, of label, request vendormodules.Request) (vendormodules.Resource, error) {
	where, err := m.earlier(ctx, of)
	if err == nil && where == nil {
		if where, err = m.place(ctx, of, request); err == nil {
			err = m.defineNetwork(ctx, where, of, request)
		}
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	err = where.call(ctx, func(daemon *libvirt.Libvirt) error {
		found, err := daemon.NetworkLookupByUUID(uuid(of.Key))
		if err != nil {
			return err
		}
		if active, err := daemon.NetworkIsActive(found); err != nil || active != 0 {
			return err
		}
		if err := daemon.NetworkCreate(found); err != nil {
			return err
		}
		return daemon.NetworkSetAutostart(found, 1)
	})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return m.show(ctx, where, id{where.name, of.Type, of.Key})
}

// defineNetwork finds a range for a network and defines it; one at a time on each host, for no two may overlap.
func (m *Module) defineNetwork(ctx context.Context, where *host, of label, request vendormodules.Request) error {
	unlock, err := m.busy.lock(ctx, "ranges of "+where.name)
	if err != nil {
		return err
	}
	defer unlock()
	others, err := where.networks(ctx)
	if err != nil {
		return err
	}
	chosen, err := m.chooseRange(request.Class.Range, others)
	if err != nil {
		return err
	}
	text, err := networkDefinition(of, chosen, request.Class.Private)
	if err != nil {
		return err
	}
	return where.call(ctx, func(daemon *libvirt.Libvirt) error {
		_, err := daemon.NetworkDefineXML(text)
		return err
	})
}

// chooseRange is the range that is wanted, if it is free, else the first free one of the module's.
func (m *Module) chooseRange(wanted string, others []network) (netip.Prefix, error) {
	var taken []netip.Prefix
	for _, one := range others {
		for _, address := range one.definition.IPs {
			if prefix, ok := prefixOf(address); ok {
				taken = append(taken, prefix)
			}
		}
	}
	free := func(one netip.Prefix) bool {
		for _, other := range taken {
			if one.Overlaps(other) {
				return false
			}
		}
		return true
	}
	if wanted != "" {
		prefix, err := netip.ParsePrefix(wanted)
		switch {
		case err != nil || !prefix.Addr().Is4() || prefix.Bits() > 30:
			return prefix, fmt.Errorf("range %q has no room for addresses: %w", wanted, vendormodules.ErrInvalid)
		case !free(prefix.Masked()):
			return prefix, fmt.Errorf("range %s is in use at the host: %w", wanted, vendormodules.ErrConflict)
		}
		return prefix.Masked(), nil
	}
	all := m.configuration.Ranges
	for at := all.Addr(); all.Contains(at); at = plus(at, 1<<(32-rangeBits)) {
		if one := netip.PrefixFrom(at, rangeBits); free(one) {
			return one, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("all of %s is in use: %w", all, vendormodules.ErrNoCapacity)
}

// prefixOf is the range that a network says, in either of libvirt's ways.
func prefixOf(said libvirtxml.NetworkIP) (netip.Prefix, bool) {
	address, err := netip.ParseAddr(said.Address)
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := int(said.Prefix)
	if mask, err := netip.ParseAddr(said.Netmask); err == nil && mask.Is4() {
		bits = strings.Count(fmt.Sprintf("%b", binary.BigEndian.Uint32(mask.AsSlice())), "1")
	}
	prefix, err := address.Prefix(bits)
	return prefix, err == nil && bits > 0
}

// plus is an address so many further on.
func plus(address netip.Addr, count uint32) netip.Addr {
	var bytes [4]byte
	binary.BigEndian.PutUint32(bytes[:], binary.BigEndian.Uint32(address.AsSlice())+count)
	return netip.AddrFrom4(bytes)
}

// networkDefinition is a network as libvirt wants it said. A private one is joined to nothing else; others reach out, with
// the host's address.
func networkDefinition(of label, addresses netip.Prefix, private bool) (string, error) {
	encoded, err := metadataOf(of).encode()
	if err != nil {
		return "", err
	}
	first := addresses.Addr()
	last := plus(first, 1<<(32-addresses.Bits())-1)
	definition := libvirtxml.Network{
		Name: of.Key, UUID: uuidText(uuid(of.Key)), Metadata: &libvirtxml.NetworkMetadata{XML: encoded},
		Bridge: &libvirtxml.NetworkBridge{STP: "on"},
		IPs: []libvirtxml.NetworkIP{{
			Address: first.Next().String(), Prefix: uint(addresses.Bits()),
			DHCP: &libvirtxml.NetworkDHCP{Ranges: []libvirtxml.NetworkDHCPRange{{
				Start: first.Next().Next().String(), End: last.Prev().String(),
			}}},
		}},
	}
	if !private {
		definition.Forward = &libvirtxml.NetworkForward{Mode: "nat"}
	}
	return definition.Marshal()
}

// deleteNetwork removes a network that no machine is on.
func (m *Module) deleteNetwork(ctx context.Context, where *host, of id) error {
	found, err := where.network(ctx, of.key)
	if err != nil {
		return err
	}
	machines, err := where.domains(ctx)
	if err != nil {
		return err
	}
	for _, one := range machines {
		if one.definition.Devices == nil {
			continue
		}
		for _, card := range one.definition.Devices.Interfaces {
			if card.Source != nil && card.Source.Network != nil && card.Source.Network.Network == found.network.Name {
				return fmt.Errorf("machine %s is on it: %w", one.domain.Name, vendormodules.ErrConflict)
			}
		}
	}
	err = where.call(ctx, func(daemon *libvirt.Libvirt) error {
		if err := daemon.NetworkDestroy(found.network); err != nil && !answers(err, libvirt.ErrOperationInvalid) {
			return err
		}
		return daemon.NetworkUndefine(found.network)
	})
	if err != nil && errors.Is(classify(err), vendormodules.ErrNotFound) {
		return nil // by a repeat of the same delete
	}
	return err
}
