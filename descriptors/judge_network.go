package descriptors

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

func (j *judge) network(at, name string, class Class) {
	if class.Span && !class.Private {
		j.fault(at+".span", "only a private network spans vendors; say private: true too")
	}
	j.names(at+".members", class.Members, memberTypes...)
	members := Members(j.classes, name)
	j.require(at+".members", !class.Private || len(members)+len(class.Members) > 0, "a private network has members")
	if class.Range != "" {
		if _, err := parseRange(class.Range); err != nil {
			j.fault(at+".range", "%s", err)
			j.spoiled[at+".range"] = true
		}
	}
	if len(class.Rules) > MaxRules {
		j.fault(at+".rules", "%d rules; at most %d", len(class.Rules), MaxRules)
	}
	for i, rule := range class.Rules {
		j.rule(elementPath(at+".rules", i), rule, members)
	}
}

// memberTypes are the types of what can be on a network.
var memberTypes = []ResourceType{Compute, Cluster, LoadBalancer, MapReduce}

// rule judges one rule of a network with these members.
func (j *judge) rule(at string, rule NetworkRule, members []string) {
	if rule.Protocol == ProtocolICMP && rule.Ports != (PortRange{}) {
		j.fault(at+".ports", "icmp has no ports")
	}
	for i, from := range rule.From {
		switch position := elementPath(at+".from", i); {
		case from == FromAnyone && len(rule.From) > 1:
			j.faultAt(position, at+".from", "%q is everybody already; write it alone", from)
		case from == FromAnyone:
		case strings.ContainsAny(from, "./"):
			if _, err := parsePrefix(from); err != nil {
				j.faultAt(position, at+".from", "%s", err)
			}
		default:
			j.member(position, at+".from", from, members, ", any or a range of addresses")
		}
	}
	for i, to := range rule.To {
		j.member(elementPath(at+".to", i), at+".to", to, members, "")
	}
}

// member judges a name that is to be one of a network's members; others says what else could stand there.
func (j *judge) member(position, at, name string, members []string, others string) {
	if slices.Contains(members, name) {
		return
	}
	j.faultAt(position, at, "%q is not a member of the network%s; %s", name, others, offerOf(name, "member", members))
}

// ranges refuses ranges that overlap of two networks with a member in common: it would not know which way to go.
func (j *judge) ranges() {
	given := map[string]netip.Prefix{}
	for _, name := range sortedKeys(j.classes) {
		class, at := j.classes[name], fieldPath(j.root, name)+".range"
		prefix, err := parseRange(class.Range)
		if class.Type != Network || class.Range == "" || err != nil {
			continue
		}
		for _, other := range sortedKeys(given) {
			if shared := j.shared(name, other); prefix.Overlaps(given[other]) && shared != "" {
				j.fault(at, "%s overlaps %s of %s, and %s is on both", prefix, given[other], other, shared)
			}
		}
		given[name] = prefix
	}
}

// shared is the first class that is on both networks, empty if there is none.
func (j *judge) shared(one, other string) string {
	members := Members(j.classes, other)
	for _, member := range Members(j.classes, one) {
		if slices.Contains(members, member) {
			return member
		}
	}
	return ""
}

// offerOf says which names there are of something, the nearest alone if one is near.
func offerOf(name, what string, names []string) string {
	if near, found := nearest(name, names); found {
		return fmt.Sprintf("there is %q", near)
	}
	switch {
	case len(names) == 0:
		return "there is no " + what
	case len(names) > maxListed:
		return fmt.Sprintf("there are %s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
	case len(names) == 1:
		return fmt.Sprintf("there is %q", names[0])
	}
	return "there are " + strings.Join(names, ", ")
}
