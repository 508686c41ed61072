package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

func testValues(t *testing.T, engine Engine) {
	b := engine.bench(t)
	if _, err := b.Get(t.Context(), "a.b"); !errors.Is(err, services.ErrNoKey) {
		t.Errorf("get of nothing: %v", err)
	}
	given := []byte("one\x00\xff")
	b.mustCommit(services.Change{Key: "a.b", Value: given}, services.Change{Key: "nil"}, put("empty", ""))
	given[0] = 'X'
	got := b.mustGet("a.b")
	if string(got.Value) != "one\x00\xff" {
		t.Errorf("got %q", got.Value)
	}
	got.Value[0] = 'X'
	if again := b.mustGet("a.b"); string(again.Value) != "one\x00\xff" {
		t.Errorf("a value that was handed out changed the store: %q", again.Value)
	}
	for _, key := range []string{"nil", "empty"} {
		if entry := b.mustGet(key); len(entry.Value) != 0 {
			t.Errorf("%s: got %q", key, entry.Value)
		}
	}
	b.mustCommit(remove("a.b"))
	if _, err := b.Get(t.Context(), "a.b"); !errors.Is(err, services.ErrNoKey) {
		t.Errorf("get of what was deleted: %v", err)
	}
	if _, err := b.Get(t.Context(), "a..b"); err == nil || errors.Is(err, services.ErrNoKey) {
		t.Errorf("get of a bad key: %v", err)
	}
}

func testExpectations(t *testing.T, engine Engine) {
	b := engine.bench(t)
	b.mustCommit(put("there", "1"))
	old := b.mustGet("there").Revision
	b.mustCommit(put("there", "2"))
	standing := b.mustGet("there").Revision

	for name, wrong := range map[string]services.Change{
		"put where something is":             {Key: "there", Value: []byte("x")},
		"put on an old revision":             {Key: "there", Value: []byte("x"), Expect: old},
		"put on a revision yet to come":      {Key: "there", Value: []byte("x"), Expect: standing + 1000},
		"put on a revision where nothing is": {Key: "missing", Value: []byte("x"), Expect: standing},
		"delete of an old revision":          {Key: "there", Delete: true, Expect: old},
		"delete expecting nothing":           {Key: "there", Delete: true},
		"delete of a revision of nothing":    {Key: "missing", Delete: true, Expect: standing},
	} {
		if err := b.Commit(t.Context(), wrong); !errors.Is(err, services.ErrRevision) {
			t.Errorf("%s: %v", name, err)
		}
		if entry := b.mustGet("there"); string(entry.Value) != "2" || entry.Revision != standing {
			t.Fatalf("%s: changed to %q, revision %d", name, entry.Value, entry.Revision)
		}
	}
	b.mustCommit(services.Change{Key: "missing", Delete: true})
	b.mustCommit(remove("missing"))
	b.mustCommit(services.Change{Key: "there", Value: []byte("3"), Expect: standing})
	b.mustCommit(services.Change{Key: "there", Delete: true, Expect: b.mustGet("there").Revision})
	b.mustCommit(services.Change{Key: "there", Value: []byte("4")})
	if entry := b.mustGet("there"); string(entry.Value) != "4" {
		t.Errorf("got %q", entry.Value)
	}
	if keys := b.mustList(""); !slices.Equal(keys, []string{"there"}) {
		t.Errorf("left: %v", keys)
	}
}

func testRevisions(t *testing.T, engine Engine) {
	b := engine.bench(t)
	last := uint64(0)
	for range 5 {
		b.mustCommit(put("a", "x"), put("b", "x"))
		for range 2 {
			revision := b.mustGet("a").Revision
			if revision <= last {
				t.Fatalf("revision %d after %d", revision, last)
			}
			last = revision
			b.mustCommit(put("a", "same"))
		}
		last = b.mustGet("a").Revision
		b.mustCommit(remove("a"))
	}
}

func testListing(t *testing.T, engine Engine) {
	b := engine.bench(t)
	keys := []string{"a", "a.b", "a.b.c", "a.c.d", "ab", "ab.c", "A.b", "a-b.c", "a_b.c", "a0.b", "b.a", "a.-", "a._", "a.Z"}
	for _, key := range keys {
		b.mustCommit(put(key, "value of "+key))
	}
	slices.Sort(keys)
	for _, prefix := range []string{"", "a.", "a.b.", "a.b.c.", "ab.", "A.", "a-b.", "b.", "nothing."} {
		var wanted []string
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				wanted = append(wanted, key)
			}
		}
		if got := b.mustList(prefix); !slices.Equal(got, wanted) {
			t.Errorf("list %q: %v, wanted %v", prefix, got, wanted)
		}
		for limit := 1; limit <= len(wanted)+1; limit++ {
			if got := b.mustPages(prefix, limit); !slices.Equal(got, wanted) {
				t.Errorf("pages of %d below %q: %v, wanted %v", limit, prefix, got, wanted)
			}
		}
	}
	entries, err := b.List(t.Context(), "a.b.")
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	if got := entries[0]; string(got.Value) != "value of a.b.c" || got.Revision != b.mustGet("a.b.c").Revision || got.Deleted {
		t.Errorf("listed %+v", got)
	}
	for _, prefix := range []string{"a", ".", "a..", ".a.", "a*.", "a.b"} {
		if _, err := b.List(t.Context(), prefix); err == nil {
			t.Errorf("list %q was not refused", prefix)
		}
	}
}

func testReopening(t *testing.T, engine Engine) {
	b := engine.bench(t)
	b.mustCommit(put("kept", "1"), put("gone", "1"))
	b.mustCommit(put("kept", "2"))
	b.mustCommit(put("last", "1"))
	kept, last := b.mustGet("kept"), b.mustGet("last").Revision
	b.mustCommit(remove("gone"), remove("last"))
	for range 3 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = bench{t, engine.Reopen(t, b.Store)}
		t.Cleanup(func() { _ = b.Close() })
		if got := b.mustGet("kept"); string(got.Value) != "2" || got.Revision != kept.Revision {
			t.Fatalf("was %+v, is %+v", kept, got)
		}
		if keys := b.mustList(""); !slices.Equal(keys, []string{"kept"}) {
			t.Fatalf("left: %v", keys)
		}
		b.mustCommit(services.Change{Key: "last"})
		revision := b.mustGet("last").Revision
		if revision <= last {
			t.Fatalf("revision %d after %d", revision, last)
		}
		last = revision
		b.mustCommit(remove("last"))
	}
}
