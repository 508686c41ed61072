package conformance_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/agents/conformance"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// inMemory opens modules on one cloud that outlives the agent.
func inMemory() func(string, services.Store) vendormodules.Module {
	cloud := memory.New()
	return func(agency string, _ services.Store) vendormodules.Module { return cloud.Open(agency) }
}

// onThisMachine opens testbed modules on one directory.
func onThisMachine(t *testing.T) func(string, services.Store) vendormodules.Module {
	directory := t.TempDir()
	program, err := os.Executable()
	must(t, err)
	return func(agency string, records services.Store) vendormodules.Module {
		module, err := ptc.New(t.Context(), &yaml.Node{Kind: yaml.MappingNode}, vendormodules.Environment{
			Vendor: vendorName, Agency: agency, Directory: directory, Program: program, Store: records, Log: zap.NewNop(), Now: time.Now,
		})
		must(t, err)
		return module
	}
}

// TestOurVendorAgentConforms puts the agency's own vendor agent through everything, on a cloud in memory and on the
// testbed.
func TestOurVendorAgentConforms(t *testing.T) {
	for name, open := range map[string]func(string, services.Store) vendormodules.Module{
		"memory": inMemory(), "ptc": onThisMachine(t),
	} {
		t.Run(name, func(t *testing.T) {
			bench := openBench(t)
			agent := newHouse(t, bench.Credentials(), open)
			report := run(t, conformance.Options{Bench: bench, Restart: agent.restart})
			if !report.Conforms() || report.Partial {
				t.Errorf("failed:\n%s", failed(report))
			}
			if report.Passed+report.NotApplicable != len(conformance.Names()) || report.NotApplicable > 2 {
				t.Errorf("of %d checks %d passed and %d did not apply", len(conformance.Names()), report.Passed, report.NotApplicable)
			}
		})
	}
}

// TestEverySectionIsThere keeps the checks true to the protocol's headings.
func TestEverySectionIsThere(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol.md"))
	must(t, err)
	for _, section := range conformance.Sections() {
		if !strings.Contains(string(page), "# "+section+"\n") {
			t.Errorf("docs/protocol.md has no heading %q", section)
		}
	}
}

func TestChecksAreKnownByName(t *testing.T) {
	_, err := conformance.Run(t.Context(), conformance.Options{Bench: openBench(t), Only: []string{"nothing is lefd"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "nothing is left") {
		t.Errorf("a check that there is not: %v", err)
	}
}

func TestAnAgentThatNeverComes(t *testing.T) {
	report, err := conformance.Run(t.Context(), conformance.Options{Bench: openBench(t), Arrival: 200 * time.Millisecond}, nil)
	if err == nil || report.Conforms() {
		t.Errorf("nobody came: %v, conforms %t", err, report.Conforms())
	}
}

// TestARunThatIsBrokenOffLeavesNothing ends a run as soon as a machine runs.
func TestARunThatIsBrokenOffLeavesNothing(t *testing.T) {
	bench := openBench(t)
	cloud := memory.New()
	newHouse(t, bench.Credentials(), func(agency string, _ services.Store) vendormodules.Module { return cloud.Open(agency) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := conformance.Run(ctx, conformance.Options{
		Bench: bench, Only: []string{"what was agreed and done survives a restart", "nothing is left"},
		Restart: func(ctx context.Context) error {
			cancel()
			return ctx.Err()
		},
	}, func(conformance.Check) {})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if left := cloud.Count(); left != 0 {
		t.Errorf("%d resources are left", left)
	}
}
