package vendortest

import (
	"context"
	"slices"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Run proves everything that the provider's module can do.
func Run(t *testing.T, provider Provider) {
	if provider.Agency == "" || provider.Account == nil {
		t.Fatal("a provider has an Agency and an Account")
	}
	module := provider.Account(t).Open(t)
	description, abilities := module.Describe(), vendormodules.AbilitiesOf(module)
	if provider.Against != "" {
		t.Log("tested against " + provider.Against)
	}
	for _, capability := range Capabilities(module) {
		t.Log(capability)
	}
	if err := module.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	provider.check(t, description, abilities)
	found := provider.found(module)

	proved := map[string]bool{}
	for _, test := range tests(description, abilities, provider.Line) {
		proved[test.name] = true
		if reason, unproven := provider.Unproven[test.name]; unproven {
			t.Logf("not proved: %s, as %s", test.name, reason)
			continue
		}
		t.Run(test.name, func(t *testing.T) { test.prove(newBench(t, provider)) })
	}
	for name := range provider.Unproven {
		if !proved[name] {
			t.Errorf("the provider says why %q is not proved, and there is no such test of this module", name)
		}
	}
	provider.record(t, found)
}

// check fails the test if the provider does not say enough.
func (p Provider) check(t *testing.T, description vendormodules.Description, abilities vendormodules.Abilities) {
	t.Helper()
	for _, kind := range description.Types {
		if _, given := p.Classes[kind]; !given && kind != descriptors.Cluster {
			t.Fatalf("the module creates %s, and the provider has no class of it", kind)
		}
	}
	if abilities.Credentials != nil && p.Credential == nil {
		t.Fatal("the module tries credentials, and the provider has no Credential")
	}
	if abilities.Imager != nil && !slices.Contains(description.Types, descriptors.Compute) {
		t.Fatal("the module makes images of machines, and creates no compute")
	}
	if len(description.Types) == 0 {
		t.Fatal("the module creates nothing: its description has no types")
	}
}

// test is one of the suite's.
type test struct {
	name  string
	prove func(b *bench)
}

// tests are those that apply to a module.
func tests(description vendormodules.Description, abilities vendormodules.Abilities, line Line) []test {
	var all []test
	add := func(applies bool, name string, prove func(b *bench)) {
		if applies {
			all = append(all, test{name, prove})
		}
	}
	creates := func(kind descriptors.ResourceType) bool { return slices.Contains(description.Types, kind) }

	add(true, "describe", proveDescription)
	add(true, "quote", proveQuote)
	add(true, "refusals", proveRefusals)
	add(true, "capacity", proveCapacity)
	for _, kind := range description.Types {
		add(kind != descriptors.Cluster, "create/"+string(kind), func(b *bench) { proveCreate(b, kind) })
	}
	add(true, "list", proveList)
	add(true, "replay", proveReplay)
	add(true, "replay-after-crash", proveReplayAfterCrash)
	add(description.CreateToken, "concurrent-same-key", proveConcurrentSameKey)
	add(true, "concurrent-keys", proveConcurrentKeys)
	add(true, "unknown", proveUnknown)
	add(true, "delete", proveDelete)
	add(true, "cancelled", proveCancelled)
	add(true, "cancelled-create", proveCancelledCreate)
	add(true, "close", proveClose)
	add(true, "reopen", proveReopen)
	machines := creates(descriptors.Compute)
	add(machines && creates(descriptors.Volume), "volumes", proveVolumes)
	add(machines && creates(descriptors.Network), "networks", proveNetworks)
	add(machines, "access", proveAccess)
	add(machines && creates(descriptors.Network), "ranges", proveRanges)
	add(creates(descriptors.LoadBalancer), "balancers", proveBalancer)
	add(abilities.Power != nil, "power", provePower)
	add(abilities.Attacher != nil, "attach", proveAttach)
	add(abilities.Balancer != nil, "set-targets", proveSetTargets)
	add(abilities.Meter != nil, "measure", proveMeasure)
	add(abilities.Console != nil, "console", proveConsole)
	add(abilities.Executor != nil, "execute", proveExecute)
	add(abilities.Files != nil, "files", proveFiles)
	add(abilities.Snapshotter != nil && creates(descriptors.Volume), "snapshot", proveSnapshot)
	add(abilities.Imager != nil, "image", proveImage)
	add(abilities.Resizer != nil, "resize", proveResize)
	add(abilities.Catalogue != nil, "catalogue", proveCatalogue)
	add(abilities.Credentials != nil, "credentials", proveCredentials)
	add(line != nil, "stalled", proveStalled)
	add(line != nil, "throttled", proveThrottled)
	add(line != nil, "dropped", proveDropped)
	return all
}

// cancelled is a context that has ended.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
