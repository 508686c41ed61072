package store

import (
	"errors"
	"slices"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

func TestOneOfAGroupFailsAlone(t *testing.T) {
	commits := [][]services.Change{
		{{Key: "a", Expect: 5, Value: []byte("1")}},                                      // holds: a becomes 11
		{{Key: "b", Value: []byte("2")}, {Key: "a", Expect: 5, Value: []byte("2")}},      // a is 11 by now
		{{Key: "b", Value: []byte("3")}},                                                 // b is not there, the commit before failed: 12
		{{Key: "a", Expect: 11, Delete: true}, {Key: "c", Any: true, Delete: true}},      // 13; c is not there
		{{Key: "a", Value: []byte("5")}, {Key: "b", Expect: 12, Value: []byte("5")}},     // 14, 15
		{{Key: "d", Delete: true}, {Key: "b", Expect: 12, Delete: true}},                 // b is 15 by now
		{{Key: "e", Any: true, Value: []byte("7")}, {Key: "x", Delete: true, Any: true}}, // 16, 17
	}
	joined := &group{revision: 10, faults: make([]error, len(commits))}
	for _, changes := range commits {
		joined.requests = append(joined.requests, request{changes: changes})
	}
	joined.decide(map[string]uint64{"a": 5, "x": 7})

	for i, fails := range []bool{false, true, false, false, false, true, false} {
		if errors.Is(joined.faults[i], services.ErrRevision) != fails {
			t.Errorf("commit %d: %v", i, joined.faults[i])
		}
	}
	var made []string
	for _, entry := range joined.changed {
		made = append(made, entry.Key+string(entry.Value))
	}
	if wanted := []string{"a1", "b3", "a", "a5", "b5", "e7", "x"}; !slices.Equal(made, wanted) || joined.revision != 17 {
		t.Errorf("made %v up to revision %d, wanted %v up to 17", made, joined.revision, wanted)
	}
	puts, deletes := joined.outcome()
	if len(puts) != 3 || puts[0].Revision != 14 || puts[1].Revision != 15 || puts[2].Revision != 16 || !slices.Equal(deletes, []string{"x"}) {
		t.Errorf("puts %+v, deletes %v", puts, deletes)
	}
}
