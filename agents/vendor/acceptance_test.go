package vendor_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// leg is one proposal as a broker takes it.
type leg struct {
	*house
	agreement sla.Agreement
}

func (l *leg) accepted() {
	l.t.Helper()
	agreement := content[sla.Agreement](l.t, l.accept(l.agreement))
	if agreement.ID != l.agreement.ID || agreement.State != sla.AgreementObserved || agreement.Agreed.IsZero() {
		l.t.Fatalf("accepted as %+v", agreement)
	}
}

func (l *leg) notAccepted() {
	l.t.Helper()
	answer := l.accept(l.agreement)
	if _, is := proto.AsRefusal(answer); !is || answer.Performative != proto.Failure {
		l.t.Fatalf("the acceptance was answered %s, want failure", answer.Performative)
	}
}

func (l *leg) cancelled() {
	l.t.Helper()
	answer := l.cancel(proto.Cancellation{Proposal: l.agreement.Proposal, Agreement: l.agreement.ID})
	agreement := content[sla.Agreement](l.t, answer)
	if agreement.ID != l.agreement.ID || agreement.State != sla.AgreementTerminated || agreement.Ended.IsZero() {
		l.t.Fatalf("cancelled as %+v", agreement)
	}
}

// TestAcceptanceTable walks every cell of the vendor's acceptance table, each a second time, and once more after the
// agent was started anew.
func TestAcceptanceTable(t *testing.T) {
	offered := func(h *house) *leg { return &leg{h, agreementOn(h.propose(machines(exactly(1))))} }
	states := map[string]func(*house) *leg{
		"unknown": func(h *house) *leg { return &leg{h, agreementOn(sla.Proposal{ID: ulid.Make().String()})} },
		"offered": offered,
		"observed": func(h *house) *leg {
			l := offered(h)
			l.accepted()
			return l
		},
		"expired": func(h *house) *leg {
			l := offered(h)
			h.later(time.Hour)
			return l
		},
		"tombstone": func(h *house) *leg {
			l := offered(h)
			l.cancelled()
			return l
		},
		"terminated": func(h *house) *leg {
			l := offered(h)
			l.accepted()
			l.cancelled()
			return l
		},
	}
	cells := []struct {
		state, event string
		answered     func(*leg)
		used         int
	}{
		{"unknown", "accept", (*leg).notAccepted, 0},
		{"offered", "accept", (*leg).accepted, 1},
		{"observed", "accept", (*leg).accepted, 1},
		{"expired", "accept", (*leg).notAccepted, 0},
		{"tombstone", "accept", (*leg).notAccepted, 0},
		{"terminated", "accept", (*leg).notAccepted, 0},
		{"unknown", "cancel", (*leg).cancelled, 0},
		{"offered", "cancel", (*leg).cancelled, 0},
		{"observed", "cancel", (*leg).cancelled, 0},
		{"expired", "cancel", (*leg).cancelled, 0},
		{"tombstone", "cancel", (*leg).cancelled, 0},
		{"terminated", "cancel", (*leg).cancelled, 0},
	}
	for _, cell := range cells {
		t.Run(cell.state+" "+cell.event, func(t *testing.T) {
			h := newHouse(t, nil)
			l := states[cell.state](h)
			look := func(when string) {
				t.Helper()
				cell.answered(l)
				if status := h.status(); status.Used.Cores != cell.used || status.Held.Cores != 0 {
					t.Fatalf("%s: %d cores used, %d held", when, status.Used.Cores, status.Held.Cores)
				}
			}
			look("first")
			look("repeated")
			h.restart()
			if status := h.status(); status.Used.Cores != cell.used || status.Held.Cores != 0 {
				t.Fatalf("restarted: %d cores used, %d held", status.Used.Cores, status.Held.Cores)
			}
			look("after a restart")
			if cell.event == "cancel" {
				l.notAccepted()
				h.restart()
				l.notAccepted()
			}
		})
	}
}

// TestAcceptanceModel does whatever a broker, the clock and crashes may do to a few proposals in any order, and compares
// with the table.
func TestAcceptanceModel(t *testing.T) {
	h := newHouse(t, func(h *house) { h.cloud.capacity.Cores = 1000 })
	const validity = 5 * time.Minute
	rapid.Check(t, func(r *rapid.T) {
		type known struct {
			leg   *leg
			state string
			until time.Time
		}
		var all []*known
		pick := func(r *rapid.T) *known {
			if len(all) == 0 {
				r.Skip("nothing offered yet")
			}
			one := all[rapid.IntRange(0, len(all)-1).Draw(r, "proposal")]
			if one.state == "offered" && h.now().After(one.until) {
				one.state = "expired"
			}
			return one
		}
		r.Repeat(map[string]func(*rapid.T){
			"offer": func(*rapid.T) {
				proposal := h.propose(machines(exactly(1)))
				all = append(all, &known{&leg{h, agreementOn(proposal)}, "offered", proposal.ValidUntil})
			},
			"invent": func(*rapid.T) {
				all = append(all, &known{leg: &leg{h, agreementOn(sla.Proposal{ID: ulid.Make().String()})}, state: "unknown"})
			},
			"accept": func(r *rapid.T) {
				switch one := pick(r); one.state {
				case "offered", "observed":
					one.leg.accepted()
					one.state = "observed"
				default:
					one.leg.notAccepted()
				}
			},
			"cancel": func(r *rapid.T) {
				one := pick(r)
				one.leg.cancelled()
				one.state = "ended"
			},
			"wait": func(*rapid.T) { h.later(validity + time.Second) },
			"crash": func(r *rapid.T) {
				if !rapid.Bool().Draw(r, "really") {
					return
				}
				h.restart()
				for _, one := range all {
					if one.state == "offered" { // it may have been lost, which the model cannot know
						one.leg.cancelled()
						one.state = "ended"
					}
				}
			},
			"": func(r *rapid.T) {
				held, used := 0, 0
				for _, one := range all {
					switch {
					case one.state == "observed":
						used++
					case one.state == "offered" && !h.now().After(one.until):
						held++
					}
				}
				if status := h.status(); status.Held.Cores != held || status.Used.Cores != used {
					r.Fatalf("%d held and %d used, the model has %d and %d", status.Held.Cores, status.Used.Cores, held, used)
				}
			},
		})
		for _, one := range all {
			one.leg.cancelled()
		}
	})
}

func TestHeldAndUsedSurviveARestartExactly(t *testing.T) {
	h := newHouse(t, func(h *house) {
		h.cloud.capacity = vendormodules.Usage{Instances: 50, Cores: 50, Memory: 1 << 40, Storage: 1 << 40}
	})
	big := machine(exactly(2))
	big.Cores, big.Memory = 3, 1<<30
	proposal := h.propose(callFor(map[string]descriptors.Class{"web": machine(exactly(4)), "big": big}))
	part := agreementOn(proposal)
	part.Classes = map[string]sla.Offer{"big": proposal.Offers["big"]} // the rest is let go
	content[sla.Agreement](t, h.accept(part))
	h.propose(machines(exactly(5)))
	h.eventually("the offers are written", func() error {
		entries, err := h.store.List(t.Context(), "proposals.")
		if err == nil && len(entries) < 2 {
			err = fmt.Errorf("%d of 2", len(entries))
		}
		return err
	})
	before := h.status()
	want := vendormodules.Usage{Instances: 2, Cores: 6, Memory: 2 << 30}
	if before.Used != want || before.Held.Cores != 5 {
		t.Fatalf("%+v used, %+v held", before.Used, before.Held)
	}
	h.restart()
	if after := h.status(); after.Used != before.Used || after.Held != before.Held {
		t.Errorf("%+v used and %+v held after %+v and %+v", after.Used, after.Held, before.Used, before.Held)
	}
	h.later(time.Hour)
	if after := h.status(); after.Used != want || after.Held != (vendormodules.Usage{}) {
		t.Errorf("%+v used and %+v held after the offers ran out", after.Used, after.Held)
	}
}

func TestAnAcceptanceMustBeOfWhatWasOffered(t *testing.T) {
	h := newHouse(t, nil)
	proposal := h.propose(machines(exactly(1)))
	cheaper, none, nowhere := agreementOn(proposal), agreementOn(proposal), agreementOn(proposal)
	offer := proposal.Offers["web"]
	offer.Unit.PerHour.Micros--
	cheaper.Classes = map[string]sla.Offer{"web": offer}
	none.Classes = map[string]sla.Offer{}
	nowhere.Deployment = "a.b"
	for name, agreement := range map[string]sla.Agreement{"cheaper": cheaper, "no class": none, "no deployment": nowhere} {
		t.Run(name, func(t *testing.T) { refused(t, h.accept(agreement), proto.Failure, sla.RefusedBadRequest) })
	}
	accepted := content[sla.Agreement](t, h.accept(agreementOn(proposal)))
	if len(accepted.Guarantees) == 0 {
		t.Error("the agreement guarantees nothing")
	}
	t.Run("another agreement", func(t *testing.T) {
		refused(t, h.accept(agreementOn(proposal)), proto.Failure, sla.RefusedConflict)
	})
	t.Run("an id used before", func(t *testing.T) {
		again := agreementOn(h.propose(machines(exactly(1))))
		again.ID = accepted.ID
		refused(t, h.accept(again), proto.Failure, sla.RefusedConflict)
	})
	if used := h.status().Used.Cores; used != 1 {
		t.Errorf("%d cores used", used)
	}
}

func TestACancellationEndsNoOtherAgreement(t *testing.T) {
	h := newHouse(t, nil)
	proposal := h.propose(machines(exactly(1)))
	agreement := agreementOn(proposal)
	content[sla.Agreement](t, h.accept(agreement))
	other := content[sla.Agreement](t, h.cancel(proto.Cancellation{Proposal: proposal.ID, Agreement: "other"}))
	if other.ID != "other" || other.State != sla.AgreementTerminated {
		t.Errorf("answered %+v", other)
	}
	reject := message(t, proto.RejectProposal, "reject", proto.Cancellation{Proposal: proposal.ID})
	refused(t, h.ask(h.broker, proto.SubjectCommand(vendorName), reject), proto.Failure, sla.RefusedState)
	if again := content[sla.Agreement](t, h.accept(agreement)); again.State != sla.AgreementObserved {
		t.Errorf("the agreement is %s", again.State)
	}
	byAgreement := content[sla.Agreement](t, h.cancel(proto.Cancellation{Agreement: agreement.ID}))
	if byAgreement.ID != agreement.ID || byAgreement.State != sla.AgreementTerminated {
		t.Errorf("answered %+v", byAgreement)
	}
}

func TestAnAgreementEndsOnceItsResourcesAreGone(t *testing.T) {
	h := newHouse(t, nil)
	agreement, _, _ := h.create()
	cancellation := proto.Cancellation{Proposal: agreement.Proposal, Agreement: agreement.ID}
	refusal := refused(t, h.cancel(cancellation), proto.Failure, sla.RefusedState)
	if refusal.Hint == "" {
		t.Error("the refusal says no way out")
	}
	h.done(orderFor(agreement, proto.VerbDelete, "web", 2))
	content[sla.Agreement](t, h.cancel(cancellation))
	late := orderFor(agreement, proto.VerbCreate, "web", 1)
	late.Resource.Generation = 2
	refused(t, h.tell(late), proto.Refuse, sla.RefusedState)
}

// TestACommitOfUnknownOutcome lets the store take an acceptance and say that it failed. The offer runs out before the
// broker asks again, which must find it decided as it was, and its capacity not given away.
func TestACommitOfUnknownOutcome(t *testing.T) {
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
			agreement := agreementOn(h.propose(machines(exactly(4))))
			failing.Store(true)
			if answer := h.accept(agreement); answer.Performative != proto.Agree {
				t.Fatalf("answered %s, want no end", answer.Performative)
			}
			failing.Store(false)
			h.later(time.Hour)
			refused(t, h.call(machines(exactly(1))), proto.Refuse, sla.RefusedCapacity)
			content[sla.Agreement](t, h.accept(agreement))
			h.restart()
			if used := h.status().Used.Cores; used != 4 {
				t.Errorf("%d cores used", used)
			}
		})
	}
}

// TestOldRecordsAreForgotten looks that what ended is remembered for a day and no longer, in memory and in the store.
func TestOldRecordsAreForgotten(t *testing.T) {
	h := newHouse(t, func(h *house) { h.options.SweepEvery = 10 * time.Millisecond })
	count := func(prefix string) int {
		entries, err := h.store.List(t.Context(), prefix)
		must(t, err)
		return len(entries)
	}
	becomes := func(prefix string, want int) {
		t.Helper()
		h.eventually(fmt.Sprintf("%s are %d", prefix, want), func() error {
			if got := count(prefix); got != want {
				return fmt.Errorf("they are %d", got)
			}
			return nil
		})
	}
	agreement, create, _ := h.create()
	remove := orderFor(agreement, proto.VerbDelete, "web", 2)
	h.done(remove)
	for range 3 {
		content[sla.Agreement](t, h.cancel(proto.Cancellation{Proposal: ulid.Make().String()}))
	}
	h.propose(machines(exactly(1)))
	becomes("proposals.", 5)
	h.later(10 * time.Minute) // the offer lapses
	becomes("proposals.", 4)

	h.later(25 * time.Hour)
	becomes("proposals.", 1) // the agreement, in force
	becomes("commands.", 1)  // the delete, so that neither comes to life again
	if answer := h.tell(create); answer.Performative != proto.Refuse {
		t.Errorf("the create of yesterday was answered %s", answer.Performative)
	}
	if answer := h.tell(remove); answer.Performative != proto.Inform {
		t.Errorf("the delete of yesterday was answered %s", answer.Performative)
	}
	content[sla.Agreement](t, h.cancel(proto.Cancellation{Agreement: agreement.ID}))
	h.later(25 * time.Hour)
	for _, prefix := range []string{"proposals.", "commands.", "resources."} {
		becomes(prefix, 0)
	}
	refused(t, h.tell(create), proto.Refuse, sla.RefusedPermission)
	if made := h.cloud.called("create"); made != 1 {
		t.Errorf("created %d times", made)
	}
}

func TestAnAgentThatIsGoneIsAbsent(t *testing.T) {
	h := newHouse(t, nil)
	h.stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := h.broker.Ask(ctx, proto.SubjectCall(vendorName), message(t, proto.CallForProposal, "", machines(exactly(1))))
	if !errors.Is(err, bus.ErrAbsent) {
		t.Errorf("asked and got %v", err)
	}
}
