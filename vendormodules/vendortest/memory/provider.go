package memory

import (
	"context"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// Agency is the id that Provider opens modules for.
const Agency = "agency-1"

// Provider lets the conformance suite run on a module that wrap makes of the cloud's own.
func Provider(wrap func(*Cloud, *Module) vendormodules.Module) vendortest.Provider {
	command := func(class descriptors.Class, commands ...string) descriptors.Class {
		class.Run = commands
		return class
	}
	// Every test has an account of its own, and they run one after another.
	var cloud *Cloud
	return vendortest.Provider{
		Agency: Agency,
		Account: func(*testing.T) vendortest.Account {
			cloud = New()
			return vendortest.Account{
				Open:    func(*testing.T) vendormodules.Module { return wrap(cloud, cloud.Open(Agency)) },
				Listing: func(*testing.T) int { return cloud.Count() },
				Machine: func(t *testing.T, id string) vendormodules.Usage {
					made, err := cloud.Requested(id)
					if err != nil {
						t.Fatal(err)
					}
					return vendormodules.Usage{Cores: made.Class.Cores, Memory: made.Class.Memory}
				},
			}
		},
		Classes: map[descriptors.ResourceType]descriptors.Class{
			descriptors.Compute:      {Type: descriptors.Compute, Image: Image, Cores: 1},
			descriptors.Volume:       {Type: descriptors.Volume, Size: quantity.GiB},
			descriptors.Network:      {Type: descriptors.Network},
			descriptors.LoadBalancer: {Type: descriptors.LoadBalancer, Listen: 8080},
		},
		Wait: 5 * time.Second, Line: line{&cloud},
		Scripts: vendortest.Scripts{
			Print: func(class descriptors.Class, text string) descriptors.Class { return command(class, "print "+text) },
			Write: func(class descriptors.Class, path, text string) descriptors.Class {
				return command(class, "write "+path+" "+text, "print "+text)
			},
			Show: func(class descriptors.Class, path string) descriptors.Class { return command(class, "show "+path) },
		},
		Credential: func(_ *testing.T, takes bool) { cloud.TakeCredentials(takes) },
		Target:     func(_ *testing.T, name string) vendormodules.Target { return vendormodules.Target{Name: name} },
		Fetch: func(_ context.Context, balancer vendormodules.Resource, _ descriptors.Class) (string, error) {
			return cloud.Fetch(balancer.ID)
		},
	}
}
