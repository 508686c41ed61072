package conformance_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/conformance"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// TestMain lets the test's own program be the agency's, whose keepers and images the machines of the testbed run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "keeper":
			syscall.Exit(ptc.Keeper(os.Args[2:]))
		case "image":
			syscall.Exit(ptc.Image(os.Args[2:]))
		}
	}
	goleak.VerifyTestMain(m)
}

const vendorName = "tried"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openBench(t *testing.T) *conformance.Bench {
	t.Helper()
	bench, err := conformance.OpenBench(t.Context(), conformance.BenchOptions{Directory: t.TempDir(), Vendor: vendorName})
	must(t, err)
	t.Cleanup(func() { must(t, bench.Close()) })
	return bench
}

// house is where a vendor agent of ours lives: its records, and the cloud that outlives it.
type house struct {
	t           *testing.T
	credentials bus.Credentials
	directory   string
	key         services.Key
	open        func(agency string, records services.Store) vendormodules.Module
	validity    time.Duration
	stop        func() error
}

func newHouse(
	t *testing.T, credentials bus.Credentials, open func(string, services.Store) vendormodules.Module,
) *house {
	t.Helper()
	h := &house{
		t: t, credentials: credentials, directory: t.TempDir(), key: services.NewKey(), open: open, validity: 10 * time.Second,
		stop: func() error { return nil },
	}
	must(t, h.start())
	t.Cleanup(func() { must(t, h.stop()) })
	return h
}

// start runs the agent on what it left.
func (h *house) start() error {
	ctx, cancel := context.WithCancel(context.Background())
	records, err := store.OpenSQLite(ctx, filepath.Join(h.directory, "vendor.db"))
	must(h.t, err)
	peer, err := bus.Connect(ctx, bus.Options{Credentials: h.credentials})
	must(h.t, err)
	module := h.open(peer.Agency(), records)
	agent, err := vendor.New(vendor.Options{
		Peer: peer, Store: records, Module: module, Vault: services.NewVault(records, h.key, time.Now), Log: zap.NewNop(),
		Directory: filepath.Join(h.directory, "work"), OfferValidity: h.validity, Negotiation: vendor.Negotiation{Lowest: 0.7},
	})
	must(h.t, err)
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	h.stop = func() error {
		cancel()
		h.stop = func() error { return nil }
		return errors.Join(<-done, module.Close(), peer.Close(), records.Close())
	}
	select {
	case <-agent.Ready():
		return nil
	case err := <-done:
		done <- nil
		return errors.Join(errors.New("the agent did not start"), err)
	}
}

// restart stops the agent and starts it anew.
func (h *house) restart(context.Context) error { return errors.Join(h.stop(), h.start()) }

// run puts whoever is at the bench through the checks.
func run(t *testing.T, options conformance.Options) conformance.Report {
	t.Helper()
	report, err := conformance.Run(t.Context(), options, func(check conformance.Check) {
		t.Logf("%-8s %-60s %s %s", check.Result, check.Name, time.Duration(check.Took), check.Reason)
	})
	must(t, err)
	return report
}

// failed are the names of the checks that failed.
func failed(report conformance.Report) string {
	var names []string
	for _, check := range report.Checks {
		if check.Result == conformance.Failed {
			names = append(names, check.Name)
		}
	}
	return strings.Join(names, "\n")
}
