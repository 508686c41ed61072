package vsphere

import (
	"fmt"
	"net/netip"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// networkBits is the size of a network's range that asks for none: a /24.
const networkBits = 24

// reserved are the addresses at the beginning of a range that no machine gets: the network's own and those of what
// routes for it.
const reserved = 10

// promise is what a resource will have, that no listing shows yet.
type promise struct {
	addresses []address
	prefix    netip.Prefix
	vlan      int
}

// promiseAddresses chooses addresses in networks for a machine. They are nobody else's until the promise is let go, by
// when a listing shows them.
func (m *Module) promiseAddresses(key string, networks []entity, machines []entity) ([]address, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	taken := map[address]bool{}
	take := func(all []address) {
		for _, one := range all {
			taken[address{Network: one.Network, Address: one.Address}] = true
		}
	}
	for _, one := range machines {
		take(one.Addresses)
	}
	for _, one := range m.promised {
		take(one.addresses)
	}
	var chosen []address
	for _, network := range networks {
		one := address{Network: network.Key, Public: network.Key == ""}
		if network.Range.IsValid() {
			free, found := firstFree(network.Range, func(candidate netip.Addr) bool {
				return taken[address{Network: network.Key, Address: candidate}] || candidate == m.configuration.Public.Gateway
			})
			if !found {
				return nil, fmt.Errorf("all addresses of %s are in use: %w", network.Range, vendormodules.ErrNoCapacity)
			}
			one.Address = free
		}
		chosen = append(chosen, one)
	}
	m.promised[key] = promise{addresses: chosen}
	return chosen, nil
}

// firstFree is the first address of a range, behind the reserved ones and before the last, that is not taken.
func firstFree(prefix netip.Prefix, taken func(netip.Addr) bool) (netip.Addr, bool) {
	skip := reserved
	if prefix.Bits() > networkBits+2 { // so small that each one counts
		skip = 2
	}
	address := prefix.Masked().Addr()
	for range skip {
		address = address.Next()
	}
	for ; prefix.Contains(address.Next()); address = address.Next() {
		if !taken(address) {
			return address, true
		}
	}
	return netip.Addr{}, false
}

// promiseNetwork chooses a range and a VLAN for a network.
func (m *Module) promiseNetwork(key, asked string, networks []entity) (promise, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var chosen promise
	used := make([]promise, 0, len(networks)+len(m.promised))
	for _, one := range networks {
		used = append(used, promise{prefix: one.Range, vlan: one.VLAN})
	}
	for _, one := range m.promised {
		used = append(used, one)
	}
	var err error
	if chosen.prefix, err = m.chooseRange(asked, used); err != nil {
		return chosen, err
	}
	if chosen.vlan, err = m.chooseVLAN(used); err != nil {
		return chosen, err
	}
	m.promised[key] = chosen
	return chosen, nil
}

func (m *Module) chooseRange(asked string, used []promise) (netip.Prefix, error) {
	if asked != "" {
		prefix, err := netip.ParsePrefix(asked)
		if err != nil {
			return prefix, fmt.Errorf("range %q: %w", asked, vendormodules.ErrInvalid)
		}
		return prefix, nil // networks that do not know each other may have the same
	}
	for prefix := netip.PrefixFrom(m.configuration.Ranges.Masked().Addr(), networkBits); m.configuration.Ranges.Contains(prefix.Addr()); {
		free := true
		for _, one := range used {
			free = free && !(one.prefix.IsValid() && one.prefix.Overlaps(prefix))
		}
		if free {
			return prefix, nil
		}
		next := prefix.Addr().As4()
		if next[2]++; next[2] == 0 {
			next[1]++
		}
		prefix = netip.PrefixFrom(netip.AddrFrom4(next), networkBits)
	}
	return netip.Prefix{}, fmt.Errorf("all of %s is in use: %w", m.configuration.Ranges, vendormodules.ErrNoCapacity)
}

func (m *Module) chooseVLAN(used []promise) (int, error) {
	if !m.separates() {
		return 0, nil
	}
	taken := map[int]bool{}
	for _, one := range used {
		taken[one.vlan] = true
	}
	for vlan := m.configuration.VLANs.Min; vlan <= m.configuration.VLANs.Max; vlan++ {
		if !taken[vlan] {
			return vlan, nil
		}
	}
	return 0, fmt.Errorf("all VLANs of %s are in use: %w", m.configuration.VLANs, vendormodules.ErrNoCapacity)
}

// keepPromise lets go of what was promised to a resource that listings show, or that was not made.
func (m *Module) keepPromise(key string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.promised, key)
}

// publicNetwork is the one that machines are in which are in none of the agency's.
func (m *Module) publicNetwork() entity {
	return entity{record: record{Type: descriptors.Network, Range: m.configuration.Public.Range}}
}
