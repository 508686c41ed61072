package vendortest_test

import (
	"context"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

const agency = "agency-1"

// inMemory is the provider of a cloud in memory whose module is replaced by what broken makes of it.
func inMemory(broken func(*memory.Cloud, *memory.Module) vendormodules.Module) vendortest.Provider {
	command := func(class descriptors.Class, commands ...string) descriptors.Class {
		class.Run = commands
		return class
	}
	// Every test has an account of its own, and they run one after another.
	var cloud *memory.Cloud
	return vendortest.Provider{
		Agency: agency,
		Account: func(*testing.T) vendortest.Account {
			cloud = memory.New()
			return vendortest.Account{
				Open:    func(*testing.T) vendormodules.Module { return broken(cloud, cloud.Open(agency)) },
				Listing: func(*testing.T) int { return cloud.Count() },
			}
		},
		Classes: map[descriptors.ResourceType]descriptors.Class{
			descriptors.Compute:      {Type: descriptors.Compute, Image: memory.Image, Cores: 1},
			descriptors.Volume:       {Type: descriptors.Volume},
			descriptors.Network:      {Type: descriptors.Network},
			descriptors.LoadBalancer: {Type: descriptors.LoadBalancer, Listen: 8080},
		},
		Wait: 2 * time.Second,
		Scripts: vendortest.Scripts{
			Print: func(class descriptors.Class, text string) descriptors.Class { return command(class, "print "+text) },
			Write: func(class descriptors.Class, path, text string) descriptors.Class {
				return command(class, "write "+path+" "+text, "print "+text)
			},
			Show: func(class descriptors.Class, path string) descriptors.Class { return command(class, "show "+path) },
		},
		Target: func(_ *testing.T, name string) vendormodules.Target { return vendormodules.Target{Name: name} },
		Fetch: func(_ context.Context, balancer vendormodules.Resource, _ descriptors.Class) (string, error) {
			return cloud.Fetch(balancer.ID)
		},
	}
}
