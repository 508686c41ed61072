package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// testModel does random things to a store and to a map, and compares.
func testModel(t *testing.T, engine Engine) {
	rapid.Check(t, func(r *rapid.T) {
		m := &model{t, engine, engine.Open(t), make(map[string]services.Entry), make(map[string]uint64)}
		defer func() {
			if err := m.store.Close(); err != nil {
				r.Errorf("close: %v", err)
			}
		}()
		r.Repeat(map[string]func(*rapid.T){
			"commit": m.commit,
			"list":   m.list,
			"reopen": m.reopen,
			"":       m.compare,
		})
	})
}

type model struct {
	test   *testing.T
	engine Engine
	store  services.Store
	// standing is what the store must hold, last the last revision of each key, also of one that was deleted.
	standing map[string]services.Entry
	last     map[string]uint64
}

// modelKeys are few, so that commits meet.
var modelKeys = rapid.SampledFrom([]string{"a", "a.a", "a.b", "a.b.c", "a-.a", "ab", "b", "b.a"})

func (m *model) commit(r *rapid.T) {
	changes := rapid.SliceOfNDistinct(rapid.Custom(m.change), 1, 5, func(c services.Change) string { return c.Key }).Draw(r, "changes")
	wrong := slices.ContainsFunc(changes, func(c services.Change) bool {
		return !c.Any && c.Expect != m.standing[c.Key].Revision
	})
	err := m.store.Commit(m.test.Context(), changes...)
	if wrong != errors.Is(err, services.ErrRevision) || !wrong && err != nil {
		r.Fatalf("commit of %s: %v", describe(changes), err)
	}
	if wrong {
		return
	}
	for _, change := range changes {
		if change.Delete {
			delete(m.standing, change.Key)
			continue
		}
		entry, err := m.store.Get(m.test.Context(), change.Key)
		if err != nil {
			r.Fatal(err)
		}
		if string(entry.Value) != string(change.Value) || entry.Revision <= m.last[change.Key] {
			r.Fatalf("put %q, got %q of revision %d", change.Value, entry.Value, entry.Revision)
		}
		m.standing[change.Key], m.last[change.Key] = entry, entry.Revision
	}
}

// change is one that mostly expects what stands there.
func (m *model) change(r *rapid.T) services.Change {
	key := modelKeys.Draw(r, "key")
	standing := m.standing[key].Revision
	return services.Change{
		Key:    key,
		Expect: rapid.SampledFrom([]uint64{standing, standing, standing, 0, standing + 1, max(standing, 1) - 1}).Draw(r, "expect"),
		Any:    rapid.SampledFrom([]bool{false, false, true}).Draw(r, "any"),
		Value:  rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(r, "value"),
		Delete: rapid.SampledFrom([]bool{false, false, true}).Draw(r, "delete"),
	}
}

func (m *model) list(r *rapid.T) {
	prefix := rapid.SampledFrom([]string{"", "a.", "a.b.", "a-.", "ab.", "b.", "c."}).Draw(r, "prefix")
	entries, err := m.store.List(m.test.Context(), prefix)
	if err != nil {
		r.Fatal(err)
	}
	var wanted []string
	for _, key := range slices.Sorted(maps.Keys(m.standing)) {
		if strings.HasPrefix(key, prefix) {
			wanted = append(wanted, describeEntry(m.standing[key]))
		}
	}
	var got []string
	for _, entry := range entries {
		got = append(got, describeEntry(entry))
	}
	if !slices.Equal(got, wanted) {
		r.Fatalf("list %q: %v, wanted %v", prefix, got, wanted)
	}
}

func (m *model) reopen(r *rapid.T) {
	if err := m.store.Close(); err != nil {
		r.Fatal(err)
	}
	m.store = m.engine.Reopen(m.test, m.store)
}

// compare holds after every step: each key is as it should be.
func (m *model) compare(r *rapid.T) {
	entries, err := m.store.List(m.test.Context(), "")
	if err != nil {
		r.Fatal(err)
	}
	if len(entries) != len(m.standing) {
		r.Fatalf("%d entries, wanted %d", len(entries), len(m.standing))
	}
	for _, entry := range entries {
		if describeEntry(entry) != describeEntry(m.standing[entry.Key]) {
			r.Fatalf("%s, wanted %s", describeEntry(entry), describeEntry(m.standing[entry.Key]))
		}
	}
}

func describeEntry(entry services.Entry) string {
	return fmt.Sprintf("%s=%x@%d", entry.Key, entry.Value, entry.Revision)
}

func describe(changes []services.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, fmt.Sprintf("%s expect %d any %t delete %t", c.Key, c.Expect, c.Any, c.Delete))
	}
	return strings.Join(all, "; ")
}
