package vsphere

import (
	"context"
	"net/netip"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Get implements vendormodules.Module. The id is the resource's key.
func (m *Module) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	var shown vendormodules.Resource
	err := m.do(ctx, "get "+id, func(c *connection) error {
		found, err := m.find(ctx, c, id)
		if err == nil {
			shown = found.show()
		}
		return err
	})
	return shown, err
}

// List implements vendormodules.Module.
func (m *Module) List(ctx context.Context) ([]vendormodules.Resource, error) {
	var shown []vendormodules.Resource
	err := m.do(ctx, "list", func(c *connection) error {
		shown = nil
		machines, err := m.machines(ctx, c, machineProperties)
		if err != nil {
			return err
		}
		networks, err := m.networks(ctx, c)
		if err != nil {
			return err
		}
		for _, found := range slices.Concat(machines, networks) {
			shown = append(shown, found.show())
		}
		return nil
	})
	return shown, err
}

// show is an entity as the contract has it.
func (e entity) show() vendormodules.Resource {
	shown := vendormodules.Resource{
		ID: e.Key, Key: e.Key, Name: e.Name, Type: e.Type, Tags: e.Tags, Created: e.Created,
		State: vendormodules.ResourceRunning,
	}
	switch e.Type {
	case descriptors.Network:
		shown.Addresses = []vendormodules.Address{{Address: e.Range.String()}}
	case descriptors.Volume, descriptors.Snapshot, descriptors.Image:
		shown.Size = e.Size
	case descriptors.Compute:
		shown.State = e.state()
		if shown.State != vendormodules.ResourceCreating {
			shown.Addresses = e.addresses()
		}
	}
	return shown
}

func (e entity) state() vendormodules.ResourceState {
	switch {
	case e.power == types.VirtualMachinePowerStatePoweredOn && e.stage != "":
		return vendormodules.ResourceRunning
	case e.stage != stageBegun:
		return vendormodules.ResourceCreating
	}
	return vendormodules.ResourceStopped
}

// addresses are those that the machine was given, and what its tools tell of the one that DHCP gave it.
func (e entity) addresses() []vendormodules.Address {
	var shown []vendormodules.Address
	given := map[netip.Addr]bool{}
	for _, one := range e.Addresses {
		given[one.Address] = true
	}
	for _, one := range e.Addresses {
		if one.Address.IsValid() {
			shown = append(shown, vendormodules.Address{Address: one.Address.String(), Network: one.Network, Public: one.Public})
			continue
		}
		for _, told := range e.told() {
			if !given[told] {
				shown = append(shown, vendormodules.Address{Address: told.String(), Network: one.Network, Public: one.Public})
			}
		}
	}
	return shown
}

// told are the IPv4 addresses that the machine's tools tell.
func (e entity) told() []netip.Addr {
	var addresses []netip.Addr
	for _, card := range e.guest {
		for _, text := range card.IpAddress {
			if parsed, err := netip.ParseAddr(text); err == nil && parsed.Is4() && !parsed.IsLinkLocalUnicast() {
				addresses = append(addresses, parsed)
			}
		}
	}
	return addresses
}
