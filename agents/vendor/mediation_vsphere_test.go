//go:build testbed && !race

package vendor_test

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
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vsphere"
)

// center is govmomi's simulator with one template.
type center struct{ endpoint *url.URL }

func newCenter(t *testing.T) center {
	t.Helper()
	model := simulator.VPX()
	must(t, model.Create())
	t.Cleanup(model.Remove)
	model.Service.Listen = &url.URL{User: url.UserPassword("agency", testbedSecret)}
	server := model.Service.NewServer()
	t.Cleanup(server.Close)
	c := center{server.URL}
	machine, err := c.finder(t, http.DefaultTransport).VirtualMachine(t.Context(), "/DC0/vm/DC0_C0_RP0_VM0")
	must(t, err)
	must(t, c.task(t.Context(), machine.PowerOff))
	must(t, c.task(t.Context(), func(ctx context.Context) (*object.Task, error) { return machine.Rename(ctx, "debian-12") }))
	must(t, machine.MarkAsTemplate(t.Context()))
	return c
}

// task runs a task to its end.
func (center) task(ctx context.Context, begin func(context.Context) (*object.Task, error)) error {
	task, err := begin(ctx)
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}

// finder looks around by the SDK alone, signed in.
func (c center) finder(t *testing.T, line http.RoundTripper) *find.Finder {
	t.Helper()
	transport := soap.NewClient(c.endpoint, true)
	transport.Transport = line
	client, err := vim25.NewClient(t.Context(), transport)
	must(t, err)
	signed := &govmomi.Client{Client: client, SessionManager: session.NewManager(client)}
	must(t, signed.Login(t.Context(), c.endpoint.User))
	t.Cleanup(func() { _ = signed.Logout(context.Background()) })
	return find.NewFinder(client)
}

func (c center) module(t testing.TB, agency string, line http.RoundTripper) vendormodules.Module {
	t.Helper()
	var node yaml.Node
	address := *c.endpoint
	address.User = nil
	must(t, yaml.Unmarshal(fmt.Appendf(nil, `
url: %s
country: GR
cluster: DC0_C0
public: { network: VM Network, range: 192.168.0.0/20, gateway: 192.168.0.1, name-servers: [ 192.168.0.2 ] }
`, address.String()), &node))
	module, err := vsphere.New(&node, vendormodules.Environment{
		Vendor: vendorName, Agency: agency, Directory: t.TempDir(), Now: time.Now, HTTP: line,
		Credentials: given{"user": services.NewSecret("agency"), "password": services.NewSecret(testbedSecret)},
	})
	must(t, err)
	return module
}

// direct is what a program does that is written for vSphere alone.
func (c center) direct(t *testing.T, line http.RoundTripper) way {
	ctx := t.Context()
	finder := c.finder(t, line)
	template, err := finder.VirtualMachine(ctx, "/DC0/vm/debian-12")
	must(t, err)
	folder, err := finder.Folder(ctx, "/DC0/vm")
	must(t, err)
	pool, err := finder.ResourcePool(ctx, "/DC0/host/DC0_C0/Resources")
	must(t, err)
	store, err := finder.Datastore(ctx, "/DC0/datastore/LocalDS_0")
	must(t, err)
	list := func() error { _, err := finder.VirtualMachineList(ctx, "/DC0/vm/*"); return err }
	found := func(id string, begin func(*object.VirtualMachine) (*object.Task, error)) error {
		machine, err := finder.VirtualMachine(ctx, id)
		if err != nil {
			return err
		}
		return c.task(ctx, func(context.Context) (*object.Task, error) { return begin(machine) })
	}
	poolReference, storeReference := pool.Reference(), store.Reference()
	return way{
		images: list, list: list,
		show: func(id string) error { _, err := finder.VirtualMachine(ctx, id); return err },
		create: func(number int) (string, error) {
			name := fmt.Sprintf("direct-%d", number)
			err := c.task(ctx, func(ctx context.Context) (*object.Task, error) {
				return template.Clone(ctx, folder, name, types.VirtualMachineCloneSpec{
					Location: types.VirtualMachineRelocateSpec{Pool: &poolReference, Datastore: &storeReference},
				})
			})
			if err != nil {
				return "", err
			}
			id := "/DC0/vm/" + name
			return id, found(id, func(m *object.VirtualMachine) (*object.Task, error) { return m.PowerOn(ctx) })
		},
		stop: func(id string) error {
			return found(id, func(m *object.VirtualMachine) (*object.Task, error) { return m.PowerOff(ctx) })
		},
		start: func(id string) error {
			return found(id, func(m *object.VirtualMachine) (*object.Task, error) { return m.PowerOn(ctx) })
		},
		reboot: func(id string) error {
			return found(id, func(m *object.VirtualMachine) (*object.Task, error) { return m.Reset(ctx) })
		},
		remove: func(id string) error {
			err := found(id, func(m *object.VirtualMachine) (*object.Task, error) { return m.PowerOff(ctx) })
			if err != nil {
				return err
			}
			return found(id, func(m *object.VirtualMachine) (*object.Task, error) { return m.Destroy(ctx) })
		},
	}
}

// TestMediationOfVsphere prints what it costs to go through the agency rather than to vCenter's simulator directly.
func TestMediationOfVsphere(t *testing.T) {
	c := newCenter(t)
	mediation{
		cloud: "vsphere", open: c.module, direct: c.direct,
		machine: descriptors.Class{Type: descriptors.Compute, Image: "debian-12", Cores: 1, Count: exactly(1)},
	}.measure(t, func(*sheet) {})
}
