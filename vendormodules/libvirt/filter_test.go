package libvirt

import (
	"net/netip"
	"regexp"
	"slices"
	"testing"

	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// TestFilterNamesTellTagsApart also has them be of what libvirt's schema lets names of filters be of.
func TestFilterNamesTellTagsApart(t *testing.T) {
	allowed := regexp.MustCompile(`^[a-zA-Z0-9_.:-]+$`)
	seen := map[string]vendormodules.Tags{}
	for _, tags := range []vendormodules.Tags{
		{Agency: "a", Deployment: "shop", Class: "web"}, {Agency: "a.shop", Class: "web"}, {Agency: "a", Deployment: "shop.web"},
		{Agency: "a", Deployment: "shop:2e", Class: "web"}, {Agency: "a", Deployment: "shop.", Class: "web"},
		{Agency: "a", Deployment: "Müller & Söhne/1", Class: "wéb~1"},
	} {
		name := filterName(tags)
		if other, taken := seen[name]; taken || !allowed.MatchString(name) {
			t.Errorf("%+v is named %q (%+v)", tags, name, other)
		}
		seen[name] = tags
	}
}

func TestFiltersSayWhatRulesSay(t *testing.T) {
	members := map[string][]string{"web": {"52:54:00:00:00:01", "52:54:00:00:00:02"}}
	for _, test := range []struct {
		rule vendormodules.Rule
		want []string
	}{
		{vendormodules.Rule{Class: "web"}, []string{"all 52:54:00:00:00:01", "all 52:54:00:00:00:02"}},
		{vendormodules.Rule{Class: "nobody"}, nil},
		{vendormodules.Rule{Protocol: descriptors.ProtocolTCP, First: 80, Last: 90, From: netip.MustParsePrefix("10.1.2.3/16")},
			[]string{"tcp 10.1.0.0/16 80-90"}},
		{vendormodules.Rule{Protocol: descriptors.ProtocolUDP, First: 53, Last: 53, Class: "web"},
			[]string{"udp 52:54:00:00:00:01 53-53", "udp 52:54:00:00:00:02 53-53"}},
		{vendormodules.Rule{Protocol: descriptors.ProtocolUDP, From: netip.MustParsePrefix("0.0.0.0/0")}, []string{"udp"}},
		{vendormodules.Rule{Protocol: descriptors.ProtocolICMP, From: netip.MustParsePrefix("192.0.2.1/32")}, []string{"icmp 192.0.2.1/32"}},
	} {
		text, err := filterDefinition("filter", []vendormodules.Rule{test.rule}, members)
		if err != nil {
			t.Fatal(err)
		}
		var read libvirtxml.NWFilter
		if err := read.Unmarshal(text); err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, entry := range read.Entries {
			if said := sayRule(entry.Rule); entry.Rule.Action == "accept" && entry.Rule.Direction == "in" && said != "" {
				found = append(found, said)
			}
		}
		if !slices.Equal(found, test.want) {
			t.Errorf("%+v: the filter lets in %q, want %q", test.rule, found, test.want)
		}
		if last := read.Entries[len(read.Entries)-1].Rule; last.Action != "drop" || last.Priority != lastRule || last.All == nil {
			t.Errorf("%+v: the filter ends with %+v", test.rule, last)
		}
	}
}

// sayRule is who is let in to what by an entry; empty for what every filter has.
func sayRule(rule *libvirtxml.NWFilterRule) string {
	var said string
	var from libvirtxml.NWFilterRuleCommonIP
	var ports libvirtxml.NWFilterRuleCommonPort
	switch {
	case rule.TCP != nil:
		said, from, ports = "tcp", rule.TCP.NWFilterRuleCommonIP, rule.TCP.NWFilterRuleCommonPort
	case rule.UDP != nil && rule.UDP.SrcPortStart.Str == "":
		said, from, ports = "udp", rule.UDP.NWFilterRuleCommonIP, rule.UDP.NWFilterRuleCommonPort
	case rule.ICMP != nil:
		said, from = "icmp", rule.ICMP.NWFilterRuleCommonIP
	case rule.All != nil && rule.All.State.Str == "NEW":
		said, from = "all", rule.All.NWFilterRuleCommonIP
	}
	if from.SrcMACAddr.Str != "" {
		said += " " + from.SrcMACAddr.Str
	}
	if from.SrcIPAddr.Str != "" {
		said += " " + from.SrcIPAddr.Str + "/" + from.SrcIPMask.Str
	}
	if ports.DstPortStart.Str != "" {
		said += " " + ports.DstPortStart.Str + "-" + ports.DstPortEnd.Str
	}
	return said
}
