//go:build testbed

package libvirt_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/libvirt"
)

// TestRulesAreKept has machines try each other's ports: those of a class come in where the rules of the newest machine of
// another let them, also if they come later than it, and nobody else does, by whatever hardware address.
func TestRulesAreKept(t *testing.T) {
	uri := "qemu:///system?socket=" + testbed(t, "SOCKET")
	module := open(t, machines(t, uri), nil)
	defer module.Close()
	network := create(t, module, "network", descriptors.Class{Type: descriptors.Network, Private: true})
	member := func(name string, rules ...vendormodules.Rule) string {
		return createFor(t, module, vendormodules.Request{
			Name: name, Networks: []string{network}, Rules: rules,
			Class: guest("for port in 5432 6000; do while :; do echo here | nc -l -p $port; done & done; exec sleep 86400"),
		})
	}
	port := func(number int, class string) vendormodules.Rule {
		return vendormodules.Rule{Protocol: descriptors.ProtocolTCP, First: number, Last: number, Class: class}
	}
	ping := vendormodules.Rule{Protocol: descriptors.ProtocolICMP, From: netip.MustParsePrefix("0.0.0.0/0")}
	database := member("database", port(5432, "web"), ping)
	web, other := member("web"), member("other")
	at := addressOn(t, module, database, network)
	knock := func(number int) string { return fmt.Sprintf("nc -w 5 %s %d </dev/null | grep here", at, number) }
	asked := []struct {
		from, what string
		answered   bool
	}{
		{web, knock(5432), true}, {web, knock(6000), false}, {other, knock(5432), false}, {other, "ping -c 2 -W 5 " + at, true},
	}
	for _, one := range asked {
		expect(t, module, one.from, one.what, one.answered)
	}
	expect(t, module, other, "ping -c 2 -W 5 "+addressOn(t, module, web, network), false)

	theirs := strings.Fields(output(t, module, web, "cat /sys/class/net/eth1/address"))[0]
	expect(t, module, other, "ip link set eth1 address "+theirs+" && arping -c 1 -I eth1 "+at+"; "+knock(5432), false)

	second := member("database", port(6000, "web"))
	expect(t, module, web, knock(6000), true)
	expect(t, module, web, knock(5432), false)
	for _, id := range []string{database, second, web, other, network} {
		if err := module.Delete(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if left := virsh(t, uri, "nwfilter-list"); strings.Contains(left, ".moved.") {
		t.Errorf("filters without machines are left: %s", left)
	}
}

// addressOn is a machine's on a network.
func addressOn(t *testing.T, module *libvirt.Module, machine, network string) string {
	t.Helper()
	for _, one := range until(t, module, machine, vendormodules.ResourceRunning).Addresses {
		if one.Network == network {
			return one.Address
		}
	}
	t.Fatalf("%s has no address on %s", machine, network)
	return ""
}

// expect runs a command in a machine, which is to succeed or not.
func expect(t *testing.T, module *libvirt.Module, machine, what string, succeeds bool) {
	t.Helper()
	exit, printed := run(t, module, machine, what)
	if (exit == 0) != succeeds {
		t.Errorf("%s: %s ends with %d: %s", machine, what, exit, printed)
	}
}

func output(t *testing.T, module *libvirt.Module, machine, what string) string {
	t.Helper()
	exit, printed := run(t, module, machine, what)
	if exit != 0 {
		t.Fatalf("%s: %s ends with %d: %s", machine, what, exit, printed)
	}
	return printed
}

func run(t *testing.T, module *libvirt.Module, machine, what string) (exit int, printed string) {
	t.Helper()
	var text strings.Builder
	command := vendormodules.Command{Arguments: []string{"sh", "-c", what}}
	exit, err := vendormodules.AbilitiesOf(module).Executor.Execute(t.Context(), machine, command, &text, &text)
	if err != nil {
		t.Fatalf("%s: %s: %v", machine, what, err)
	}
	return exit, text.String()
}
