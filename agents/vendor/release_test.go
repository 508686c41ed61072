package vendor_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// agreedOnTwo is an agreement on a machine of one core and one of two.
func (h *house) agreedOnTwo() sla.Agreement {
	h.t.Helper()
	large := machine(exactly(1))
	large.Cores = 2
	return h.agree(map[string]descriptors.Class{"web": machine(exactly(1)), "db": large})
}

// release cancels an agreement for some of its classes.
func (h *house) release(agreement sla.Agreement, classes ...string) proto.Message {
	h.t.Helper()
	return h.cancel(proto.Cancellation{Proposal: agreement.Proposal, Agreement: agreement.ID, Classes: classes})
}

// holds compares what an agreement holds for, and what it takes of the capacity, with what it should.
func (h *house) holds(agreement sla.Agreement, state sla.AgreementState, cores int, classes ...string) {
	h.t.Helper()
	if got := slices.Sorted(maps.Keys(agreement.Classes)); agreement.State != state || !slices.Equal(got, classes) {
		h.t.Errorf("the agreement is %s for %v, want %s for %v", agreement.State, got, state, classes)
	}
	if used := h.status().Used; used.Cores != cores {
		h.t.Errorf("%d cores are used, want %d", used.Cores, cores)
	}
}

// TestAnAgreementEndsInParts follows one from two classes to none, every step of it twice and across a restart.
func TestAnAgreementEndsInParts(t *testing.T) {
	h := newHouse(t, nil)
	agreement := h.agreedOnTwo()
	h.done(orderFor(agreement, proto.VerbCreate, "web", 1))
	refusal := refused(t, h.release(agreement, "web"), proto.Failure, sla.RefusedState)
	if !strings.HasPrefix(refusal.Message, "web-1 still stand") || refusal.Hint == "" {
		t.Errorf("refused with %q, %q", refusal.Message, refusal.Hint)
	}
	refused(t, h.release(agreement, "db", "web"), proto.Failure, sla.RefusedState)
	h.holds(content[sla.Agreement](t, h.release(agreement, "cache")), sla.AgreementObserved, 3, "db", "web")

	for range 2 {
		left := content[sla.Agreement](t, h.release(agreement, "cache", "db"))
		h.holds(left, sla.AgreementObserved, 1, "web")
		for _, guarantee := range left.Guarantees {
			if guarantee.Class != "web" {
				t.Errorf("it still guarantees %+v", guarantee)
			}
		}
		h.restart()
	}
	refused(t, h.tell(orderFor(agreement, proto.VerbCreate, "db", 1)), proto.Refuse, sla.RefusedPermission)
	if status := h.done(orderFor(agreement, proto.VerbStop, "web", 2)); status.Agreement != agreement.ID {
		t.Errorf("what stays is %+v", status)
	}

	h.done(orderFor(agreement, proto.VerbDelete, "web", 3))
	ended := content[sla.Agreement](t, h.release(agreement, "web"))
	h.holds(ended, sla.AgreementTerminated, 0, "web")
	h.restart()
	for _, again := range []proto.Message{h.release(agreement, "web"), h.release(agreement, "db"), h.release(agreement)} {
		told := content[sla.Agreement](t, again)
		h.holds(told, sla.AgreementTerminated, 0, "web")
		if told.Ended.IsZero() || !told.Ended.Equal(ended.Ended) {
			t.Errorf("it ended at %s, and is told to have at %s", ended.Ended, told.Ended)
		}
	}
	refused(t, h.accept(agreement), proto.Failure, sla.RefusedConflict)
}

func TestAllPartsOfAnAgreementEndAtOnce(t *testing.T) {
	h := newHouse(t, nil)
	agreement := h.agreedOnTwo()
	h.holds(content[sla.Agreement](t, h.release(agreement, "db", "web")), sla.AgreementTerminated, 0, "db", "web")
	refused(t, h.tell(orderFor(agreement, proto.VerbCreate, "web", 1)), proto.Refuse, sla.RefusedState)
}

// TestAReleaseEndsNothingElse: one that names another agreement is about an acceptance that never took hold.
func TestAReleaseEndsNothingElse(t *testing.T) {
	h := newHouse(t, nil)
	agreement := h.agreedOnTwo()
	other := agreement
	other.ID = "other"
	if told := content[sla.Agreement](t, h.release(other, "db")); told.ID != "other" || told.State != sla.AgreementTerminated {
		t.Errorf("answered %+v", told)
	}
	h.holds(content[sla.Agreement](t, h.accept(agreement)), sla.AgreementObserved, 3, "db", "web")
}

// TestAReleaseOfUnknownOutcome lets the store fail on a release: until it is asked for again nothing begins under the
// agreement, and then it is done, whether or not it took hold the first time.
func TestAReleaseOfUnknownOutcome(t *testing.T) {
	for _, took := range []bool{true, false} {
		t.Run(fmt.Sprintf("took hold %t", took), func(t *testing.T) {
			var failing atomic.Bool
			h := newHouse(t, func(h *house) {
				h.log = zap.NewNop() // it fails on purpose
				h.options.Store = &flakyStore{fail: func() (bool, error) {
					if failing.Load() {
						return took, errors.New("the disk says nothing")
					}
					return true, nil
				}}
			})
			agreement := h.agreedOnTwo()
			failing.Store(true)
			if answer := h.release(agreement, "db"); answer.Performative != proto.Agree {
				t.Fatalf("answered %s, want no end", answer.Performative)
			}
			failing.Store(false)
			refused(t, h.tell(orderFor(agreement, proto.VerbCreate, "db", 1)), proto.Refuse, sla.RefusedState)
			h.holds(content[sla.Agreement](t, h.release(agreement, "db")), sla.AgreementObserved, 1, "web")
			h.restart()
			h.holds(content[sla.Agreement](t, h.release(agreement, "db")), sla.AgreementObserved, 1, "web")
			h.done(orderFor(agreement, proto.VerbCreate, "web", 1))
		})
	}
}
