package libvirt

import (
	"strconv"

	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Where rules stand in a filter, the lowest first (libvirt takes -1000 to 1000).
const (
	firstRule = -1000
	lastRule  = 1000
)

// filterDefinition is a filter as libvirt wants it said: machines send as who they are, to whom they like; what belongs to a
// connection of theirs comes in, and what rules let in. All of it is IPv4, as descriptors are. Members are the hardware
// addresses of the machines of each class.
func filterDefinition(name string, rules []vendormodules.Rule, members map[string][]string) (string, error) {
	entries := []libvirtxml.NWFilterRule{
		{Action: "drop", Direction: "out", Priority: firstRule, MAC: &libvirtxml.NWFilterRuleMAC{
			Match: "no", NWFilterRuleCommonMAC: libvirtxml.NWFilterRuleCommonMAC{SrcMACAddr: field("$MAC")},
		}},
		{Action: "drop", Direction: "inout", Priority: firstRule, MAC: &libvirtxml.NWFilterRuleMAC{ProtocolID: field("ipv6")}},
		// Without a state said, libvirt lets a machine begin connections and not answer in those of others.
		{Action: "accept", Direction: "out", All: all(inState("NEW,ESTABLISHED,RELATED"))},
		{Action: "accept", Direction: "in", All: all(inState("ESTABLISHED,RELATED"))},
		// DHCP answers from another address than it was asked at.
		{Action: "accept", Direction: "in", UDP: &libvirtxml.NWFilterRuleUDP{
			NWFilterRuleCommonIP:   inState("NEW"),
			NWFilterRuleCommonPort: libvirtxml.NWFilterRuleCommonPort{SrcPortStart: field("67"), DstPortStart: field("68")},
		}},
	}
	for _, rule := range rules {
		for _, from := range callers(rule, members) {
			entries = append(entries, accept(rule, from))
		}
	}
	entries = append(entries, libvirtxml.NWFilterRule{
		Action: "drop", Direction: "in", Priority: lastRule, All: all(libvirtxml.NWFilterRuleCommonIP{}),
	})
	definition := libvirtxml.NWFilter{Name: name, UUID: uuidText(uuid("filter " + name)), Chain: "root"}
	for index := range entries {
		definition.Entries = append(definition.Entries, libvirtxml.NWFilterEntry{Rule: &entries[index]})
	}
	return definition.Marshal()
}

func field(text string) libvirtxml.NWFilterField { return libvirtxml.NWFilterField{Str: text} }

func all(of libvirtxml.NWFilterRuleCommonIP) *libvirtxml.NWFilterRuleAll {
	return &libvirtxml.NWFilterRuleAll{NWFilterRuleCommonIP: of}
}

// inState is traffic of these states of a connection, in the one direction that its rule is about.
func inState(states string) libvirtxml.NWFilterRuleCommonIP {
	return libvirtxml.NWFilterRuleCommonIP{State: field(states)}
}

// callers are who may come in by a rule: a range of addresses, or a network card each.
func callers(rule vendormodules.Rule, members map[string][]string) []libvirtxml.NWFilterRuleCommonIP {
	var from []libvirtxml.NWFilterRuleCommonIP
	if rule.From.IsValid() {
		one := inState("NEW")
		if rule.From.Bits() > 0 {
			one.SrcIPAddr, one.SrcIPMask = field(rule.From.Masked().Addr().String()), field(strconv.Itoa(rule.From.Bits()))
		}
		return append(from, one)
	}
	for _, card := range members[rule.Class] {
		one := inState("NEW")
		one.SrcMACAddr = field(card)
		from = append(from, one)
	}
	return from
}

// accept lets a caller in by a rule.
func accept(rule vendormodules.Rule, from libvirtxml.NWFilterRuleCommonIP) libvirtxml.NWFilterRule {
	accepted := libvirtxml.NWFilterRule{Action: "accept", Direction: "in"}
	var ports libvirtxml.NWFilterRuleCommonPort
	if rule.First > 0 {
		ports.DstPortStart, ports.DstPortEnd = field(strconv.Itoa(rule.First)), field(strconv.Itoa(rule.Last))
	}
	switch rule.Protocol {
	case descriptors.ProtocolTCP:
		accepted.TCP = &libvirtxml.NWFilterRuleTCP{NWFilterRuleCommonIP: from, NWFilterRuleCommonPort: ports}
	case descriptors.ProtocolUDP:
		accepted.UDP = &libvirtxml.NWFilterRuleUDP{NWFilterRuleCommonIP: from, NWFilterRuleCommonPort: ports}
	case descriptors.ProtocolICMP:
		accepted.ICMP = &libvirtxml.NWFilterRuleICMP{NWFilterRuleCommonIP: from}
	default:
		accepted.All = all(from)
	}
	return accepted
}
