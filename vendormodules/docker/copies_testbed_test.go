//go:build testbed

package docker_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// TestACopyBearsTheLossOfEachAnswer loses the answer to one change after another that a snapshot makes, and then a volume
// that begins with one. A repeat makes the copy whole, and leaves nothing at the engine that holds on to a volume.
func TestACopyBearsTheLossOfEachAnswer(t *testing.T) {
	for name, one := range engines() {
		t.Run(name, func(t *testing.T) {
			guard := newGuard(t, strings.TrimPrefix(string(one), "unix://"))
			module := open(t, guard.configuration(), guard)
			t.Cleanup(func() { module.Close() })
			asked := ask(descriptors.Volume, "data")
			volume := runs(t, module, asked)
			keep := func(key string) (vendormodules.Resource, error) {
				return module.Snapshot(t.Context(), vendormodules.CopyRequest{Key: key, Name: "kept", Tags: asked.Tags, Source: volume.ID})
			}
			everyCopyIsWhole(t, one, guard, module, volume.ID, keep)
			snapshot, err := keep(asked.Key)
			must(t, err)
			t.Cleanup(func() { must(t, module.Delete(context.WithoutCancel(t.Context()), snapshot.ID)) })
			everyCopyIsWhole(t, one, guard, module, snapshot.ID, func(key string) (vendormodules.Resource, error) {
				request := ask(descriptors.Volume, "restored")
				request.Key, request.Snapshot = key, snapshot.ID
				return module.Create(t.Context(), request)
			})
		})
	}
}

// everyCopyIsWhole makes copies of a source, until one has no answer left to lose.
func everyCopyIsWhole(
	t *testing.T, at engine, guard *guard, module vendormodules.Module, source string, make func(key string) (vendormodules.Resource, error),
) {
	t.Helper()
	for nth := 1; ; nth++ {
		key := ask(descriptors.Volume, "copy").Key
		dropped := guard.line.Drop(nth)
		_, err := make(key)
		lost := dropped()
		if err != nil && (!lost || !errors.Is(err, vendormodules.ErrTransient)) {
			t.Fatalf("a copy whose answer %d is lost: %v", nth, err)
		}
		copied, err := make(key)
		if err != nil || copied.State != vendormodules.ResourceRunning {
			t.Fatalf("a repeat after the loss of answer %d is %s, %v", nth, copied.State, err)
		}
		for _, filter := range []string{"volume=" + source, "volume=" + copied.ID, "label=agency.copying"} {
			if left := at.run(t, "ps", "-aq", "--filter", filter); left != "" {
				t.Errorf("after the loss of answer %d there is a container with %s", nth, filter)
			}
		}
		must(t, module.Delete(t.Context(), copied.ID))
		if !lost {
			t.Logf("a copy makes %d changes", nth-1)
			return
		}
	}
}
