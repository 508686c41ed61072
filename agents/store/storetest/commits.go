package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

func testLimits(t *testing.T, engine Engine) {
	b := engine.bench(t)
	most := make([]services.Change, services.MaxChanges)
	for i := range most {
		most[i] = put(fmt.Sprintf("many.%d", i), "x")
	}
	b.mustCommit(most...)
	if keys := b.mustList("many."); len(keys) != services.MaxChanges {
		t.Errorf("%d of %d there", len(keys), services.MaxChanges)
	}
	for i := range most {
		most[i].Value, most[i].Delete = nil, true
	}
	b.mustCommit(most...)

	longest := strings.Repeat("k", 512)
	b.mustCommit(put(longest, "x"), put("large", strings.Repeat("x", services.MaxValue)))
	if got := b.mustGet("large"); !bytes.Equal(got.Value, bytes.Repeat([]byte("x"), services.MaxValue)) {
		t.Errorf("a value of %d bytes came back as one of %d", services.MaxValue, len(got.Value))
	}
	b.mustGet(longest)
	b.mustCommit(remove(longest), remove("large"))

	b.mustCommit()
	for name, refused := range map[string][]services.Change{
		"too many changes": append(most, remove("many.more")),
		"too long a key":   {put("fine", "x"), put(longest+"k", "x")},
		"too long a value": {put("fine", "x"), put("large", strings.Repeat("x", services.MaxValue+1))},
		"an empty key":     {put("fine", "x"), put("", "x")},
		"a key with space": {put("fine", "x"), put("a b", "x")},
		"an empty token":   {put("fine", "x"), put("a..b", "x")},
		"a key twice":      {put("fine", "x"), put("fine", "y")},
	} {
		if err := b.Commit(t.Context(), refused...); err == nil || errors.Is(err, services.ErrRevision) {
			t.Errorf("%s: %v", name, err)
		}
		if keys := b.mustList(""); len(keys) != 0 {
			t.Fatalf("%s: left %v", name, keys)
		}
	}
}

func testAtomicity(t *testing.T, engine Engine) {
	b := engine.bench(t)
	b.mustCommit(put("a", "1"), put("b", "1"), put("c", "1"))
	a, c := b.mustGet("a"), b.mustGet("c")
	err := b.Commit(t.Context(),
		services.Change{Key: "a", Value: []byte("2"), Expect: a.Revision},
		put("new", "2"), remove("b"),
		services.Change{Key: "c", Value: []byte("2"), Expect: c.Revision + 1000})
	if !errors.Is(err, services.ErrRevision) {
		t.Fatalf("commit with one wrong expectation: %v", err)
	}
	if got := strings.Join(b.mustList(""), " "); got != "a b c" {
		t.Errorf("left: %s", got)
	}
	for _, key := range []string{"a", "b", "c"} {
		if got := b.mustGet(key); string(got.Value) != "1" {
			t.Errorf("%s: %q", key, got.Value)
		}
	}
	// An expectation that nothing is there can guard the other changes.
	b.mustCommit(services.Change{Key: "a", Value: []byte("2"), Expect: a.Revision}, services.Change{Key: "guard", Delete: true})
	b.mustCommit(put("guard", "x"))
	guarded := []services.Change{put("a", "3"), {Key: "guard", Delete: true}}
	if err := b.Commit(t.Context(), guarded...); !errors.Is(err, services.ErrRevision) || string(b.mustGet("a").Value) != "2" {
		t.Errorf("guarded commit: %v, a is %q", err, b.mustGet("a").Value)
	}
}

// testConcurrency has many count up the same numbers, two in each commit. No count may be lost, and the two that are
// counted together must stay equal.
func testConcurrency(t *testing.T, engine Engine) {
	const callers, counts, numbers = 16, 20, 3
	b := engine.bench(t)
	for n := range numbers {
		b.mustCommit(put(fmt.Sprintf("left.%d", n), "0"), put(fmt.Sprintf("right.%d", n), "0"))
	}
	var counting sync.WaitGroup
	for caller := range callers {
		counting.Go(func() {
			for i := range counts {
				if err := count(b.patient(), b.Store, (caller+i)%numbers); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	counting.Wait()
	total := 0
	for n := range numbers {
		left, right := b.mustGet(fmt.Sprintf("left.%d", n)).Value, b.mustGet(fmt.Sprintf("right.%d", n)).Value
		if !bytes.Equal(left, right) {
			t.Errorf("number %d: %s on one side, %s on the other", n, left, right)
		}
		counted, _ := strconv.Atoi(string(left))
		total += counted
	}
	if total != callers*counts {
		t.Errorf("counted to %d of %d", total, callers*counts)
	}
}

// count raises both sides of a number by one, however often others are faster.
func count(ctx context.Context, store services.Store, n int) error {
	for {
		var raised []services.Change
		for _, side := range []string{"left", "right"} {
			entry, err := store.Get(ctx, fmt.Sprintf("%s.%d", side, n))
			if err != nil {
				return err
			}
			value, err := strconv.Atoi(string(entry.Value))
			if err != nil {
				return err
			}
			raised = append(raised, services.Change{
				Key: entry.Key, Value: []byte(strconv.Itoa(value + 1)), Expect: entry.Revision})
		}
		if err := store.Commit(ctx, raised...); !errors.Is(err, services.ErrRevision) {
			return err
		}
	}
}

func testContexts(t *testing.T, engine Engine) {
	b := engine.bench(t)
	b.mustCommit(put("a", "1"))
	ended, end := context.WithCancel(t.Context())
	end()
	for name, err := range callAll(ended, b.Store) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s after its context ended: %v", name, err)
		}
	}
	if got := b.mustGet("a"); string(got.Value) != "1" {
		t.Errorf("a commit after its context ended made %q", got.Value)
	}
}

func testClosing(t *testing.T, engine Engine) {
	b := engine.bench(t)
	b.mustCommit(put("a", "1"))
	watched, err := b.Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for name, err := range callAll(t.Context(), b.Store) {
		if !errors.Is(err, services.ErrClosed) {
			t.Errorf("%s of a closed store: %v", name, err)
		}
	}
	for range watched { // must end
	}
}

// callAll returns the error of each method but Close.
func callAll(ctx context.Context, store services.Store) map[string]error {
	_, get := store.Get(ctx, "a")
	_, list := store.List(ctx, "")
	_, watch := store.Watch(ctx, "")
	return map[string]error{"get": get, "list": list, "watch": watch, "commit": store.Commit(ctx, put("a", "late"))}
}
