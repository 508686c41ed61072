package ptc

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/loopback"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// ledger knows what is given to whom: addresses, networks and volumes. It is made of the records when the module is
// opened, and entered before a record is written, so that nothing is ever given twice.
type ledger struct {
	block netip.Prefix

	mu sync.Mutex
	// addresses -> resource.
	addresses map[netip.Addr]string
	// networks -> what is known of them; volumes -> the machine that has it, empty for none.
	networks map[string]network
	volumes  map[string]string
	// cursors are where the search for a free address goes on, by prefix, so that one just given up is not given out soon.
	cursors map[netip.Prefix]int
}

type network struct {
	name    string
	prefix  netip.Prefix
	private bool
	// retired networks take nobody in any more.
	retired bool
}

func newLedger(block netip.Prefix, records []record.Record) (*ledger, error) {
	l := &ledger{
		block: block, addresses: map[netip.Addr]string{}, networks: map[string]network{}, volumes: map[string]string{},
		cursors: map[netip.Prefix]int{},
	}
	for _, one := range records {
		if err := l.enter(one); err != nil {
			return nil, fmt.Errorf("resource %s: %w", one.Key, err)
		}
	}
	return l, nil
}

// enter takes over what a record says.
func (l *ledger) enter(of record.Record) error {
	switch of.Class.Type {
	case descriptors.Volume:
		if _, attached := l.volumes[of.Key]; !attached && !of.Deleting {
			l.volumes[of.Key] = ""
		}
	case descriptors.Network:
		prefix, err := netip.ParsePrefix(of.Block)
		if err != nil {
			return err
		}
		l.networks[of.Key] = network{of.Name, prefix, of.Class.Private, of.Deleting}
	}
	for volume := range of.Volumes {
		l.volumes[volume] = of.Key
	}
	for _, one := range of.Addresses {
		address, err := netip.ParseAddr(one.Address.Address)
		if err != nil {
			return err
		}
		if other, taken := l.addresses[address]; taken {
			return fmt.Errorf("address %s is also %s's", address, other)
		}
		l.addresses[address] = of.Key
	}
	return nil
}

// grant gives a new resource what its request asks for, and writes it into the record; all or nothing.
func (l *ledger) grant(request vendormodules.Request, into *record.Record) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if err != nil {
			l.forget(into.Key)
		}
	}()
	switch request.Class.Type {
	case descriptors.Volume:
		l.volumes[into.Key] = ""
		return nil
	case descriptors.Network:
		return l.grantNetwork(request, into)
	case descriptors.LoadBalancer:
		if err := l.grantAddress("", into); err != nil {
			return err
		}
	default:
		if len(request.Networks) == 0 {
			if err := l.grantAddress("", into); err != nil {
				return err
			}
		}
	}
	for _, id := range request.Networks {
		if err := l.grantAddress(id, into); err != nil {
			return err
		}
	}
	for _, mount := range request.Volumes {
		if err := l.give(mount.Volume, into.Key); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) grantNetwork(request vendormodules.Request, into *record.Record) error {
	taken := map[netip.Prefix]bool{}
	for _, network := range l.networks {
		taken[network.prefix] = true
	}
	all := netip.PrefixFrom(l.block.Addr(), l.block.Bits())
	for i := range loopback.Networks {
		index := (l.cursors[all] + i) % loopback.Networks
		if prefix := loopback.Network(l.block, index); !taken[prefix] {
			l.cursors[all] = index + 1
			l.networks[into.Key] = network{name: request.Name, prefix: prefix, private: request.Class.Private}
			into.Block = prefix.String()
			return nil
		}
	}
	return fmt.Errorf("all %d networks of %s are in use: %w", loopback.Networks, l.block, vendormodules.ErrNoCapacity)
}

// grantAddress gives an address of a network, or of the open part for an empty id.
func (l *ledger) grantAddress(id string, into *record.Record) error {
	of := network{prefix: loopback.Open(l.block)}
	if id != "" {
		var there bool
		if of, there = l.networks[id]; !there || of.retired {
			return fmt.Errorf("network %s: %w", id, vendormodules.ErrNotFound)
		}
	}
	hosts := loopback.Hosts(of.prefix)
	for i := range hosts {
		index := (l.cursors[of.prefix] + i) % hosts
		address := loopback.Host(of.prefix, index)
		if _, taken := l.addresses[address]; taken {
			continue
		}
		l.cursors[of.prefix] = index + 1
		l.addresses[address] = into.Key
		into.Addresses = append(into.Addresses, record.Address{
			Address:     vendormodules.Address{Address: address.String(), Network: id, Public: !of.private},
			NetworkName: of.name,
		})
		return nil
	}
	return fmt.Errorf("all %d addresses of %s are in use: %w", hosts, of.prefix, vendormodules.ErrNoCapacity)
}

// give gives a volume to a machine, which may have it already.
func (l *ledger) give(volume, machine string) error {
	owner, there := l.volumes[volume]
	switch {
	case !there:
		return fmt.Errorf("volume %s: %w", volume, vendormodules.ErrNotFound)
	case owner != "" && owner != machine:
		return fmt.Errorf("volume %s is attached to machine %s: %w", volume, owner, vendormodules.ErrConflict)
	}
	l.volumes[volume] = machine
	return nil
}

// attach gives a volume to a machine that is there.
func (l *ledger) attach(volume, machine string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.give(volume, machine)
}

// detach takes a volume from the machine that has it.
func (l *ledger) detach(volume, machine string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.volumes[volume] == machine {
		l.volumes[volume] = ""
	}
}

// owner is the machine that has a volume, empty for none.
func (l *ledger) owner(volume string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.volumes[volume]
}

// members is how many addresses of a network are in use.
func (l *ledger) members(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for address := range l.addresses {
		if l.networks[id].prefix.Contains(address) {
			count++
		}
	}
	return count
}

// retire makes sure that a volume or network that is to be deleted is in nobody's use and comes into nobody's.
func (l *ledger) retire(of record.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if machine := l.volumes[of.Key]; machine != "" {
		return fmt.Errorf("volume %s is attached to machine %s: %w", of.Key, machine, vendormodules.ErrConflict)
	}
	if network, there := l.networks[of.Key]; there {
		for address, resource := range l.addresses {
			if network.prefix.Contains(address) {
				return fmt.Errorf("network %s is joined by %s: %w", of.Key, resource, vendormodules.ErrConflict)
			}
		}
		network.retired = true
		l.networks[of.Key] = network
	}
	delete(l.volumes, of.Key)
	return nil
}

// release takes back all that a resource has.
func (l *ledger) release(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(key)
}

func (l *ledger) forget(key string) {
	maps.DeleteFunc(l.addresses, func(_ netip.Addr, owner string) bool { return owner == key })
	delete(l.networks, key)
	delete(l.volumes, key)
	for _, volume := range slices.Collect(maps.Keys(l.volumes)) {
		if l.volumes[volume] == key {
			l.volumes[volume] = ""
		}
	}
}
