package vendor

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

func size(value int64) string { return quantity.Bytes(value).String() }

// saveFresh writes the offers that are not in the store yet. One that was accepted or cancelled meanwhile has been
// written by that.
func (a *Agent) saveFresh(ctx context.Context) {
	a.agreements.Lock()
	defer a.agreements.Unlock()
	a.mutex.Lock()
	changes := make([]services.Change, 0, len(a.unsaved))
	for len(a.unsaved) > 0 && len(changes) < services.MaxChanges {
		record := a.ledger.proposals[a.unsaved[0]]
		a.unsaved = a.unsaved[1:]
		if record != nil && record.State == sla.ProposalOffered {
			changes = append(changes, a.tables.proposal(record))
		}
	}
	more := len(a.unsaved) > 0
	a.mutex.Unlock()
	if len(changes) == 0 {
		return
	}
	if err := a.Store.Commit(ctx, changes...); err != nil {
		// They stand in memory; a crash before they are accepted loses them, which an offer may be.
		a.Log.Warn("offers not written", zap.Int("offers", len(changes)), zap.Error(err))
	}
	if more {
		select {
		case a.fresh <- struct{}{}:
		default:
		}
	}
}

// accept is the row "accept" of the vendor's acceptance table.
func (a *Agent) accept(ctx context.Context, message proto.Message) proto.Message {
	acceptance, err := proto.Decode[proto.Acceptance](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	agreement := acceptance.Agreement
	a.agreements.Lock()
	defer a.agreements.Unlock()

	a.mutex.Lock()
	a.ledger.expire(a.Now())
	record, other := a.ledger.proposals[agreement.Proposal], a.ledger.agreements[agreement.ID]
	a.mutex.Unlock()
	switch {
	case record == nil:
		return proto.Refusing(message, proto.Failure, *refusalf(sla.RefusedExpired, "%s has no proposal %s, or no longer", a.name, agreement.Proposal))
	case record.State == sla.ProposalObserved && record.Agreement.ID == agreement.ID:
		return proto.Answer(message, proto.Inform, *record.Agreement)
	case record.State != sla.ProposalOffered:
		return proto.Refusing(message, proto.Failure, *refusalf(sla.RefusedConflict, "proposal %s is %s", agreement.Proposal, record.stands()))
	case other != nil:
		return proto.Refusing(message, proto.Failure, *refusalf(sla.RefusedConflict,
			"agreement id %s was used for proposal %s", agreement.ID, other.ID))
	}
	if refusal := mismatch(agreement, record.Proposal); refusal != nil {
		return proto.Refusing(message, proto.Failure, *refusal)
	}
	agreement.State, agreement.Agreed = sla.AgreementObserved, a.Now().UTC()
	agreement.Vendor, agreement.Guarantees = a.name, sla.Guarantees(agreement.Classes)
	next := &proposalRecord{
		ID: record.ID, Proposal: record.Proposal, State: sla.ProposalObserved, Uses: record.Uses, Instead: record.Instead,
		List: record.List, Bettered: record.Bettered, Agreement: &agreement, Changed: agreement.Agreed,
	}
	a.mutex.Lock()
	a.ledger.deciding[agreement.Proposal] = struct{}{}
	a.mutex.Unlock()
	if err := a.commitProposal(ctx, next); err != nil {
		return a.undecided(message, err)
	}
	return proto.Answer(message, proto.Inform, agreement)
}

// undecided answers when a commit failed: whether it took hold is not known, so the asker gets no end, and asks again.
// Until then the proposal stays one that is being decided on.
func (a *Agent) undecided(message proto.Message, err error) proto.Message {
	a.Log.Error("not written down", zap.String("performative", string(message.Performative)), zap.Error(err))
	return message.Reply(proto.Agree)
}

// mismatch says how an agreement asks for something else than was offered.
func mismatch(agreement sla.Agreement, proposal sla.Proposal) *sla.Refusal {
	if len(agreement.Classes) == 0 || checkID(agreement.Deployment) != nil || checkID(agreement.ID) != nil {
		return refusalf(sla.RefusedBadRequest, "an agreement has an id, a deployment and at least one class")
	}
	for class, offer := range agreement.Classes {
		if offered, found := proposal.Offers[class]; !found || !offered.Same(offer) {
			return refusalf(sla.RefusedBadRequest, "%s is not offered on these terms in proposal %s", class, proposal.ID)
		}
	}
	return nil
}

// checkID says what is wrong with an id that others give: it is used in keys and in scopes of credentials.
func checkID(id string) error {
	if strings.Contains(id, ".") {
		return fmt.Errorf("id %q: write letters, digits, - and _", id)
	}
	return services.CheckKey(id)
}

// cancel is the row "cancel" of the table; the rejection of an offer is the same, but ends no agreement. What was never
// heard of leaves a tombstone, so that its acceptance, should it still come, fails.
func (a *Agent) cancel(ctx context.Context, message proto.Message) proto.Message {
	cancellation, err := proto.Decode[proto.Cancellation](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	a.agreements.Lock()
	defer a.agreements.Unlock()

	now := a.Now().UTC()
	record, refusal := a.cancellable(cancellation, message.Performative, now)
	if refusal != nil {
		return proto.Refusing(message, proto.Failure, *refusal)
	}
	next := cancelled(record, cancellation, now)
	if next == nil {
		return proto.Answer(message, proto.Inform, ended(record, cancellation, a.name, now))
	}
	if err := a.commitProposal(ctx, next); err != nil {
		return a.undecided(message, err)
	}
	return proto.Answer(message, proto.Inform, ended(next, cancellation, a.name, now))
}

// cancellable is the record that a cancellation concerns, nil for one never heard of, marked as being decided on; or why
// it cannot be cancelled.
func (a *Agent) cancellable(
	cancellation proto.Cancellation, performative proto.Performative, now time.Time,
) (*proposalRecord, *sla.Refusal) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.ledger.expire(now)
	record := a.ledger.proposals[cancellation.Proposal]
	if record == nil {
		record = a.ledger.agreements[cancellation.Agreement]
	}
	if record == nil {
		if checkID(cancellation.Proposal) != nil {
			return nil, refusalf(sla.RefusedBadRequest, "a cancellation names a proposal")
		}
		return nil, nil
	}
	if record.State == sla.ProposalObserved && ends(record, cancellation) {
		id := record.Agreement.ID
		if performative == proto.RejectProposal {
			return nil, refusalf(sla.RefusedState, "proposal %s is observed as agreement %s", record.ID, id)
		}
		if left := a.standing(record.Agreement, cancellation.Classes); len(left) > 0 {
			refusal := refusalf(sla.RefusedState, "%s still stand under agreement %s", strings.Join(left, ", "), id)
			refusal.Hint = "remove them first"
			return nil, refusal
		}
	}
	if cancelled(record, cancellation, now) != nil {
		a.ledger.deciding[record.ID] = struct{}{}
	}
	return record, nil
}

// ends says whether a cancellation means the agreement that a record has. One with another agreement's id is about an
// acceptance of the same proposal that never took hold, and is done already.
func ends(record *proposalRecord, cancellation proto.Cancellation) bool {
	return cancellation.Agreement == "" || record.Agreement == nil || cancellation.Agreement == record.Agreement.ID
}

// cancelled is the record after a cancellation, nil if it changes nothing.
func cancelled(record *proposalRecord, cancellation proto.Cancellation, now time.Time) *proposalRecord {
	if record == nil {
		return &proposalRecord{
			ID: cancellation.Proposal, State: sla.ProposalTombstone, Changed: now,
		}
	}
	next := *record
	next.Changed = now
	switch {
	case record.State == sla.ProposalObserved && ends(record, cancellation) && len(cancellation.Classes) > 0:
		return reduced(record, cancellation.Classes, now)
	case record.State == sla.ProposalObserved && ends(record, cancellation):
		agreement := *record.Agreement
		agreement.State, agreement.Ended = sla.AgreementTerminated, now
		next.State, next.Agreement = sla.ProposalTerminated, &agreement
	case sla.ProposalStates.Allows(record.State, sla.ProposalTombstone):
		next.State = sla.ProposalTombstone
	default:
		return nil
	}
	return &next
}

// reduced is the record of an agreement that has ended for some classes, nil if that changes nothing. Without any left it
// has ended altogether.
func reduced(record *proposalRecord, classes []string, now time.Time) *proposalRecord {
	next, agreement := *record, *record.Agreement
	agreement.Classes = maps.Clone(agreement.Classes)
	for _, class := range classes {
		delete(agreement.Classes, class)
	}
	if len(agreement.Classes) == len(record.Agreement.Classes) {
		return nil
	}
	agreement.Guarantees, next.Changed, next.Agreement = sla.Guarantees(agreement.Classes), now, &agreement
	if len(agreement.Classes) == 0 {
		agreement.Classes = record.Agreement.Classes // which it was about
		next.State, agreement.State, agreement.Ended = sla.ProposalTerminated, sla.AgreementTerminated, now
	}
	return &next
}

// ended is the agreement that a cancellation leaves, also where there never was one.
func ended(record *proposalRecord, cancellation proto.Cancellation, vendor string, now time.Time) sla.Agreement {
	if record.Agreement != nil && ends(record, cancellation) {
		return *record.Agreement
	}
	agreement := sla.Agreement{
		ID: cancellation.Agreement, Proposal: cancellation.Proposal, Vendor: vendor, State: sla.AgreementTerminated,
		Ended: record.Changed,
	}
	if record.Agreement != nil {
		agreement.Ended = now
	}
	return agreement
}

// commitProposal writes a record, then lets memory follow.
func (a *Agent) commitProposal(ctx context.Context, record *proposalRecord) error {
	if err := a.commit(ctx, a.tables.proposal(record)); err != nil {
		return err
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.ledger.put(record)
	delete(a.ledger.deciding, record.ID)
	return nil
}

// commit writes changes down, also when whoever asked for them has gone meanwhile: half a decision helps nobody.
func (a *Agent) commit(ctx context.Context, changes ...services.Change) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWithin)
	defer cancel()
	return a.Store.Commit(ctx, changes...)
}

// commitWithin bounds one commit.
const commitWithin = 10 * time.Second

// usage is what is held and used now.
func (a *Agent) usage() (held, used vendormodules.Usage) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.ledger.expire(a.Now())
	return a.ledger.held, a.ledger.used.Plus(a.copied())
}
