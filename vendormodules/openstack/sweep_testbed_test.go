//go:build testbed

package openstack_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/openstack"
)

// TestWhatIsLeftIsSwept has a create end between its port and its server, and looks at it ten minutes later.
func TestWhatIsLeftIsSwept(t *testing.T) {
	other := newIndependent(t)
	empty(t, other)
	cut := &cutting{at: "/v2.1/servers"}
	module := open(t, suiteConfiguration, suite(), cut)
	asked := request(descriptors.Compute, "cut-short")
	asked.Class.Ports = []int{8080} // so that it has a floating address
	if _, err := module.Create(t.Context(), asked); !errors.Is(err, vendormodules.ErrTransient) {
		t.Fatalf("the create that is cut short: %v", err)
	}
	if count := other.count(); count != 3 {
		t.Fatalf("there are %d things left, and should be a port, a floating address and a group", count)
	}
	listed, err := module.List(t.Context())
	if err != nil || len(listed) != 0 {
		t.Errorf("at once the list has %+v (%v): it might yet be completed", listed, err)
	}
	later, err := openstack.New(parsed(t, suiteConfiguration), vendormodules.Environment{
		Vendor: "testbed", Agency: agencyID, Credentials: suite(), HTTP: http.DefaultTransport,
		Now: func() time.Time { return time.Now().Add(10 * time.Minute) },
	})
	must(t, err)
	listed, err = later.List(t.Context())
	must(t, err)
	if len(listed) != 1 || listed[0].Key != asked.Key || listed[0].State != vendormodules.ResourceError {
		t.Fatalf("the list has %+v, and should have what is left of %s", listed, asked.Key)
	}
	must(t, later.Delete(t.Context(), listed[0].ID))
	if count := other.count(); count != 0 {
		t.Errorf("%d things are left", count)
	}
	if _, err := later.Get(t.Context(), listed[0].ID); !errors.Is(err, vendormodules.ErrNotFound) {
		t.Errorf("it is still shown: %v", err)
	}
}

// cutting breaks the line at one request that changes something, before the cloud hears of it.
type cutting struct{ at string }

// RoundTrip implements http.RoundTripper.
func (c *cutting) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodPost && request.URL.Path == c.at {
		return nil, errors.New("the line is cut")
	}
	return http.DefaultTransport.RoundTrip(request)
}

// TestResizing gives a machine and a volume another size, in place.
func TestResizing(t *testing.T) {
	other := newIndependent(t)
	empty(t, other)
	module := open(t, suiteConfiguration, suite(), http.DefaultTransport)
	asked := request(descriptors.Volume, "resized-volume")
	asked.Class.Size = quantity.GiB
	volume, err := module.Create(t.Context(), asked)
	must(t, err)
	running(t, module, volume.ID)
	for range 2 {
		must(t, module.Resize(t.Context(), volume.ID, descriptors.Class{Type: descriptors.Volume, Size: 2 * quantity.GiB}))
	}
	if err := module.Resize(t.Context(), volume.ID, asked.Class); !errors.Is(err, vendormodules.ErrUnsupported) {
		t.Errorf("to a smaller volume: %v", err)
	}
	made := request(descriptors.Compute, "resized-machine")
	made.Class.Place.Apart = descriptors.Names{descriptors.ApartMachine}
	made.Networks = nil
	machine, err := module.Create(t.Context(), made)
	must(t, err)
	running(t, module, machine.ID)
	larger := descriptors.Class{Type: descriptors.Compute, Cores: 2, Memory: 4 * quantity.GiB}
	for range 2 {
		must(t, module.Resize(t.Context(), machine.ID, larger))
	}
	running(t, module, machine.ID)
	found, err := servers.Get(t.Context(), other.clients["compute"], machine.ID).Extract()
	must(t, err)
	for _, flavor := range list(t, other.clients["compute"], "flavors") {
		if flavor["id"] == found.Flavor["id"] && flavor["name"] != "m1.medium" {
			t.Errorf("the machine is a %v", flavor["name"])
		}
	}
	groups := list(t, other.clients["compute"], "os-server-groups")
	if len(groups) != 1 {
		t.Errorf("there are %d server groups, and should be one that keeps the class apart", len(groups))
	}
	connected, err := ports.List(other.clients["network"], ports.ListOpts{DeviceID: machine.ID}).AllPages(t.Context())
	must(t, err)
	if is, err := connected.IsEmpty(); is || err != nil {
		t.Errorf("the resized machine has no port: %v", err)
	}
	empty(t, other)
	if groups := list(t, other.clients["compute"], "os-server-groups"); len(groups) != 0 {
		t.Errorf("%d server groups are left", len(groups))
	}
}
