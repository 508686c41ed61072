package conformance

import (
	"fmt"
	"reflect"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

const sectionAcceptance = "Acceptance"

// acceptanceChecks and cancellationChecks walk every cell of the vendor's acceptance table.
func acceptanceChecks() []check {
	return []check{
		{"unknown: accept fails", sectionAcceptance, func(t *trial) { t.refused(t.accept(t.unknown()), proto.Failure) }},
		{"offered: accept is observed", sectionAcceptance, func(t *trial) { t.agree() }},
		{"observed: accept again is answered the same", sectionAcceptance, acceptAgain},
		{"observed: accept at the same time is answered the same", sectionAsking, acceptAtOnce},
		{"observed: another agreement fails", sectionAcceptance, acceptOther},
		{"offered: a part can be accepted", sectionAcceptance, acceptPart},
		{"offered: a lower price fails", sectionAcceptance, altered(func(agreement *sla.Agreement) {
			offer := agreement.Classes["web"]
			offer.Unit.PerHour.Micros--
			agreement.Classes["web"] = offer
		})},
		{"offered: a larger count fails", sectionAcceptance, altered(func(agreement *sla.Agreement) {
			offer := agreement.Classes["web"]
			offer.Count.Max++
			agreement.Classes["web"] = offer
		})},
		{"offered: a class that was not offered fails", sectionAcceptance, altered(func(agreement *sla.Agreement) {
			agreement.Classes["more"] = agreement.Classes["web"]
		})},
		{"offered: no class at all fails", sectionAcceptance, altered(func(agreement *sla.Agreement) { agreement.Classes = nil })},
		{"advisory: accept fails", sectionAcceptance, acceptAdvisory},
	}
}

func cancellationChecks() []check {
	return []check{
		{"unknown: cancel leaves a tombstone", sectionAcceptance, cancelUnknown},
		{"offered: cancel leaves a tombstone", sectionAcceptance, cancelOffered},
		{"offered: reject leaves a tombstone", sectionAcceptance, rejectOffered},
		{"observed: cancel terminates", sectionAcceptance, cancelObserved},
		{"observed: reject fails", sectionAcceptance, rejectObserved},
		{"observed: cancel of another agreement changes nothing", sectionAcceptance, cancelOther},
		{"accept and cancel at the same time end in no agreement", sectionAcceptance, acceptAndCancel},
		{"a cancellation that makes no sense is not understood", sectionAcceptance, func(t *trial) {
			message := made(t, proto.Cancel, proto.ContractNet, proto.Cancellation{})
			message.Body = []byte(`[]`)
			t.refused(t.ask(t.broker, proto.SubjectCommand(t.name), message), proto.NotUnderstood)
		}},
	}
}

// unknown is an agreement on a proposal that the vendor never made.
func (t *trial) unknown() sla.Agreement {
	proposal := t.propose(t.machines(1))
	proposal.ID = ulid.Make().String()
	return t.draft(proposal)
}

func acceptAgain(t *trial) {
	draft := t.draft(t.propose(t.machines(1)))
	first := t.observed(draft)
	if second := t.observed(draft); !reflect.DeepEqual(first, second) {
		t.fail("the second answer differs from the first")
	}
}

func acceptAtOnce(t *trial) {
	draft := t.draft(t.propose(t.machines(1)))
	t.agreements = append(t.agreements, draft)
	message := made(t, proto.AcceptProposal, proto.ContractNet, proto.Acceptance{Agreement: draft})
	message.Command = draft.ID
	answers := t.atOnce(copies, func() (proto.Message, error) {
		return t.asked(t.broker, proto.SubjectCommand(t.name), message)
	})
	for _, answer := range answers {
		if answer.Performative == proto.Agree {
			continue // under way
		}
		if agreement := content[sla.Agreement](t, answer, proto.Inform); agreement.ID != draft.ID || agreement.State != sla.AgreementObserved {
			t.fail("one of %d copies was answered with agreement %s, %s", copies, agreement.ID, agreement.State)
		}
	}
	t.observed(draft)
}

func acceptOther(t *trial) {
	proposal := t.propose(t.machines(1))
	first := t.draft(proposal)
	t.observed(first)
	t.refused(t.accept(t.draft(proposal)), proto.Failure)
	t.observed(first)
}

func acceptPart(t *trial) {
	call := t.callFor(map[string]descriptors.Class{"web": t.class(), "more": t.class()})
	proposal := t.propose(call)
	if len(proposal.Offers) < 2 {
		t.notApplicable("%s offers one of two classes", t.name)
	}
	draft := t.draft(proposal)
	delete(draft.Classes, "more")
	t.observed(draft)
}

// altered accepts something else than was offered.
func altered(change func(*sla.Agreement)) func(*trial) {
	return func(t *trial) {
		draft := t.draft(t.propose(t.machines(1)))
		change(&draft)
		t.refused(t.accept(draft), proto.Failure)
	}
}

func acceptAdvisory(t *trial) {
	call := t.machines(1)
	call.Advisory = true
	t.refused(t.accept(t.draft(t.propose(call))), proto.Failure)
}

// buried wants that a proposal is a tombstone: it is cancelled again, and accepted in vain.
func (t *trial) buried(draft sla.Agreement) {
	t.ended(t.cancel(proto.Cancellation{Proposal: draft.Proposal, Agreement: draft.ID}), "")
	answer := t.accept(draft)
	if answer.Performative == proto.Inform {
		t.fail("an acceptance was observed that came after its cancellation")
	}
	t.refused(answer, proto.Failure)
	t.ended(t.cancel(proto.Cancellation{Proposal: draft.Proposal, Agreement: draft.ID}), "")
}

func cancelUnknown(t *trial) {
	draft := t.unknown()
	t.ended(t.cancel(proto.Cancellation{Proposal: draft.Proposal, Agreement: draft.ID}), draft.ID)
	t.buried(draft)
}

func cancelOffered(t *trial) {
	draft := t.draft(t.propose(t.machines(1)))
	t.ended(t.cancel(proto.Cancellation{Proposal: draft.Proposal, Agreement: draft.ID}), draft.ID)
	t.buried(draft)
}

func rejectOffered(t *trial) {
	draft := t.draft(t.propose(t.machines(1)))
	t.ended(t.undo(proto.RejectProposal, proto.Cancellation{Proposal: draft.Proposal}), "")
	t.buried(draft)
}

func cancelObserved(t *trial) {
	draft := t.draft(t.propose(t.machines(1)))
	t.observed(draft)
	if agreement := t.ended(t.cancel(proto.Cancellation{Proposal: draft.Proposal, Agreement: draft.ID}), draft.ID); agreement.Ended.IsZero() {
		t.fail("the agreement does not say when it ended (ended)")
	}
	t.buried(draft)
}

func rejectObserved(t *trial) {
	draft := t.draft(t.propose(t.machines(1)))
	t.observed(draft)
	t.refused(t.undo(proto.RejectProposal, proto.Cancellation{Proposal: draft.Proposal}), proto.Failure)
	t.observed(draft)
}

func cancelOther(t *trial) {
	draft := t.draft(t.propose(t.machines(1)))
	t.observed(draft)
	other := ulid.Make().String()
	t.ended(t.cancel(proto.Cancellation{Proposal: draft.Proposal, Agreement: other}), other)
	t.observed(draft)
}

// acceptAndCancel sends both at the same time: whichever comes first, no agreement is left.
func acceptAndCancel(t *trial) {
	draft := t.draft(t.propose(t.machines(1)))
	accept := made(t, proto.AcceptProposal, proto.ContractNet, proto.Acceptance{Agreement: draft})
	accept.Command = draft.ID
	cancel := made(t, proto.Cancel, proto.ContractNet, proto.Cancellation{Proposal: draft.Proposal, Agreement: draft.ID})
	cancel.Command = ulid.Make().String()
	var group errgroup.Group
	for _, message := range []proto.Message{accept, cancel} {
		group.Go(func() error {
			_, err := t.asked(t.broker, proto.SubjectCommand(t.name), message)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.fail("%s", err)
	}
	t.buried(draft)
}

// lapsed looks at an offer whose time is up by the vendor's clock.
func lapsed(t *trial) {
	if t.lapsing == nil {
		t.fail("no offer was made at the beginning of the run")
	}
	left := time.Until(t.lapsing.ValidUntil)
	if left > t.Expiry {
		t.notApplicable("its offers stand too long to wait for: this one another %s", left.Round(time.Second))
	}
	if left > -time.Second {
		t.pause(left + time.Second)
	}
	draft := t.draft(*t.lapsing)
	t.refused(t.accept(draft), proto.Failure)
	t.ended(t.cancel(proto.Cancellation{Proposal: draft.Proposal, Agreement: draft.ID}), "")
	t.refused(t.accept(draft), proto.Failure)
	held := t.vendorStatus().Held
	if held.Instances < 0 || held.Cores < 0 {
		t.fail("less than nothing is held: %s", fmt.Sprint(held))
	}
}
