package conformance

import (
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

const (
	sectionCall     = "A call for proposals"
	sectionAsking   = "Asking"
	sectionContents = "Contents"
)

func callChecks() []check {
	return []check{
		{"a call is answered with a proposal", sectionCall, proposes},
		{"what it cannot do it refuses with a code", sectionCall, refusesImpossible},
		{"each class is offered or refused", sectionCall, coversClasses},
		{"a currency without prices is refused", sectionCall, refusesCurrency},
		{"the same call gets the same proposal", sectionCall, sameProposal},
		{"the same call at the same time gets one proposal", sectionAsking, sameProposalAtOnce},
		{"another round gets another proposal", sectionCall, nextRound},
		{"an advisory call holds nothing", sectionCall, advisoryHoldsNothing},
		{"a cancelled offer is held no more", sectionCall, cancelledFreesCapacity},
		{"no capacity is offered twice", sectionCall, offersOnce},
		{"a body that is no JSON is not understood", sectionContents, badBody("{")},
		{"a body with a name that stands twice is not understood", sectionContents, badBody(`{"id":"a","id":"b"}`)},
		{"another kind of content is not understood", sectionContents, otherKind},
		{"a later version of content is not understood", sectionContents, laterVersion},
		{"names that are not known are ignored", sectionContents, ignoresUnknown},
	}
}

func proposes(t *trial) {
	proposal := t.propose(t.machines(1))
	if !proposal.Held {
		t.fail("the proposal is not held, and the call was not advisory")
	}
	if !proposal.ValidUntil.After(time.Now()) {
		t.fail("the proposal is valid until %s, which is past", proposal.ValidUntil.Format(time.RFC3339))
	}
}

// impossible is a class that no vendor has.
func (t *trial) impossible() descriptors.Class {
	return descriptors.Class{
		Type: descriptors.Compute, Image: "an-image-that-nobody-has", Cores: 1024, Memory: 1 << 60, Count: quantity.Range{Min: 1, Max: 1},
		Place: descriptors.Placement{Country: descriptors.Names{"AQ"}, Region: descriptors.Names{"the-south-pole"}},
	}
}

func refusesImpossible(t *trial) {
	t.refused(t.call(t.callFor(map[string]descriptors.Class{"web": t.impossible()})), proto.Refuse)
}

func coversClasses(t *trial) {
	call := t.callFor(map[string]descriptors.Class{"web": t.class(), "moon": t.impossible()})
	proposal := t.propose(call) // which checks the rest
	if _, offered := proposal.Offers["moon"]; offered {
		t.fail("offers what nobody can")
	}
	if refusal := proposal.Refusals["moon"]; refusal.Message == "" {
		t.fail("refuses a class without a message for people")
	}
}

func refusesCurrency(t *trial) {
	call := t.machines(1)
	call.Currency = "XTS" // set apart for tests by ISO 4217
	t.refused(t.call(call), proto.Refuse, sla.RefusedCurrency)
}

func sameProposal(t *trial) {
	call := t.machines(1)
	first := t.propose(call)
	if second := t.propose(call); !reflect.DeepEqual(first, second) {
		t.fail("asked again it proposes something else: id %s, then %s", first.ID, second.ID)
	}
	call.Classes["other"] = t.class() // the id and the round are what makes it the same
	if again := content[sla.Proposal](t, t.call(call), proto.Propose); again.ID != first.ID {
		t.fail("asked again it has proposal %s, after %s", again.ID, first.ID)
	}
}

// copies is how often one thing is sent at the same time.
const copies = 4

func sameProposalAtOnce(t *trial) {
	call := t.machines(1)
	message := t.callMessage(call)
	answers := t.atOnce(copies, func() (proto.Message, error) {
		return t.asked(t.broker, proto.SubjectCall(t.name), message)
	})
	ids := map[string]struct{}{}
	for _, answer := range answers {
		if answer.Performative != proto.Agree { // working on it
			ids[t.proposal(answer, call).ID] = struct{}{}
		}
	}
	if len(ids) > 1 {
		t.fail("%d copies of a call got %d different proposals", copies, len(ids))
	}
}

// atOnce sends several messages at the same time and wants an answer to each.
func (t *trial) atOnce(count int, send func() (proto.Message, error)) []proto.Message {
	answers := make([]proto.Message, count)
	var group errgroup.Group
	for i := range answers {
		group.Go(func() (err error) {
			answers[i], err = send()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.fail("%d at the same time: %s", count, err)
	}
	return answers
}

func nextRound(t *trial) {
	call := t.machines(1)
	first := t.propose(call)
	call.Round = 2
	if second := t.propose(call); second.ID == first.ID {
		t.fail("round 2 has the proposal of round 1")
	}
}

func advisoryHoldsNothing(t *trial) {
	before := t.vendorStatus().Held
	call := t.machines(1)
	call.Advisory = true
	proposal := t.propose(call)
	if proposal.Held {
		t.fail("the proposal says that it is held")
	}
	if after := t.vendorStatus().Held; more(after, before) {
		t.fail("capacity is held that was not before")
	}
}

func cancelledFreesCapacity(t *trial) {
	before := t.vendorStatus().Held
	proposal := t.propose(t.machines(1))
	during := t.vendorStatus().Held
	t.cancel(proto.Cancellation{Proposal: proposal.ID})
	if after := t.vendorStatus().Held; more(after, before) {
		t.fail("capacity is held after the only offer was cancelled")
	}
	if during == before {
		t.notApplicable("%s says of no capacity that it is held", t.name)
	}
}

// more says whether any amount has grown.
func more(after, before vendormodules.Usage) bool {
	return after.Instances > before.Instances || after.Cores > before.Cores || after.Memory > before.Memory || after.Storage > before.Storage
}

// offersOnce asks for everything that is free, twice at the same time.
func offersOnce(t *trial) {
	if t.class().Type != descriptors.Compute {
		t.notApplicable("%s has no machines", t.name)
	}
	count := t.most()
	calls := make(chan proto.Message, 2)
	for range cap(calls) {
		calls <- t.callMessage(t.machines(count))
	}
	answers := t.atOnce(cap(calls), func() (proto.Message, error) {
		return t.asked(t.broker, proto.SubjectCall(t.name), <-calls)
	})
	offered := 0
	for _, answer := range answers {
		if answer.Performative == proto.Propose {
			offered++
			t.proposals = append(t.proposals, content[sla.Proposal](t, answer, proto.Propose).ID)
		}
	}
	switch offered {
	case 0:
		t.fail("%d machines were offered, and then to neither of two who asked", count)
	case 2:
		t.fail("%d machines, which is all there are, were offered to two", count)
	}
}

// most is the largest number of machines that is offered. Capacity without a limit is not applicable.
func (t *trial) most() int {
	fits, beyond := 0, quantity.MaxCount+1
	for try := 1; beyond-fits > 1; {
		answer := t.call(t.machines(try))
		if answer.Performative == proto.Propose {
			fits = try
			t.cancel(proto.Cancellation{Proposal: content[sla.Proposal](t, answer, proto.Propose).ID})
		} else {
			t.refused(answer, proto.Refuse)
			beyond = try
		}
		if try = (fits + beyond) / 2; beyond > quantity.MaxCount {
			try = 2 * fits
		}
		if try > quantity.MaxCount {
			t.notApplicable("%s offers %d machines, and more", t.name, fits)
		}
		if try == 0 {
			break
		}
	}
	if fits == 0 {
		t.fail("not even one machine is offered")
	}
	return fits
}

// badBody sends a call with another body.
func badBody(body string) func(*trial) {
	return func(t *trial) {
		message := t.callMessage(t.machines(1))
		message.Body = []byte(body)
		t.refused(t.ask(t.broker, proto.SubjectCall(t.name), message), proto.NotUnderstood)
	}
}

func otherKind(t *trial) {
	message := t.callMessage(t.machines(1))
	message.ContentType = proto.ContentType("question", proto.ContentVersion)
	t.refused(t.ask(t.broker, proto.SubjectCall(t.name), message), proto.NotUnderstood)
}

func laterVersion(t *trial) {
	message := t.callMessage(t.machines(1))
	message.ContentType = proto.ContentType("call-for-proposals", proto.ContentVersion+1)
	t.refused(t.ask(t.broker, proto.SubjectCall(t.name), message), proto.NotUnderstood)
}

func ignoresUnknown(t *trial) {
	call := t.machines(1)
	message := t.callMessage(call)
	message.Body = append([]byte(`{"a-name-of-tomorrow":{"deep":[1]},`), message.Body[1:]...)
	t.proposal(t.ask(t.broker, proto.SubjectCall(t.name), message), call)
}
