package memory

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// settle gives a resource that has just come to run what it has while it runs.
func (c *Cloud) settle(started *record) {
	switch started.resource.Type {
	case descriptors.Network:
		started.resource.Addresses = []vendormodules.Address{{Address: c.rangeOf(started).String()}}
		return
	case descriptors.Compute, descriptors.LoadBalancer:
	default:
		return
	}
	started.resource.Addresses = []vendormodules.Address{{
		Address: "198.51.100." + strings.TrimPrefix(started.resource.ID, "r-"), Public: true,
	}}
	for _, id := range started.request.Networks {
		if network, there := c.records[id]; there {
			started.resource.Addresses = append(started.resource.Addresses, vendormodules.Address{
				Address: c.free(c.rangeOf(network), started).String(), Network: id,
			})
		}
	}
	for _, line := range started.request.Class.Run {
		c.interpret(started, line)
	}
}

// rangeOf is the range of a network's addresses: the one asked for, else one of its own.
func (c *Cloud) rangeOf(network *record) netip.Prefix {
	number := strings.TrimPrefix(network.resource.ID, "r-")
	prefix, err := netip.ParsePrefix(cmp.Or(network.request.Class.Range, "10.1."+number+".0/24"))
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// free is an address of a range that nobody has, by the resource's number, so that one given up is not given out soon.
func (c *Cloud) free(prefix netip.Prefix, owner *record) netip.Addr {
	number, _ := strconv.Atoi(strings.TrimPrefix(owner.resource.ID, "r-")) // as it was made
	base := prefix.Addr().As4()
	size := 1<<(32-prefix.Bits()) - reserved
	for step := range size {
		place := binary.BigEndian.Uint32(base[:]) + uint32(2+(number+step)%size) //nolint:gosec // within the range
		address := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, place)))
		if !c.taken(address) {
			return address
		}
	}
	return netip.Addr{}
}

// reserved addresses of a range are its first two and its last, which networks keep to themselves.
const reserved = 3

func (c *Cloud) taken(address netip.Addr) bool {
	text := address.String()
	for _, other := range c.records {
		if slices.ContainsFunc(other.resource.Addresses, func(one vendormodules.Address) bool { return one.Address == text }) {
			return true
		}
	}
	return false
}
