package sla_test

import (
	"slices"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
)

func TestMayBePublic(t *testing.T) {
	machine := func(networks ...string) descriptors.Class {
		return descriptors.Class{Type: descriptors.Compute, Networks: networks}
	}
	served := machine("back")
	served.Ports = []int{80}
	classes := map[string]descriptors.Class{
		"alone": machine(), "inside": machine("back"), "open": machine("back", "street"), "served": served,
		"gate": machine("ruled"), "vault": machine("ruled"),
		"front":  {Type: descriptors.LoadBalancer, Targets: "inside", Networks: descriptors.Names{"back"}},
		"back":   {Type: descriptors.Network, Private: true, Rules: []descriptors.NetworkRule{{From: descriptors.Names{"open"}}}},
		"street": {Type: descriptors.Network},
		"ruled": {Type: descriptors.Network, Private: true, Rules: []descriptors.NetworkRule{
			{From: descriptors.Names{"gate"}, To: descriptors.Names{"vault"}}, {From: descriptors.Names{"192.0.2.0/24"}, To: descriptors.Names{"gate"}},
		}},
	}
	machines := []string{"alone", "front", "gate", "inside", "open", "served", "vault"}
	tests := map[string]struct {
		public []sla.Public
		want   []string
	}{
		"not said":         {nil, machines},
		"always":           {[]sla.Public{sla.PublicAlways}, machines},
		"never":            {[]sla.Public{sla.PublicNever}, nil},
		"alone":            {[]sla.Public{sla.PublicAlone}, []string{"alone"}},
		"on an open one":   {[]sla.Public{sla.PublicAlone, sla.PublicOpen}, []string{"alone", "open"}},
		"asked":            {[]sla.Public{sla.PublicAlone, sla.PublicAsked}, []string{"alone", "front", "gate", "served"}},
		"a word of others": {[]sla.Public{"at full moon"}, machines},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, machine := range machines {
				if (sla.Offer{Public: test.public}).MayBePublic(classes, machine) {
					got = append(got, machine)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v may be public, want %v", got, test.want)
			}
		})
	}
}

func TestWhatIsToldIsNoTerm(t *testing.T) {
	offer := sla.Offer{Unit: euros(10), Availability: 0.99}
	told, dearer := offer, offer
	told.Public, dearer.Unit = []sla.Public{sla.PublicNever}, euros(11)
	if !offer.Same(told) || !told.Same(offer) || offer.Same(dearer) {
		t.Error("offers are the same but for their terms")
	}
}
