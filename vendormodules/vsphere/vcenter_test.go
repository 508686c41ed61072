//go:build !race

package vsphere_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vsphere"
)

const (
	agencyID = "agency-1"
	password = "planted-secret-7f3a"
	template = "debian-12"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// vcenter is govmomi's simulator with a cluster, a distributed switch and one template.
type vcenter struct {
	model    *simulator.Model
	server   *simulator.Server
	password string // that the module's credential has
}

// Credential implements services.Credentials.
func (v *vcenter) Credential(context.Context, services.Scope) (services.Credential, error) {
	return services.Credential{
		"user": services.NewSecret("agency"), "password": services.NewSecret(v.password),
	}, nil
}

func newVcenter(t *testing.T) *vcenter {
	t.Helper()
	v := &vcenter{model: simulator.VPX(), password: password}
	must(t, v.model.Create())
	t.Cleanup(v.model.Remove)
	v.model.Service.Listen = &url.URL{User: url.UserPassword("agency", password)}
	v.server = v.model.Service.NewServer()
	t.Cleanup(v.server.Close)
	client := v.client(t)
	machine, err := find.NewFinder(client.Client).VirtualMachine(t.Context(), "/DC0/vm/DC0_C0_RP0_VM0")
	must(t, err)
	for _, step := range []func(context.Context) (*object.Task, error){
		machine.PowerOff, func(ctx context.Context) (*object.Task, error) { return machine.Rename(ctx, template) },
	} {
		task, err := step(t.Context())
		must(t, err)
		must(t, task.Wait(t.Context()))
	}
	must(t, machine.MarkAsTemplate(t.Context()))
	return v
}

// client is another's than the module's.
func (v *vcenter) client(t *testing.T) *govmomi.Client {
	t.Helper()
	client, err := govmomi.NewClient(context.Background(), v.server.URL, true)
	must(t, err)
	t.Cleanup(func() { _ = client.Logout(context.Background()) })
	return client
}

func (v *vcenter) open(t *testing.T, transport http.RoundTripper, more string) *vsphere.Module {
	t.Helper()
	var node yaml.Node
	endpoint := *v.server.URL
	endpoint.User = nil
	must(t, yaml.Unmarshal(fmt.Appendf(nil, `
url: %s
country: GR
cluster: DC0_C0
public: { network: VM Network, range: 192.168.7.0/24, gateway: 192.168.7.1, name-servers: [ 192.168.7.2 ] }
%s`, endpoint.String(), more), &node))
	module, err := vsphere.New(&node, vendormodules.Environment{
		Vendor: "vsphere", Agency: agencyID, Directory: t.TempDir(), Credentials: v, Now: time.Now, HTTP: transport,
	})
	must(t, err)
	return module
}

// count is how much there is of the agency's, by the inventory alone.
func (v *vcenter) count(t *testing.T) int {
	t.Helper()
	ctx, client := context.Background(), v.client(t)
	finder, count := find.NewFinder(client.Client), 0
	if folder, err := finder.Folder(ctx, "/DC0/vm/agency-"+agencyID); err == nil {
		children, err := folder.Children(ctx)
		must(t, err)
		count += len(children)
	}
	networks, err := finder.NetworkList(ctx, "/DC0/network/*")
	must(t, err)
	for _, network := range networks {
		if network.Reference().Type != "DistributedVirtualPortgroup" {
			continue
		}
		var group mo.DistributedVirtualPortgroup
		must(t, property.DefaultCollector(client.Client).RetrieveOne(ctx, network.Reference(), []string{"config"}, &group))
		if group.Config.Description != "" {
			count++
		}
	}
	return count
}
