//go:build testbed

package openstack_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	sdk "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/openstack"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// cloudsFile is that of the testbed, which `make testbed-up` brings up.
func cloudsFile() string {
	directory := os.Getenv("TESTBED")
	if directory == "" {
		directory = "/var/tmp/agency-testbed"
	}
	return filepath.Join(directory, "openstack", "clouds.yaml")
}

// open opens a module on the testbed's project suite. Who opens it closes it.
func open(t testing.TB, configuration string, credential stored, transport http.RoundTripper) *openstack.Module {
	t.Helper()
	module, err := openstack.New(parsed(t, configuration), vendormodules.Environment{
		Vendor: "testbed", Agency: agencyID, Credentials: credential, Now: time.Now, HTTP: transport,
	})
	must(t, err)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return module
}

// suite is the testbed's user for this suite alone.
func suite() stored { return stored{"username": "suite", "password": "testbed"} }

// independent is another client of the same project, which knows nothing of the module.
type independent struct {
	*testing.T
	clients map[string]*gophercloud.ServiceClient
}

// paths of what the services list, by the client that is asked.
var paths = map[string][]string{
	"compute": {"servers", "os-keypairs"}, "volume": {"volumes", "snapshots"}, "image": {"images"}, "balancer": {"lbaas/loadbalancers"},
	"network": {"networks", "routers", "floatingips", "ports", "security-groups"},
}

func newIndependent(t *testing.T) independent { return independent{t, newClients(t)} }

// newClients are the SDK's own.
func newClients(t testing.TB) map[string]*gophercloud.ServiceClient {
	t.Helper()
	options, endpoints, encryption, err := clouds.Parse(clouds.WithLocations(cloudsFile()), clouds.WithCloudName("testbed-suite"))
	must(t, err)
	provider, err := config.NewProviderClient(context.Background(), options, config.WithTLSConfig(encryption))
	must(t, err)
	clients := map[string]*gophercloud.ServiceClient{}
	for name, make := range map[string]func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error){
		"compute": sdk.NewComputeV2, "volume": sdk.NewBlockStorageV3, "image": sdk.NewImageV2, "balancer": sdk.NewLoadBalancerV2,
		"network": sdk.NewNetworkV2,
	} {
		clients[name], err = make(provider, endpoints)
		must(t, err)
	}
	return clients
}

// list is what a service shows, all of its pages.
func list(t testing.TB, client *gophercloud.ServiceClient, path string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for address := client.ServiceURL(strings.Split(path, "/")...); address != ""; {
		var content map[string]any
		_, err := client.Get(context.Background(), address, &content, nil)
		must(t, err)
		address = ""
		for key, value := range content {
			list, _ := value.([]any)
			for _, one := range list {
				fields, _ := one.(map[string]any)
				switch {
				case !strings.HasSuffix(key, "_links"):
					found = append(found, fields)
				case fields["rel"] == "next":
					address = fields["href"].(string)
				}
			}
			if next, is := value.(string); is && key == "next" { // as Glance writes it
				address = strings.TrimSuffix(client.Endpoint, "/") + next
			}
		}
	}
	return found
}

// count counts what is there beside what the testbed came with.
func (i independent) count() int {
	i.Helper()
	count := 0
	for client, paths := range paths {
		for _, path := range paths {
			for _, one := range list(i, i.clients[client], path) {
				name, _ := one["name"].(string)
				owner, _ := one["device_owner"].(string)
				if !slices.Contains(came, name) && !strings.HasPrefix(owner, "network:") {
					count++
				}
			}
		}
	}
	return count
}

// came are the names of what the testbed came with.
var came = []string{"private", "public", "router", "default", "tiny"}

// empty removes what an earlier run left that was cut short.
func empty(t *testing.T, other independent) {
	t.Helper()
	module := open(t, suiteConfiguration, suite(), http.DefaultTransport)
	vendortest.Eventually(t, wait, "the project is empty", func() error {
		listed, err := module.List(t.Context())
		for _, one := range listed {
			if failure := module.Delete(t.Context(), one.ID); !errors.Is(failure, vendormodules.ErrNotFound) {
				err = errors.Join(err, failure)
			}
		}
		if count := other.count(); count > 0 && err == nil {
			err = fmt.Errorf("there are %d things still", count)
		}
		return err
	})
	must(t, module.Close())
}

// changes says whether a request changes something: to sign in does not.
func changes(request *http.Request) bool {
	return request.Method != http.MethodGet && request.Method != http.MethodHead && !strings.HasSuffix(request.URL.Path, "/auth/tokens")
}

// suiteConfiguration is that of the project suite.
var suiteConfiguration = strings.Replace(testbedConfiguration, "project: demo", "project: suite", 1)
