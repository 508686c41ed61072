package storetest

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

func testWatching(t *testing.T, engine Engine) {
	t.Run("entries and changes", func(t *testing.T) { testWatchChanges(engine.bench(t)) })
	t.Run("slow watcher", func(t *testing.T) { testWatchSlow(engine.bench(t)) })
	t.Run("while others commit", func(t *testing.T) { testWatchBusy(engine.bench(t)) })
	t.Run("bad prefix", func(t *testing.T) {
		if _, err := engine.bench(t).Watch(t.Context(), "a"); err == nil {
			t.Error("was not refused")
		}
	})
}

// view is what somebody knows of a store who only watches it.
type view struct {
	bench
	entries <-chan services.Entry
	values  map[string]string
	seen    map[string]uint64
}

func (b bench) watch(ctx context.Context, prefix string) *view {
	b.Helper()
	entries, err := b.Watch(ctx, prefix)
	if err != nil {
		b.Fatalf("watch: %v", err)
	}
	return &view{b, entries, make(map[string]string), make(map[string]uint64)}
}

func (v *view) take(entry services.Entry) {
	v.Helper()
	if entry.Revision <= v.seen[entry.Key] {
		v.Fatalf("%s: revision %d after %d", entry.Key, entry.Revision, v.seen[entry.Key])
	}
	v.seen[entry.Key] = entry.Revision
	v.values[entry.Key] = string(entry.Value)
	if entry.Deleted {
		if len(entry.Value) > 0 {
			v.Fatalf("%s: deleted, with value %q", entry.Key, entry.Value)
		}
		delete(v.values, entry.Key)
	}
}

// untilShows takes entries in until the view shows just what is wanted.
func (v *view) untilShows(wanted map[string]string) {
	v.Helper()
	for ctx := v.patient(); !maps.Equal(v.values, wanted); {
		select {
		case entry, open := <-v.entries:
			if !open {
				v.Fatalf("watch ended, showing %v, wanted %v", v.values, wanted)
			}
			v.take(entry)
		case <-ctx.Done():
			v.Fatalf("the watch shows %v, wanted %v", v.values, wanted)
		}
	}
}

func testWatchChanges(b bench) {
	b.mustCommit(put("a.one", "1"), put("a.two", "1"), put("ab", "1"), put("a", "1"), put("b.one", "1"))
	ctx, stop := context.WithCancel(b.Context())
	below, everything := b.watch(ctx, "a."), b.watch(ctx, "")
	below.untilShows(map[string]string{"a.one": "1", "a.two": "1"})
	b.mustCommit(put("a.one", "2"), put("b.one", "2"))
	below.untilShows(map[string]string{"a.one": "2", "a.two": "1"})
	b.mustCommit(remove("a.one"), put("a.three", "1"), remove("a.nothing"))
	below.untilShows(map[string]string{"a.two": "1", "a.three": "1"})
	b.mustCommit(put("a.one", "3"))
	below.untilShows(map[string]string{"a.one": "3", "a.two": "1", "a.three": "1"})
	if _, shown := below.seen["a.nothing"]; shown {
		b.Error("the deletion of nothing was shown")
	}
	everything.untilShows(map[string]string{
		"a.one": "3", "a.two": "1", "a.three": "1", "ab": "1", "a": "1", "b.one": "2"})
	stop()
	for range below.entries { // must end
	}
	for range everything.entries {
	}
	b.mustCommit(put("a.one", "4"))
}

// testWatchSlow commits much more than any buffer has room for before it looks at the watch.
func testWatchSlow(b bench) {
	const keys, rounds = 5, 100
	watched := b.watch(b.Context(), "slow.")
	for round := range rounds {
		for key := range keys {
			b.mustCommit(put(fmt.Sprintf("slow.%d", key), strings.Repeat("x", 1<<12)+strconv.Itoa(round)))
		}
	}
	wanted := make(map[string]string)
	for key := range keys - 1 {
		wanted[fmt.Sprintf("slow.%d", key)] = strings.Repeat("x", 1<<12) + strconv.Itoa(rounds-1)
	}
	b.mustCommit(remove(fmt.Sprintf("slow.%d", keys-1)))
	watched.untilShows(wanted)
}

// testWatchBusy begins to watch at many moments of a storm of commits. Every watch must show the same in the end.
func testWatchBusy(b bench) {
	const writers, keys, rounds, watches = 4, 3, 60, 12
	var writing sync.WaitGroup
	begin := make(chan struct{}, writers*rounds)
	for writer := range writers {
		writing.Go(func() {
			for round := range rounds {
				key := fmt.Sprintf("busy.%d.%d", writer, round%keys)
				change := put(key, strconv.Itoa(round))
				if round%7 == 3 {
					change = remove(key)
				}
				if err := b.Commit(b.Context(), change); err != nil {
					b.Error(err)
				}
				begin <- struct{}{}
			}
		})
	}
	views := make([]*view, watches)
	for i := range views {
		for range writers * rounds / watches {
			<-begin
		}
		views[i] = b.watch(b.Context(), "busy.")
	}
	writing.Wait()
	entries, err := b.List(b.Context(), "busy.")
	if err != nil {
		b.Fatal(err)
	}
	wanted := make(map[string]string)
	for _, entry := range entries {
		wanted[entry.Key] = string(entry.Value)
	}
	for _, watched := range views {
		watched.untilShows(wanted)
	}
}
