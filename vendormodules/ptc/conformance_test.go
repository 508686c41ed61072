package ptc_test

import (
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	vendortest.Run(t, vendortest.Provider{
		Agency: agencyID, Against: "this machine's processes and loopback", Record: "conformance.json",
		Lineless: "the module makes its machines itself, as processes of its own host",
		Account: func(t *testing.T) vendortest.Account {
			b := &bench{T: t, directory: t.TempDir()}
			sweepAfter(t, b.directory)
			return vendortest.Account{
				Open:    func(*testing.T) vendormodules.Module { b.open(""); return b.Module },
				Listing: func(*testing.T) int { return count(t, b.directory) },
				Machine: func(_ *testing.T, id string) vendormodules.Usage { return b.has(id) },
			}
		},
		Classes: map[descriptors.ResourceType]descriptors.Class{
			descriptors.Compute:      shell("exec sleep 86400"),
			descriptors.Volume:       {Type: descriptors.Volume, Size: size},
			descriptors.Network:      {Type: descriptors.Network, Private: true},
			descriptors.LoadBalancer: {Type: descriptors.LoadBalancer, Targets: "web", Listen: 8080},
		},
		Wait: wait, Scripts: vendortest.ShellScripts(), Target: vendortest.LocalTarget, Fetch: vendortest.HTTPFetch,
	})
}
