package deployer

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// anywhere is every address there is.
var anywhere = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// rulesOf are all that lets somebody in at the machines of a class, each once, in an order that follows from what they
// say: its ports, those it allows to others, the balancers in front of it, and what its networks let through. Nil for a
// class that is not of machines.
func rulesOf(classes map[string]descriptors.Class, name string) []vendormodules.Rule {
	class := classes[name]
	if !class.Type.RunsMachines() {
		return nil
	}
	found := map[vendormodules.Rule]bool{}
	add := func(rule vendormodules.Rule) { found[rule] = true }
	tcp := func(port int) vendormodules.Rule {
		return vendormodules.Rule{Protocol: descriptors.ProtocolTCP, First: port, Last: port}
	}
	for _, port := range class.Ports {
		add(from(tcp(port), anywhere))
	}
	for port, callers := range class.Allow {
		for _, caller := range callers {
			add(by(tcp(port), caller))
		}
	}
	for balancer, other := range classes {
		if other.Type == descriptors.LoadBalancer && other.Targets == name {
			add(by(tcp(other.TargetPort), balancer))
		}
	}
	for _, network := range descriptors.Networks(classes, name) {
		addNetwork(add, classes, network, name)
	}
	return slices.SortedFunc(maps.Keys(found), compareRules)
}

// addNetwork adds what a network lets through to one of its members.
func addNetwork(add func(vendormodules.Rule), classes map[string]descriptors.Class, network, name string) {
	members := descriptors.Members(classes, network)
	rules := classes[network].Rules
	if len(rules) == 0 {
		for _, member := range members {
			add(vendormodules.Rule{Class: member})
		}
	}
	for _, rule := range rules {
		if !rule.Admits(name) {
			continue
		}
		resolved := vendormodules.Rule{
			Protocol: cmp.Or(rule.Protocol, descriptors.DefaultRuleProtocol), First: rule.Ports.First, Last: rule.Ports.Last,
		}
		callers := rule.From
		if len(callers) == 0 {
			callers = members
		}
		for _, caller := range callers {
			if prefix, err := netip.ParsePrefix(caller); err == nil {
				add(from(resolved, prefix))
			} else if caller == descriptors.FromAnyone {
				add(from(resolved, anywhere))
			} else {
				add(by(resolved, caller))
			}
		}
	}
}

// from lets a range of addresses in by a rule.
func from(rule vendormodules.Rule, prefix netip.Prefix) vendormodules.Rule {
	rule.From = prefix
	return rule
}

// by lets the machines and balancers of a class in by a rule.
func by(rule vendormodules.Rule, class string) vendormodules.Rule {
	rule.Class = class
	return rule
}

func compareRules(a, b vendormodules.Rule) int {
	return cmp.Or(
		cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last),
		cmp.Compare(a.Class, b.Class), a.From.Compare(b.From),
	)
}
