package libvirt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/digitalocean/go-libvirt"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Get implements vendormodules.Module.
func (m *Module) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	where, read, err := m.locate(id)
	var shown vendormodules.Resource
	if err == nil {
		shown, err = m.show(ctx, where, read)
	}
	if err != nil {
		return vendormodules.Resource{}, failed("show", id, err)
	}
	return shown, nil
}

func (m *Module) show(ctx context.Context, where *host, of id) (vendormodules.Resource, error) {
	switch of.kind {
	case descriptors.Compute:
		found, err := where.machine(ctx, of.key)
		if err != nil {
			return vendormodules.Resource{}, err
		}
		return m.showMachine(ctx, where, found)
	case descriptors.Network:
		found, err := where.network(ctx, of.key)
		if err != nil {
			return vendormodules.Resource{}, err
		}
		return showNetwork(where, found), nil
	}
	found, err := where.volume(ctx, of)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return showVolume(where, found), nil
}

// List implements vendormodules.Module: whatever a host of ours has, of all hosts or an error.
func (m *Module) List(ctx context.Context) ([]vendormodules.Resource, error) {
	parts := make([][]vendormodules.Resource, len(m.hosts))
	group, groupCtx := errgroup.WithContext(ctx)
	for index, one := range m.hosts {
		group.Go(func() (err error) {
			parts[index], err = m.list(groupCtx, one)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, failed("list", "resources", err)
	}
	all := slices.Concat(parts...)
	slices.SortFunc(all, func(a, b vendormodules.Resource) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return all, nil
}

func (m *Module) list(ctx context.Context, where *host) ([]vendormodules.Resource, error) {
	machines, err := where.domains(ctx)
	if err != nil {
		return nil, err
	}
	var mutex sync.Mutex
	var all []vendormodules.Resource
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, one := range machines {
		if one.metadata.Key == "" {
			continue
		}
		group.Go(func() error {
			shown, err := m.showMachine(ctx, where, one)
			if errors.Is(classify(err), vendormodules.ErrNotFound) { // gone meanwhile
				return nil
			}
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, shown)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	networks, err := where.networks(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range networks {
		if one.metadata.Key != "" {
			all = append(all, showNetwork(where, one))
		}
	}
	volumes, err := where.volumes(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range volumes {
		if one.label.Key != "" {
			all = append(all, showVolume(where, one))
		}
	}
	return all, nil
}

// showLabel shows what there is of every resource.
func showLabel(where *host, of label) vendormodules.Resource {
	return vendormodules.Resource{
		ID: id{where.name, of.Type, of.Key}.String(), Key: of.Key, Name: of.Name, Type: of.Type, Tags: of.Tags,
		State: vendormodules.ResourceRunning, Created: of.Created,
	}
}

func showVolume(where *host, of volume) vendormodules.Resource {
	shown := showLabel(where, of.label)
	shown.Size = of.size
	if of.making {
		shown.State = vendormodules.ResourceCreating
	}
	return shown
}

func showNetwork(where *host, of network) vendormodules.Resource {
	shown := showLabel(where, of.metadata.label())
	for _, one := range of.definition.IPs {
		if addresses, ok := prefixOf(one); ok {
			shown.Addresses = append(shown.Addresses, vendormodules.Address{Address: addresses.Masked().String(), Network: shown.ID})
		}
	}
	if !of.active {
		shown.State = vendormodules.ResourceCreating
	}
	return shown
}

func (m *Module) showMachine(ctx context.Context, where *host, of machine) (vendormodules.Resource, error) {
	shown := showLabel(where, of.metadata.label())
	shown.Warnings = of.metadata.Warnings
	switch {
	case of.state == libvirt.DomainCrashed:
		shown.State, shown.Fault = vendormodules.ResourceError, "it crashed"
	case !of.active() && of.metadata.Complete:
		shown.State = vendormodules.ResourceStopped
	case !of.active() || !of.metadata.Complete:
		shown.State = vendormodules.ResourceCreating
	}
	if of.state == libvirt.DomainPaused {
		shown.Warnings = append(shown.Warnings, "it is paused at the host")
	}
	if !of.active() {
		m.since.forget(shown.ID)
		return shown, nil
	}
	var err error
	shown.Addresses, err = m.addresses(ctx, where, of)
	if err != nil {
		return shown, err
	}
	missing := of.without(shown.Addresses, m.configuration.Network)
	if len(missing) == 0 {
		m.since.forget(shown.ID)
		return shown, nil
	}
	if waited := m.since.see(shown.ID, m.now()); waited < time.Duration(m.configuration.AddressWithin) {
		shown.State = vendormodules.ResourceCreating
	} else {
		shown.Warnings = append(shown.Warnings,
			fmt.Sprintf("it runs, and has had no address on %s for %s", strings.Join(missing, " and "), waited.Round(time.Second)))
	}
	return shown, nil
}

// without are those of libvirt's networks that a machine is on and has none of these addresses on.
func (m machine) without(addresses []vendormodules.Address, shared string) []string {
	var missing []string
	if m.definition.Devices == nil {
		return nil
	}
	for _, card := range m.definition.Devices.Interfaces {
		if card.Source == nil || card.Source.Network == nil {
			continue
		}
		name := card.Source.Network.Network
		has := slices.ContainsFunc(addresses, func(one vendormodules.Address) bool {
			return one.Network == "" && name == shared || strings.HasSuffix(one.Network, ":"+name)
		})
		if !has {
			missing = append(missing, name)
		}
	}
	return missing
}

// addresses of a machine: those that it was leased, else those that its guest agent tells, if it has one.
func (m *Module) addresses(ctx context.Context, where *host, of machine) ([]vendormodules.Address, error) {
	if of.definition.Devices == nil {
		return nil, nil
	}
	networks := map[string]string{} // hardware address -> network of libvirt's
	for _, card := range of.definition.Devices.Interfaces {
		if card.MAC != nil && card.Source != nil && card.Source.Network != nil {
			networks[strings.ToLower(card.MAC.Address)] = card.Source.Network.Network
		}
	}
	var cards []libvirt.DomainInterface
	err := where.call(ctx, func(daemon *libvirt.Libvirt) (err error) {
		cards, err = daemon.DomainInterfaceAddresses(of.domain, uint32(libvirt.DomainInterfaceAddressesSrcLease), 0)
		if err == nil && len(cards) == 0 && of.hasAgent() {
			cards, err = daemon.DomainInterfaceAddresses(of.domain, uint32(libvirt.DomainInterfaceAddressesSrcAgent), 0)
		}
		if answers(err, libvirt.ErrOperationInvalid, libvirt.ErrAgentUnresponsive) { // it went off meanwhile
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var addresses []vendormodules.Address
	for _, card := range cards {
		if len(card.Hwaddr) == 0 {
			continue
		}
		network, known := networks[strings.ToLower(card.Hwaddr[0])]
		if !known {
			continue
		}
		for _, one := range card.Addrs {
			if one.Type == int32(libvirt.IPAddrTypeIpv4) {
				addresses = append(addresses, m.address(where, one.Addr, network))
			}
		}
	}
	slices.SortStableFunc(addresses, func(a, b vendormodules.Address) int { return strings.Compare(a.Network, b.Network) })
	return addresses, nil
}

// address on one of libvirt's networks, which is the agency's unless it is everybody's.
func (m *Module) address(where *host, address, network string) vendormodules.Address {
	if network == m.configuration.Network {
		return vendormodules.Address{Address: address, Public: m.configuration.Public}
	}
	return vendormodules.Address{Address: address, Network: id{where.name, descriptors.Network, network}.String()}
}

// hasAgent says whether a guest agent listens in a machine.
func (m machine) hasAgent() bool {
	for _, channel := range m.definition.Devices.Channels {
		if target := channel.Target; target != nil && target.VirtIO != nil && target.VirtIO.Name == agentChannel {
			return target.VirtIO.State == "connected"
		}
	}
	return false
}

// Delete implements vendormodules.Module.
func (m *Module) Delete(ctx context.Context, id string) error {
	where, read, err := m.locate(id)
	if err == nil {
		err = m.delete(ctx, where, read)
	}
	if err != nil {
		return failed("delete", id, err)
	}
	return nil
}

func (m *Module) delete(ctx context.Context, where *host, of id) error {
	unlock, err := m.busy.lock(ctx, of.key)
	if err != nil {
		return err
	}
	defer unlock()
	switch of.kind {
	case descriptors.Compute:
		return m.deleteMachine(ctx, where, of)
	case descriptors.Network:
		return m.deleteNetwork(ctx, where, of)
	}
	return m.deleteVolume(ctx, where, of)
}
