package simulated_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/simulated"
)

func simulatedModule(t *testing.T, configuration string, account services.Store) (*simulated.Module, error) {
	t.Helper()
	return simulated.New(parsed(t, configuration), environment(account, time.Now), nil)
}

func TestFaultsOfConfiguration(t *testing.T) {
	for name, one := range map[string]struct{ configuration, want string }{
		"unknown field":      {"latencies: {any: 1s}", `did you mean "latency"?`},
		"unknown operation":  {"latency: {craete: 1s}", `did you mean "create"?`},
		"unknown failure":    {"failures: {create: {lots: 1%}}", `did you mean "lost"?`},
		"too many failures":  {"failures: {create: {lost: 60%, quota: 50%}}", "110% of all calls"},
		"latency":            {"latency: {any: 2s..1s}", "ends below its beginning"},
		"not a time":         {"boot: soon", "write 50ms or 20ms..200ms"},
		"country":            {"country: Greece", "two capital letters"},
		"type":               {"types: [compute, vlan]", `"vlan"`},
		"order of types":     {"types: [volume, compute]", "order of the alphabet"},
		"real addresses":     {"addresses: 10.0.0.0/8", "no block of 198.18.0.0/15"},
		"free machines":      {"flavors: [{name: a, cores: 1, memory: 1GiB}]", "above nothing"},
		"two currencies":     {"prices: {network: 1 USD/h}", "one currency"},
		"negative limits":    {"quotas: {cores: -1}", "below zero"},
		"factor":             {"price-steps: [{from: 0s, factor: 0}]", "from 0.001 to 1000"},
		"order of the steps": {"daily-prices: [{from: 2h, factor: 1}, {from: 1h, factor: 2}]", "order of time"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := simulatedModule(t, one.configuration, openStore(t))
			if err == nil || !strings.Contains(err.Error(), one.want) {
				t.Errorf("the error is %v, want one that says %q", err, one.want)
			}
		})
	}
	if _, err := simulatedModule(t, "", nil); err == nil {
		t.Error("opened without a store")
	}
}

// TestDocumentedConfiguration opens a module with the configuration that the design page shows.
func TestDocumentedConfiguration(t *testing.T) {
	page, err := os.ReadFile("../../docs/design/simulated.md")
	must(t, err)
	_, block, found := strings.Cut(string(page), "```yaml\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatal("the page shows no configuration")
	}
	module, err := simulatedModule(t, block, openStore(t))
	must(t, err)
	told, err := module.Capacity(t.Context())
	must(t, err)
	if want := (vendormodules.Usage{Instances: 100, Cores: 400, Memory: 2 * quantity.TiB}); told != want {
		t.Errorf("it tells of %+v, want %+v", told, want)
	}
}
