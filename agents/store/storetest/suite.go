// Package storetest is the suite that every engine of services.Store passes.
//
// It holds engines to the contract alone: a test of what one engine does beyond it belongs beside that engine.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// Engine opens stores of the engine under test.
type Engine struct {
	// Open makes an empty store. The suite closes it.
	Open func(t *testing.T) services.Store
	// Reopen opens again what a store kept that Open or Reopen returned and that was closed.
	Reopen func(t *testing.T, closed services.Store) services.Store
}

// Run runs the whole suite.
func Run(t *testing.T, engine Engine) {
	for _, part := range []struct {
		name string
		test func(*testing.T, Engine)
	}{
		{"values", testValues},
		{"expectations", testExpectations},
		{"revisions", testRevisions},
		{"listing", testListing},
		{"limits", testLimits},
		{"atomicity", testAtomicity},
		{"concurrency", testConcurrency},
		{"watching", testWatching},
		{"reopening", testReopening},
		{"contexts", testContexts},
		{"closing", testClosing},
		{"model", testModel},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, engine) })
	}
}

// patience is how long the suite waits for what must come; only a failure takes so long.
const patience = 30 * time.Second

// bench is a store under test together with the test.
type bench struct {
	*testing.T
	services.Store
}

func (e Engine) bench(t *testing.T) bench {
	t.Helper()
	b := bench{t, e.Open(t)}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// mustCommit commits what cannot fail.
func (b bench) mustCommit(changes ...services.Change) {
	b.Helper()
	if err := b.Commit(b.Context(), changes...); err != nil {
		b.Fatalf("commit: %v", err)
	}
}

// mustGet gets what is there.
func (b bench) mustGet(key string) services.Entry {
	b.Helper()
	entry, err := b.Get(b.Context(), key)
	if err != nil {
		b.Fatalf("get: %v", err)
	}
	if entry.Key != key || entry.Revision == 0 || entry.Deleted {
		b.Fatalf("get %s: entry %s of revision %d, deleted %t", key, entry.Key, entry.Revision, entry.Deleted)
	}
	return entry
}

// mustList lists keys only.
// mustPages reads what is below a prefix page by page.
func (b bench) mustPages(prefix string, limit int) (keys []string) {
	b.Helper()
	for after := ""; ; {
		page, err := b.Page(b.Context(), prefix, after, limit)
		if err != nil {
			b.Fatal(err)
		}
		for _, entry := range page {
			keys = append(keys, entry.Key)
		}
		if len(page) < limit {
			return keys
		}
		after = page[limit-1].Key
	}
}

func (b bench) mustList(prefix string) []string {
	b.Helper()
	entries, err := b.List(b.Context(), prefix)
	if err != nil {
		b.Fatalf("list: %v", err)
	}
	keys := make([]string, len(entries))
	for i, entry := range entries {
		keys[i] = entry.Key
	}
	return keys
}

func put(key, value string) services.Change {
	return services.Change{Key: key, Value: []byte(value), Any: true}
}

func remove(key string) services.Change {
	return services.Change{Key: key, Delete: true, Any: true}
}

// patient returns a context of the test's that ends when patience does.
func (b bench) patient() context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	b.Cleanup(cancel)
	return ctx
}
