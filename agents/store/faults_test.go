package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// TestFailedTransactionIsToldToAllAndHarmsNobodyElse makes the file unfit for writing, and fit again.
func TestFailedTransactionIsToldToAllAndHarmsNobodyElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	opened := open(t, path)
	put := func(key string) error { return opened.Commit(t.Context(), services.Change{Key: key, Any: true}) }
	if err := put("before"); err != nil {
		t.Fatal(err)
	}
	before, err := opened.Get(t.Context(), "before")
	if err != nil {
		t.Fatal(err)
	}
	alter(t, path, "ALTER TABLE entries RENAME TO away")
	var failing sync.WaitGroup
	for i := range 8 {
		failing.Go(func() {
			if err := put(fmt.Sprintf("during.%d", i)); err == nil || errors.Is(err, services.ErrRevision) {
				t.Errorf("commit %d: %v", i, err)
			}
		})
	}
	failing.Wait()
	if _, err := opened.Get(t.Context(), "before"); err == nil || errors.Is(err, services.ErrNoKey) {
		t.Errorf("get: %v", err)
	}
	alter(t, path, "ALTER TABLE away RENAME TO entries")
	if err := put("after"); err != nil {
		t.Fatal(err)
	}
	entries, err := opened.List(t.Context(), "")
	if err != nil || len(entries) != 2 || entries[0].Key != "after" || entries[0].Revision <= before.Revision {
		t.Errorf("left: %+v, %v", entries, err)
	}
}

// TestOutcomeIsKnownWhenTheContextEnds ends contexts at any moment of a commit: an error means that nothing changed.
func TestOutcomeIsKnownWhenTheContextEnds(t *testing.T) {
	opened := open(t, filepath.Join(t.TempDir(), "store.db"))
	const callers, each = 16, 40
	outcomes := make([]error, callers*each)
	var committing sync.WaitGroup
	for caller := range callers {
		committing.Go(func() {
			for i := caller * each; i < (caller+1)*each; i++ {
				ctx, end := context.WithCancel(t.Context())
				go end()
				outcomes[i] = opened.Commit(ctx, services.Change{Key: fmt.Sprintf("end.%d", i), Value: value})
				<-ctx.Done()
			}
		})
	}
	committing.Wait()
	failed := 0
	for i, outcome := range outcomes {
		_, err := opened.Get(t.Context(), fmt.Sprintf("end.%d", i))
		if there := err == nil; there != (outcome == nil) || outcome != nil && !errors.Is(outcome, context.Canceled) {
			t.Errorf("commit %d said %v, get says %v", i, outcome, err)
		}
		if outcome != nil {
			failed++
		}
	}
	t.Logf("%d of %d ended first", failed, len(outcomes))
}
