package simulated_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/simulated"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const agencyID = "agency-1"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openStore opens a file that is there until the test ends.
func openStore(t testing.TB) services.Store {
	t.Helper()
	opened, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "cloud.db"))
	must(t, err)
	t.Cleanup(func() { must(t, opened.Close()) })
	return opened
}

func parsed(t testing.TB, configuration string) *yaml.Node {
	t.Helper()
	var node yaml.Node
	must(t, yaml.Unmarshal([]byte(configuration), &node))
	return &node
}

// The suite runs on a cloud that is never late and on others that are, each in its way.
func TestConformance(t *testing.T) {
	for name, configuration := range map[string]string{
		"at once":          "country: GR",
		"slow":             "{country: GR, boot: 10ms..60ms, deletion: 5ms..40ms, latency: {any: 1ms..4ms}}",
		"late listings":    "{country: GR, listing: {shows-after: 5ms..25ms, lingers: 50ms}, boot: 25ms}",
		"without a token":  "{country: GR, create-token: false, boot: 5ms, deletion: 5ms}",
		"with few limits":  "{country: GR, quotas: {instances: 20, cores: 40}, addresses: 198.18.4.0/28}",
		"isolated, no LBs": "{country: GR, isolation: true, types: [compute, network, volume]}",
	} {
		t.Run(name, func(t *testing.T) {
			provider := provider(t, configuration)
			if name == "at once" {
				provider.Against, provider.Record = "numbers", "conformance.json"
				provider.Lineless = "the cloud is in the module's memory"
			}
			vendortest.Run(t, provider)
		})
	}
}

func provider(t *testing.T, configuration string) vendortest.Provider {
	node := parsed(t, configuration)
	var account services.Store
	var module *simulated.Module
	printing := func(class descriptors.Class, text string) descriptors.Class {
		class.Run = []string{text} // a console here shows what would run
		return class
	}
	return vendortest.Provider{
		Agency: agencyID,
		Account: func(t *testing.T) vendortest.Account {
			account = openStore(t)
			return vendortest.Account{
				Open: func(t *testing.T) vendormodules.Module {
					var err error
					module, err = simulated.New(node, environment(account, time.Now), nil)
					must(t, err)
					return module
				},
				Listing: func(t *testing.T) int {
					entries, err := account.List(context.Background(), "resources.") // also while the test cleans up
					must(t, err)
					return len(entries)
				},
				Machine: func(t *testing.T, id string) vendormodules.Usage { return kept(t, account, id) },
			}
		},
		Classes: map[descriptors.ResourceType]descriptors.Class{
			descriptors.Compute:      {Type: descriptors.Compute, Image: "shell", Cores: 1},
			descriptors.Volume:       {Type: descriptors.Volume, Size: quantity.GiB},
			descriptors.Network:      {Type: descriptors.Network, Private: true},
			descriptors.LoadBalancer: {Type: descriptors.LoadBalancer, Targets: "web", Listen: 8080},
		},
		Wait: 10 * time.Second, Scripts: vendortest.Scripts{Print: printing},
		Target: func(_ *testing.T, name string) vendormodules.Target {
			return vendormodules.Target{Name: name, Address: "198.18.0.1", Port: 8080}
		},
		Fetch: func(ctx context.Context, balancer vendormodules.Resource, _ descriptors.Class) (string, error) {
			target, err := module.Serve(ctx, balancer.ID)
			return target.Name, err
		},
	}
}

// kept is what the store says that a machine takes.
func kept(t *testing.T, account services.Store, id string) vendormodules.Usage {
	t.Helper()
	text, _, err := services.NewTable[json.RawMessage](account, "resources", "simulated-resource", 1).Get(t.Context(), id)
	must(t, err)
	var record struct{ Use vendormodules.Usage }
	must(t, json.Unmarshal(text, &record))
	return record.Use
}

func environment(account services.Store, now func() time.Time) vendormodules.Environment {
	return vendormodules.Environment{Vendor: "numbers", Agency: agencyID, Store: account, Now: now}
}

// TestNeverTakenForReal looks at everything that a listing shows of a resource.
func TestNeverTakenForReal(t *testing.T) {
	module, err := simulated.Kind().New(t.Context(), nil, environment(openStore(t), time.Now))
	must(t, err)
	description := module.Describe()
	if description.Kind != "simulated" || len(description.Notes) != 1 || !strings.Contains(description.Notes[0], "nothing real runs") {
		t.Errorf("the description says %q, %q", description.Kind, description.Notes)
	}
	made, err := module.Create(t.Context(), vendormodules.Request{
		Key: "web-1", Tags: vendormodules.Tags{Agency: agencyID}, Class: descriptors.Class{Type: descriptors.Compute},
	})
	must(t, err)
	for _, shown := range made.Addresses {
		if !strings.HasPrefix(shown.Address, "198.18.") && !strings.HasPrefix(shown.Address, "198.19.") {
			t.Errorf("address %s is not of the benchmarking range", shown.Address)
		}
	}
	if !strings.HasPrefix(made.ID, "sim-") || len(made.Addresses) != 1 ||
		len(made.Warnings) != 1 || !strings.Contains(made.Warnings[0], "nothing real runs") {
		t.Errorf("it could be taken for real: %+v", made)
	}
}
