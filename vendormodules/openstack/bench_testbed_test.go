//go:build testbed

package openstack_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// counter counts requests, and the logins among them.
type counter struct{ requests, logins atomic.Int64 }

// RoundTrip implements http.RoundTripper.
func (c *counter) RoundTrip(request *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	if strings.HasSuffix(request.URL.Path, "/auth/tokens") {
		c.logins.Add(1)
	}
	return http.DefaultTransport.RoundTrip(request)
}

func (c *counter) report(b *testing.B) {
	b.ReportMetric(float64(c.requests.Load())/float64(b.N), "requests/op")
	b.ReportMetric(float64(c.logins.Load()), "logins")
}

// The SDK alone and the module do the same, side by side: a volume made and removed, a listing of machines.
func BenchmarkVolume(b *testing.B) {
	clients := newClients(b)
	gone := func(id string) {
		vendortest.Eventually(b, wait, id+" is gone", func() error {
			_, err := volumes.Get(b.Context(), clients["volume"], id).Extract()
			if !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
				return errors.Join(errors.New("it is there"), err)
			}
			return nil
		})
	}
	available := func(id string) {
		vendortest.Eventually(b, wait, id+" is available", func() error {
			found, err := volumes.Get(b.Context(), clients["volume"], id).Extract()
			if err == nil && found.Status != "available" {
				err = errors.New(found.Status)
			}
			return err
		})
	}
	b.Run("direct", func(b *testing.B) {
		for b.Loop() {
			made, err := volumes.Create(b.Context(), clients["volume"], volumes.CreateOpts{Size: 1, Name: "bench"}, nil).Extract()
			must(b, err)
			b.StopTimer()
			available(made.ID)
			b.StartTimer()
			must(b, volumes.Delete(b.Context(), clients["volume"], made.ID, nil).ExtractErr())
			b.StopTimer()
			gone(made.ID)
			b.StartTimer()
		}
	})
	b.Run("module", func(b *testing.B) {
		counted := &counter{}
		module := open(b, suiteConfiguration, suite(), counted)
		for number := 0; b.Loop(); number++ {
			asked := request(descriptors.Volume, fmt.Sprintf("bench-%d", number))
			asked.Class.Size = quantity.GiB
			made, err := module.Create(b.Context(), asked)
			must(b, err)
			b.StopTimer()
			available(made.ID)
			b.StartTimer()
			must(b, module.Delete(b.Context(), made.ID))
			b.StopTimer()
			gone(made.ID)
			b.StartTimer()
		}
		counted.report(b)
	})
}

func BenchmarkMachine(b *testing.B) {
	clients := newClients(b)
	id := func(client, path, name string) string {
		for _, one := range list(b, clients[client], path) {
			if one["name"] == name {
				return one["id"].(string)
			}
		}
		b.Fatalf("there is no %s in %s", name, path)
		return ""
	}
	options := servers.CreateOpts{
		Name: "bench", ImageRef: id("image", "images", "tiny"), FlavorRef: id("compute", "flavors", "m1.small"),
		Networks: []servers.Network{{UUID: id("network", "networks", "private")}},
	}
	b.Run("direct", func(b *testing.B) {
		for b.Loop() {
			made, err := servers.Create(b.Context(), clients["compute"], options, nil).Extract()
			must(b, err)
			must(b, servers.Delete(b.Context(), clients["compute"], made.ID).ExtractErr())
		}
	})
	b.Run("module", func(b *testing.B) {
		counted := &counter{}
		module := open(b, suiteConfiguration, suite(), counted)
		for number := 0; b.Loop(); number++ {
			made, err := module.Create(b.Context(), request(descriptors.Compute, fmt.Sprintf("bench-%d", number)))
			must(b, err)
			must(b, module.Delete(b.Context(), made.ID))
		}
		counted.report(b)
	})
}

func BenchmarkList(b *testing.B) {
	clients := newClients(b)
	b.Run("direct-machines-alone", func(b *testing.B) {
		for b.Loop() {
			_, err := servers.List(clients["compute"], servers.ListOpts{}).AllPages(b.Context())
			must(b, err)
		}
	})
	b.Run("module-everything", func(b *testing.B) {
		counted := &counter{}
		module := open(b, suiteConfiguration, suite(), counted)
		for b.Loop() {
			_, err := module.List(b.Context())
			must(b, err)
		}
		counted.report(b)
	})
}
