package lifecycle_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/lifecycle"
)

type door string

const (
	open    door = "open"
	closed  door = "closed"
	locked  door = "locked"
	bricked door = "bricked up"
)

var doors = lifecycle.Table[door]{open: {closed}, closed: {open, locked, bricked}, locked: {closed}}

func TestMove(t *testing.T) {
	state := open
	if err := doors.Move(&state, closed); err != nil || state != closed {
		t.Errorf("%s, error %v", state, err)
	}
	if err := doors.Move(&state, bricked); err != nil || !doors.Final(state) {
		t.Errorf("%s, error %v", state, err)
	}
	err := doors.Move(&state, open)
	if !errors.Is(err, lifecycle.ErrIllegalMove) || err.Error() != `illegal move: from "bricked up" to "open"` || state != bricked {
		t.Errorf("%s, error %v", state, err)
	}
}

func TestWalks(t *testing.T) {
	walk(t, doors, open, "no such state")
	walk(t, descriptors.CallStates, descriptors.CallOpen, "")
	walk(t, descriptors.DeploymentStates, descriptors.DeploymentPlanned, "")
}

// walk moves at random through a table, to states of the table and others, and holds every move against the table.
// Every state must be reachable and every walk must be able to end.
func walk[S ~string](t *testing.T, table lifecycle.Table[S], start S, others ...S) {
	t.Helper()
	states := append(slices.Sorted(maps.Keys(table)), others...)
	for _, followers := range table {
		states = append(states, followers...)
	}
	rapid.Check(t, func(t *rapid.T) {
		state := start
		for range rapid.IntRange(1, 20).Draw(t, "moves") {
			before, next := state, rapid.SampledFrom(states).Draw(t, "next")
			err := table.Move(&state, next)
			switch listed := slices.Contains(table[before], next); {
			case listed != table.Allows(before, next):
				t.Fatalf("%s to %s: listed %v, allowed %v", before, next, listed, !listed)
			case listed && (err != nil || state != next):
				t.Fatalf("%s to %s: at %s, error %v", before, next, state, err)
			case !listed && (!errors.Is(err, lifecycle.ErrIllegalMove) || state != before):
				t.Fatalf("%s to %s, which is illegal: at %s, error %v", before, next, state, err)
			}
			if table.Final(state) != (len(table[state]) == 0) {
				t.Fatalf("%s is final: %v", state, table.Final(state))
			}
		}
	})
	reached := map[S]bool{}
	reach(table, start, reached)
	for state := range table {
		if !reached[state] {
			t.Errorf("%s is never reached from %s", state, start)
		}
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(reached)), table.Final) {
		t.Errorf("nothing ends a walk from %s", start)
	}
}

func reach[S ~string](table lifecycle.Table[S], state S, reached map[S]bool) {
	reached[state] = true
	for _, next := range table[state] {
		if !reached[next] {
			reach(table, next, reached)
		}
	}
}

func Example() {
	state := descriptors.DeploymentPlanned
	fmt.Println(descriptors.DeploymentStates.Move(&state, descriptors.DeploymentRunning))
	fmt.Println(descriptors.DeploymentStates.Move(&state, descriptors.DeploymentProvisioning), state)
	// Output:
	// illegal move: from "planned" to "running"
	// <nil> provisioning
}
