package vendortest

import (
	"net/netip"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// publicKey is one that nobody has the private half of.
const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAQVeE1H4NkNOtd0s4HYDSDmm6DEFrwRX7t1dhgQk7PJ vendortest"

// proveAccess creates a machine with keys and every kind of rule: whatever the cloud makes of them, it takes them, and a
// repeat of the key is still the same machine.
func proveAccess(b *bench) {
	request := b.request(descriptors.Compute)
	request.Class.Keys = descriptors.Names{publicKey}
	anywhere := netip.MustParsePrefix("0.0.0.0/0")
	request.Rules = []vendormodules.Rule{
		{Class: request.Tags.Class},
		{Protocol: descriptors.ProtocolICMP, From: anywhere},
		{Protocol: descriptors.ProtocolTCP, First: 22, Last: 22, From: netip.MustParsePrefix("10.30.0.0/16")},
		{Protocol: descriptors.ProtocolTCP, First: 8000, Last: 8010, Class: "vendortest-other"},
		{Protocol: descriptors.ProtocolUDP, From: anywhere},
	}
	machine := b.start(request)
	bears(b, "Get", machine, request)
	if again := b.create(request); again.ID != machine.ID {
		b.Errorf("the same key makes %s, the first made %s", again.ID, machine.ID)
	}
	b.remove(machine.ID)
	b.lists()
}

// proveRanges has a network say what its range of addresses is, and its machine have an address within. It is the range
// that was asked for, unless a note says otherwise.
func proveRanges(b *bench) {
	request := b.request(descriptors.Network)
	asked := netip.MustParsePrefix("10.77.20.0/24")
	request.Class.Range = asked.String()
	network := b.start(request)
	if len(network.Addresses) != 1 {
		b.Fatalf("a network has one address, the range of its addresses; it shows %+v", network.Addresses)
	}
	shown, err := netip.ParsePrefix(network.Addresses[0].Address)
	if err != nil {
		b.Fatalf("the range of network %s: %v", network.ID, err)
	}
	if _, lacks := b.module.Describe().Lacks("range"); !lacks && shown != asked {
		b.Errorf("network %s has the range %s, asked for was %s, and no note says \"no range\"", network.ID, shown, asked)
	}
	machine := b.request(descriptors.Compute)
	machine.Networks = []string{network.ID}
	for _, address := range b.start(machine).Addresses {
		parsed, err := netip.ParseAddr(address.Address)
		if address.Network == network.ID && (err != nil || !shown.Contains(parsed)) {
			b.Errorf("address %s on network %s is not within its range %s", address.Address, network.ID, shown)
		}
	}
}
