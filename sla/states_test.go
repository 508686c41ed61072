package sla_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors/lifecycle"
	"github.com/cloud-agency/agency/sla"
)

func TestProposalStates(t *testing.T) {
	checkMachine(t, sla.ProposalStates, sla.ProposalOffered,
		[]sla.ProposalState{
			sla.ProposalOffered, sla.ProposalObserved, sla.ProposalRefused, sla.ProposalExpired, sla.ProposalTombstone,
			sla.ProposalTerminated, sla.ProposalComplete,
		},
		[]sla.ProposalState{sla.ProposalTombstone, sla.ProposalTerminated, sla.ProposalComplete})
	// A cancellation is final: nothing makes an observed proposal of a tombstone, and nothing but an end of an observed one.
	for _, from := range []sla.ProposalState{sla.ProposalTombstone, sla.ProposalRefused, sla.ProposalExpired} {
		if sla.ProposalStates.Allows(from, sla.ProposalObserved) {
			t.Errorf("%s becomes observed", from)
		}
	}
	if sla.ProposalStates.Allows(sla.ProposalObserved, sla.ProposalExpired) {
		t.Error("an observed proposal expires")
	}
}

func TestAttemptStates(t *testing.T) {
	checkMachine(t, sla.AttemptStates, sla.AttemptAccepting,
		[]sla.AttemptState{
			sla.AttemptAccepting, sla.AttemptCommitted, sla.AttemptUndoing, sla.AttemptUndone, sla.AttemptAbandoned,
		},
		[]sla.AttemptState{sla.AttemptCommitted, sla.AttemptUndone, sla.AttemptAbandoned})
	if sla.AttemptStates.Allows(sla.AttemptUndoing, sla.AttemptCommitted) {
		t.Error("a late answer commits what is being undone")
	}
}

func TestAgreementStates(t *testing.T) {
	checkMachine(t, sla.AgreementStates, sla.AgreementPending,
		[]sla.AgreementState{
			sla.AgreementPending, sla.AgreementObserved, sla.AgreementComplete, sla.AgreementTerminated, sla.AgreementRejected,
		},
		[]sla.AgreementState{sla.AgreementComplete, sla.AgreementTerminated, sla.AgreementRejected})
	if sla.AgreementStates.Allows(sla.AgreementObserved, sla.AgreementRejected) {
		t.Error("an observed agreement is rejected")
	}
}

// checkMachine checks that the table knows just these states, reaches all of them from the first, ends in just the final
// ones, and that a random walk moves exactly where the table allows.
func checkMachine[S ~string](t *testing.T, table lifecycle.Table[S], first S, all, final []S) {
	t.Helper()
	reached := map[S]bool{first: true}
	for queue := []S{first}; len(queue) > 0; queue = queue[1:] {
		for _, next := range table[queue[0]] {
			if !reached[next] {
				reached[next] = true
				queue = append(queue, next)
			}
		}
	}
	if got, want := slices.Sorted(maps.Keys(reached)), slices.Sorted(slices.Values(all)); !slices.Equal(got, want) {
		t.Errorf("reaches %v, want %v", got, want)
	}
	for from := range table {
		if !reached[from] {
			t.Errorf("table has %q, which is never reached", string(from))
		}
	}
	for _, state := range all {
		if table.Final(state) != slices.Contains(final, state) {
			t.Errorf("%q final: %v", string(state), table.Final(state))
		}
	}
	rapid.Check(t, func(t *rapid.T) { walk(t, table, first, append(slices.Clone(all), "nonsense")) })
}

func walk[S ~string](t *rapid.T, table lifecycle.Table[S], first S, targets []S) {
	state := first
	for range 12 {
		before, next := state, rapid.SampledFrom(targets).Draw(t, "next")
		err := table.Move(&state, next)
		if slices.Contains(table[before], next) {
			if err != nil || state != next {
				t.Fatalf("from %q to %q: %v, now %q", string(before), string(next), err, string(state))
			}
			continue
		}
		if !errors.Is(err, lifecycle.ErrIllegalMove) || state != before {
			t.Fatalf("from %q to %q: %v, now %q", string(before), string(next), err, string(state))
		}
	}
}
