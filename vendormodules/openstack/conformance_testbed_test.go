//go:build testbed

package openstack_test

import (
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

func TestConformance(t *testing.T) {
	other, credential, line := newIndependent(t), suite(), &vendortest.HTTPLine{Changes: changes}
	empty(t, other)
	vendortest.Run(t, vendortest.Provider{
		Agency: agencyID,
		Account: func(t *testing.T) vendortest.Account {
			return vendortest.Account{
				Open: func(t *testing.T) vendormodules.Module {
					return open(t, suiteConfiguration, credential, line)
				},
				Listing: func(t *testing.T) int { return independent{t, other.clients}.count() },
			}
		},
		Classes: map[descriptors.ResourceType]descriptors.Class{
			descriptors.Compute:      {Type: descriptors.Compute, Image: "tiny"},
			descriptors.Volume:       {Type: descriptors.Volume, Size: quantity.GiB},
			descriptors.Network:      {Type: descriptors.Network, Private: true},
			descriptors.LoadBalancer: {Type: descriptors.LoadBalancer, Targets: "web", Listen: 8080},
		},
		Credential: func(_ *testing.T, takes bool) {
			credential["password"] = map[bool]string{true: "testbed", false: "wrong"}[takes]
		},
		Wait: wait, Line: line,
		Against: "OpenStack Zed (Debian 12), where no guest boots and no packet is forwarded", Record: "conformance.json",
		Unproven: map[string]string{"console": "no guest boots behind Nova's fake driver"},
		Target:   other.target, Fetch: other.turns(),
	})
}
