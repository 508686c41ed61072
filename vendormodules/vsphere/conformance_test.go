//go:build !race

// The simulator reads names of machines that it writes at the same time, so that the race detector stops these tests for
// what is not the module's. `make test` runs them without it.

package vsphere_test

import (
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

func TestConformance(t *testing.T) {
	var center *vcenter
	line := &vendortest.HTTPLine{}
	vendortest.Run(t, vendortest.Provider{
		Agency: agencyID, Against: "govmomi's simulator 0.53.0", Record: "conformance.json", Line: line,
		Account: func(t *testing.T) vendortest.Account {
			center = newVcenter(t)
			return vendortest.Account{
				Open:    func(t *testing.T) vendormodules.Module { return center.open(t, line, "") },
				Listing: center.count,
				Machine: func(t *testing.T, id string) vendormodules.Usage {
					seen := hardware(t, center.client(t), id).Config.Hardware
					return vendormodules.Usage{Cores: int(seen.NumCPU), Memory: quantity.Bytes(seen.MemoryMB) * quantity.MiB}
				},
			}
		},
		Classes: map[descriptors.ResourceType]descriptors.Class{
			descriptors.Compute: {Type: descriptors.Compute, Image: template, Cores: 1},
			descriptors.Volume:  {Type: descriptors.Volume, Size: quantity.GiB},
			descriptors.Network: {Type: descriptors.Network},
		},
		Wait: 20 * time.Second,
		Credential: func(_ *testing.T, takes bool) {
			center.password = map[bool]string{true: password, false: "another"}[takes]
		},
	})
}
