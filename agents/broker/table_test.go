package broker_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// table is the vendor's half of the acceptance across vendors, by the table of the protocol and nothing else.
type table struct {
	vendor string
	now    func() time.Time

	mutex     sync.Mutex
	proposals map[string]*row
	// breaches are what the broker did that it never may.
	breaches []string
}

// row is where one proposal stands.
type row struct {
	state      sla.ProposalState
	validUntil time.Time
	agreement  sla.Agreement
}

func newTable(vendor string, now func() time.Time) *table {
	return &table{vendor: vendor, now: now, proposals: map[string]*row{}}
}

func (t *table) offer(proposal sla.Proposal) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.proposals[proposal.ID] != nil {
		return // asked again
	}
	t.proposals[proposal.ID] = &row{state: sla.ProposalOffered, validUntil: proposal.ValidUntil}
}

// forget loses an offer as a crash does, before it was written down.
func (t *table) forget(proposal string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if row := t.proposals[proposal]; row != nil && row.state == sla.ProposalOffered {
		delete(t.proposals, proposal)
	}
}

// expire lets offers run out by the vendor's own clock.
func (t *table) expire() {
	for _, row := range t.proposals {
		if row.state == sla.ProposalOffered && !t.now().Before(row.validUntil) {
			row.state = sla.ProposalExpired
		}
	}
}

// accept is the column "accept": the observed agreement, or a failure.
func (t *table) accept(agreement sla.Agreement) (sla.Agreement, *sla.Refusal) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.expire()
	row := t.proposals[agreement.Proposal]
	switch {
	case row == nil:
		return sla.Agreement{}, &sla.Refusal{Code: sla.RefusedExpired, Message: "unknown proposal"}
	case row.state == sla.ProposalObserved && row.agreement.ID != agreement.ID:
		t.breaches = append(t.breaches, fmt.Sprintf("%s: proposal %s accepted twice", t.vendor, agreement.Proposal))
		return sla.Agreement{}, &sla.Refusal{Code: sla.RefusedConflict, Message: "accepted by another agreement"}
	case row.state == sla.ProposalOffered:
		row.state, row.agreement = sla.ProposalObserved, agreement
		row.agreement.State, row.agreement.Agreed = sla.AgreementObserved, t.now().UTC()
	case row.state != sla.ProposalObserved:
		return sla.Agreement{}, &sla.Refusal{Code: sla.RefusedConflict, Message: "proposal is " + string(row.state)}
	}
	return row.agreement, nil
}

// cancel is the column "cancel": it always ends in a confirmation.
func (t *table) cancel(cancellation proto.Cancellation) sla.Agreement {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.expire()
	known := t.proposals[cancellation.Proposal]
	if known == nil {
		known = &row{state: sla.ProposalTombstone}
		t.proposals[cancellation.Proposal] = known
	}
	switch known.state {
	case sla.ProposalObserved:
		if left := without(known.agreement.Classes, cancellation.Classes); len(cancellation.Classes) > 0 && len(left) > 0 {
			known.agreement.Classes = left
			break
		}
		known.state, known.agreement.State, known.agreement.Ended = sla.ProposalTerminated, sla.AgreementTerminated, t.now().UTC()
	case sla.ProposalOffered:
		known.state = sla.ProposalTombstone
	}
	if known.agreement.ID != "" {
		return known.agreement
	}
	return sla.Agreement{
		ID: cancellation.Agreement, Proposal: cancellation.Proposal, Vendor: t.vendor, State: sla.AgreementTerminated,
		Ended: t.now().UTC(),
	}
}

func without(classes map[string]sla.Offer, gone []string) map[string]sla.Offer {
	left := maps.Clone(classes)
	for _, class := range gone {
		delete(left, class)
	}
	return left
}

// serves are the classes that the vendor is bound to serve, sorted, each as often as by agreements.
func (t *table) serves() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	var classes []string
	for _, row := range t.proposals {
		if row.state == sla.ProposalObserved {
			classes = slices.AppendSeq(classes, maps.Keys(row.agreement.Classes))
		}
	}
	slices.Sort(classes)
	return strings.Join(classes, " ")
}

// in lists the proposals in a state.
func (t *table) in(state sla.ProposalState) []string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.expire()
	var ids []string
	for id, row := range t.proposals {
		if row.state == state {
			ids = append(ids, id)
		}
	}
	return ids
}

// command answers what arrives on a vendor's command subject.
func (t *table) command(message proto.Message) proto.Message {
	if message.Performative == proto.AcceptProposal {
		acceptance, err := proto.Decode[proto.Acceptance](message)
		if err != nil {
			return proto.Refusing(message, proto.NotUnderstood, sla.Refusal{Code: sla.RefusedBadRequest, Message: err.Error()})
		}
		agreement, refusal := t.accept(acceptance.Agreement)
		if refusal != nil {
			return proto.Refusing(message, proto.Failure, *refusal)
		}
		return informing(message, agreement)
	}
	cancellation, err := proto.Decode[proto.Cancellation](message)
	if err != nil {
		return proto.Refusing(message, proto.NotUnderstood, sla.Refusal{Code: sla.RefusedBadRequest, Message: err.Error()})
	}
	return informing(message, t.cancel(cancellation))
}

func informing[C proto.Content](message proto.Message, content C) proto.Message {
	return answering(message, proto.Inform, content)
}

func answering[C proto.Content](message proto.Message, performative proto.Performative, content C) proto.Message {
	reply := message.Reply(performative)
	if err := proto.Encode(&reply, content); err != nil {
		panic(err)
	}
	return reply
}
