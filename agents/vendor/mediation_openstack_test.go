//go:build testbed

package vendor_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	sdk "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/pools"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/openstack"
	"github.com/cloud-agency/agency/vendormodules/services"
)

const (
	keystone      = "http://127.0.0.1:5000/v3"
	testbedSecret = "testbed" // the testbed's password, on loopback
)

// openStackAccount is the testbed's project demo, for a module.
const openStackAccount = `{
	auth-url: http://127.0.0.1:5000/v3, sign-in: password, project: demo, region: RegionOne, country: GR, default-image: tiny,
}`

// given is a credential that is always at hand.
type given services.Credential

// Credential implements services.Credentials.
func (g given) Credential(context.Context, services.Scope) (services.Credential, error) {
	return services.Credential(g), nil
}

func openStackModule(t testing.TB, agency string, line http.RoundTripper) vendormodules.Module {
	t.Helper()
	var node yaml.Node
	must(t, yaml.Unmarshal([]byte(openStackAccount), &node))
	module, err := openstack.New(&node, vendormodules.Environment{
		Vendor: vendorName, Agency: agency, Now: time.Now, HTTP: line,
		Credentials: given{"username": services.NewSecret("demo"), "password": services.NewSecret(testbedSecret)},
	})
	must(t, err)
	return module
}

// direct is OpenStack by its SDK alone, signed in once.
type direct struct {
	*testing.T
	compute, image, network, balancing *gophercloud.ServiceClient
	flavor, tiny, private              string
}

func newDirect(t *testing.T, line http.RoundTripper) *direct {
	t.Helper()
	provider, err := sdk.NewClient(keystone)
	must(t, err)
	provider.HTTPClient = http.Client{Transport: line}
	must(t, sdk.Authenticate(t.Context(), provider, gophercloud.AuthOptions{
		IdentityEndpoint: keystone, Username: "demo", Password: testbedSecret, TenantName: "demo", DomainID: "default", AllowReauth: true,
	}))
	d := &direct{T: t}
	endpoints := gophercloud.EndpointOpts{Region: "RegionOne"}
	for client, make := range map[**gophercloud.ServiceClient]func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error){
		&d.compute: sdk.NewComputeV2, &d.image: sdk.NewImageV2, &d.network: sdk.NewNetworkV2, &d.balancing: sdk.NewLoadBalancerV2,
	} {
		*client, err = make(provider, endpoints)
		must(t, err)
	}
	page, err := images.List(d.image, images.ListOpts{Name: "tiny"}).AllPages(t.Context())
	must(t, err)
	found, err := images.ExtractImages(page)
	must(t, err)
	d.tiny = found[0].ID
	page, err = networks.List(d.network, networks.ListOpts{Name: "private"}).AllPages(t.Context())
	must(t, err)
	joined, err := networks.ExtractNetworks(page)
	must(t, err)
	d.private = joined[0].ID
	page, err = flavors.ListDetail(d.compute, nil).AllPages(t.Context())
	must(t, err)
	sizes, err := flavors.ExtractFlavors(page)
	must(t, err)
	for _, size := range sizes {
		if size.VCPUs >= 1 && size.RAM >= 512 {
			d.flavor = size.ID
			break
		}
	}
	return d
}

func (d *direct) until(id, status string) error {
	return await(func() (bool, error) {
		server, err := servers.Get(d.Context(), d.compute, id).Extract()
		if err != nil {
			return false, err
		}
		if server.Status == "ERROR" {
			return false, fmt.Errorf("server %s failed", id)
		}
		return server.Status == status, nil
	})
}

// way is what a program does that is written for OpenStack alone.
func (d *direct) way() way {
	ctx, compute := d.Context(), d.compute
	done := way{
		flavors: func() error { _, err := flavors.ListDetail(compute, nil).AllPages(ctx); return err },
		images:  func() error { _, err := images.List(d.image, nil).AllPages(ctx); return err },
		list:    func() error { _, err := servers.List(compute, nil).AllPages(ctx); return err },
		show:    func(id string) error { _, err := servers.Get(ctx, compute, id).Extract(); return err },
		create: func(number int) (string, error) {
			made, err := servers.Create(ctx, compute, servers.CreateOpts{
				Name: fmt.Sprintf("direct-%d", number), ImageRef: d.tiny, FlavorRef: d.flavor,
				Networks: []servers.Network{{UUID: d.private}},
			}, nil).Extract()
			if err != nil {
				return "", err
			}
			return made.ID, d.until(made.ID, "ACTIVE")
		},
		stop: func(id string) error {
			if err := servers.Stop(ctx, compute, id).ExtractErr(); err != nil {
				return err
			}
			return d.until(id, "SHUTOFF")
		},
		start: func(id string) error {
			if err := servers.Start(ctx, compute, id).ExtractErr(); err != nil {
				return err
			}
			return d.until(id, "ACTIVE")
		},
		reboot: func(id string) error {
			if err := servers.Reboot(ctx, compute, id, servers.RebootOpts{Type: servers.SoftReboot}).ExtractErr(); err != nil {
				return err
			}
			return d.until(id, "ACTIVE")
		},
		remove: func(id string) error {
			if err := servers.Delete(ctx, compute, id).ExtractErr(); err != nil {
				return err
			}
			return await(func() (bool, error) { return missing(servers.Get(ctx, compute, id).Err) })
		},
	}
	d.balance(&done)
	return done
}

// balance adds the operations of balancers. Octavia takes one change at a time: each is waited for.
func (d *direct) balance(done *way) {
	ctx, client := d.Context(), d.balancing
	pool := ""
	active := func(id string) error {
		return await(func() (bool, error) {
			shown, err := loadbalancers.Get(ctx, client, id).Extract()
			if err != nil {
				return false, err
			}
			if shown.ProvisioningStatus == "ERROR" {
				return false, fmt.Errorf("balancer %s failed", id)
			}
			if shown.ProvisioningStatus != "ACTIVE" {
				return false, nil
			}
			pool = shown.Pools[0].ID
			within, err := pools.Get(ctx, client, pool).Extract()
			return err == nil && within.ProvisioningStatus == "ACTIVE", err
		})
	}
	done.balancers = func() error { _, err := loadbalancers.List(client, nil).AllPages(ctx); return err }
	done.showBalancer = func(id string) error { _, err := loadbalancers.Get(ctx, client, id).Extract(); return err }
	done.createBalancer = func(number int) (string, error) {
		made, err := loadbalancers.Create(ctx, client, loadbalancers.CreateOpts{
			Name: fmt.Sprintf("direct-%d", number), VipNetworkID: d.private,
			Listeners: []listeners.CreateOpts{{
				Name: "direct", Protocol: listeners.ProtocolHTTP, ProtocolPort: 8080,
				DefaultPool: &pools.CreateOpts{
					Name: "direct", Protocol: pools.ProtocolHTTP, LBMethod: pools.LBMethodRoundRobin,
					Monitor: monitors.CreateOpts{Type: monitors.TypeTCP, Delay: 1, Timeout: 1, MaxRetries: 1, MaxRetriesDown: 2},
				},
			}},
		}).Extract()
		if err != nil {
			return "", err
		}
		return made.ID, active(made.ID)
	}
	done.retarget = func(id string) error {
		target := someTargets()[0]
		err := pools.BatchUpdateMembers(ctx, client, pool, []pools.BatchUpdateMemberOpts{{
			Name: &target.Name, Address: target.Address, ProtocolPort: target.Port,
		}}).ExtractErr()
		if err != nil {
			return err
		}
		return active(id)
	}
	done.endBalancer = func(id string) error {
		if err := loadbalancers.Delete(ctx, client, id, loadbalancers.DeleteOpts{Cascade: true}).ExtractErr(); err != nil {
			return err
		}
		return await(func() (bool, error) { return missing(loadbalancers.Get(ctx, client, id).Err) })
	}
}

func missing(err error) (bool, error) {
	if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		return true, nil
	}
	return false, err
}

// TestMediationOfOpenStack prints what it costs to go through the agency rather than to OpenStack directly.
func TestMediationOfOpenStack(t *testing.T) {
	mediated := mediation{
		cloud: "openstack", open: openStackModule,
		machine:  descriptors.Class{Type: descriptors.Compute, Image: "tiny", Cores: 1, Count: exactly(1)},
		balancer: descriptors.Class{Type: descriptors.LoadBalancer, Targets: "web", Listen: 8080},
		direct:   func(t *testing.T, line http.RoundTripper) way { return newDirect(t, line).way() },
	}
	mediated.measure(t, func(figures *sheet) { libcloud(t, figures, "openstack") })
}

// libcloud measures the same operations by Debian's python3-libcloud, in the same run.
func libcloud(t *testing.T, figures *sheet, cloud string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/by_libcloud.py", cloud, strconv.Itoa(*runs))
	output, err := command.StdoutPipe()
	must(t, err)
	command.Stderr = t.Output()
	must(t, command.Start())
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var told struct {
			Operation string
			Seconds   []float64
		}
		must(t, json.Unmarshal(lines.Bytes(), &told))
		if figures.figures[told.Operation] == nil {
			t.Fatalf("libcloud tells of %s, which nobody else measured", told.Operation)
		}
		one := &figure{}
		for _, seconds := range told.Seconds {
			one.took = append(one.took, time.Duration(seconds*float64(time.Second)))
		}
		figures.figures[told.Operation]["libcloud"] = one
	}
	must(t, command.Wait())
}
