package conformance

import (
	"reflect"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

const sectionCounter = "A counter-offer"

func counterChecks() []check {
	return []check{
		{"a counter-offer never makes an offer worse", sectionCounter, neverWorse},
		{"the same counter-offer is answered the same", sectionCounter, sameCounter},
		{"only the proposal of the last round is accepted", sectionCounter, lastRoundCounts},
		{"a counter-offer to no proposal is refused", sectionCounter, counterToNothing},
	}
}

// counter is the call of the next round, which asks for half the price of everything.
func counter(call descriptors.CallForProposals, proposal sla.Proposal) descriptors.CallForProposals {
	call.Round++
	call.Counter = &descriptors.CounterOffer{To: proposal.ID, Terms: map[string]descriptors.Terms{}}
	for class, offer := range proposal.Offers {
		offer.Unit.PerHour.Micros /= 2
		call.Counter.Terms[class] = descriptors.Terms{Unit: offer.Unit}
	}
	return call
}

// bettered makes a counter-offer and returns the proposal that stands after it: the former if it was refused.
func (t *trial) bettered(call descriptors.CallForProposals, former sla.Proposal) sla.Proposal {
	answer := t.call(call)
	if answer.Performative != proto.Propose {
		t.refused(answer, proto.Refuse)
		return former
	}
	proposal := t.proposal(answer, call)
	if proposal.ID == former.ID {
		t.fail("round %d has the proposal of the round before", call.Round)
	}
	if proposal.Held != former.Held {
		t.fail("the capacity of round %d is not held", call.Round)
	}
	for class, before := range former.Offers {
		switch now, offered := proposal.Offers[class]; {
		case !offered:
			t.fail("%s is no longer offered", class)
		case now.Unit.PerHour.Micros > before.Unit.PerHour.Micros:
			t.fail("%s is dearer: %s after %s", class, now.Unit, before.Unit)
		case now.Availability < before.Availability:
			t.fail("%s is less available: %s after %s", class, now.Availability, before.Availability)
		case now.ReadyIn > before.ReadyIn:
			t.fail("%s is ready later: in %s after %s", class, now.ReadyIn, before.ReadyIn)
		}
	}
	return proposal
}

// roundsTried is how often a counter-offer is made.
const roundsTried = 5

func neverWorse(t *trial) {
	call := t.machines(1)
	proposal := t.propose(call)
	held := t.vendorStatus().Held
	for range roundsTried {
		call = counter(call, proposal)
		proposal = t.bettered(call, proposal)
	}
	if after := t.vendorStatus().Held; more(after, held) {
		t.fail("each round holds capacity of its own")
	}
}

func sameCounter(t *trial) {
	call := t.machines(1)
	next := counter(call, t.propose(call))
	first := t.call(next)
	answers := t.atOnce(copies, func() (proto.Message, error) {
		return t.asked(t.broker, proto.SubjectCall(t.name), t.callMessage(next))
	})
	for _, answer := range answers {
		switch {
		case answer.Performative == proto.Agree: // working on it
		case answer.Performative != first.Performative:
			t.fail("answered %s after %s", said(answer), said(first))
		case first.Performative != proto.Propose:
			if one, other := refusalOf(first), refusalOf(answer); one != other {
				t.fail("refused with %q after %q", other.Message, one.Message)
			}
		case !reflect.DeepEqual(t.proposal(answer, next), t.proposal(first, next)):
			t.fail("asked again it proposes something else")
		}
	}
}

func refusalOf(answer proto.Message) sla.Refusal {
	refusal, _ := proto.AsRefusal(answer)
	return refusal
}

// lastRoundCounts accepts the proposal before, which must fail if there is a later one, then the one that stands.
func lastRoundCounts(t *trial) {
	call := t.machines(1)
	former := t.propose(call)
	call = counter(call, former)
	last := t.bettered(call, former)
	if last.ID != former.ID {
		t.refused(t.accept(t.draft(former)), proto.Failure)
	}
	t.observed(t.draft(last))
	t.refused(t.call(counter(call, last)), proto.Refuse) // it is an agreement now
}

func counterToNothing(t *trial) {
	call := t.machines(1)
	proposal := t.propose(call)
	unknown := counter(call, proposal)
	unknown.Counter.To = ulid.Make().String()
	t.refused(t.call(unknown), proto.Refuse)
}
