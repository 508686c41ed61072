package keeper

import (
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/cloud-agency/agency/vendormodules/ptc/loopback"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
)

// watch looks for listeners of the machine on addresses that are not its own.
func (s *supervisor) watch() error {
	listeners, err := loopback.Listeners()
	if err != nil {
		return err
	}
	own := make([]netip.Addr, 0, len(s.record.Addresses))
	for _, one := range s.record.Addresses {
		if address, err := netip.ParseAddr(one.Address.Address); err == nil {
			own = append(own, address)
		}
	}
	foreign := make(map[uint64]loopback.Listener)
	for _, listener := range listeners {
		if !slices.Contains(own, listener.Address.Addr()) {
			foreign[listener.Inode] = listener
		}
	}
	table, err := process.All()
	if err != nil {
		return err
	}
	var found []string
	for _, one := range table.Below(os.Getpid()) {
		sockets, err := process.Sockets(one.PID)
		if err != nil {
			continue // of another user, or gone
		}
		for _, inode := range sockets {
			if listener, listens := foreign[inode]; listens {
				found = append(found, complain(one.Name, listener))
			}
		}
	}
	slices.Sort(found)
	s.exposed = slices.Compact(found)
	return s.warn()
}

func complain(program string, listener loopback.Listener) string {
	if listener.Everywhere() {
		return fmt.Sprintf("%s listens on %s, which is every address of this host; it should listen on $ADDRESS only",
			program, listener.Address)
	}
	return fmt.Sprintf("%s listens on %s, which is not the machine's; it should listen on $ADDRESS only",
		program, listener.Address)
}
