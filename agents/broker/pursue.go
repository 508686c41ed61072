package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// pursue brings an attempt to its end in the background, from where its record stands.
func (a *Agent) pursue(id string) *work {
	return a.works.begin("attempt."+id, func(ctx context.Context, changed <-chan struct{}) error {
		for ctx.Err() == nil {
			done, err := a.pursueOnce(ctx, id, changed)
			if done {
				return nil
			}
			if err == nil || errors.Is(err, services.ErrRevision) || ctx.Err() != nil {
				continue // the record was changed; look at it again
			}
			a.Log.Error("attempt does not get on; trying again", zap.String(services.FieldAttempt, id), zap.Error(err))
			if err := pause(ctx, pauseBetween); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// pursueOnce does what the record says is to be done next, until the record changes.
func (a *Agent) pursueOnce(ctx context.Context, id string, changed <-chan struct{}) (done bool, err error) {
	attempt, err := load(ctx, a.books.attempts, id)
	if err != nil {
		return false, err
	}
	switch attempt.record.State {
	case sla.AttemptAccepting:
		return false, a.acceptLegs(ctx, attempt, changed)
	case sla.AttemptUndoing:
		return false, a.cancelLegs(ctx, attempt, changed)
	default:
		return true, nil
	}
}

// acceptLegs asks all vendors to agree, and commits the attempt when the last one has, or turns it round.
func (a *Agent) acceptLegs(ctx context.Context, attempt versioned[attemptRecord], changed <-chan struct{}) error {
	record := &attempt.record
	errands := make([]errand, len(record.Legs))
	for i, leg := range record.Legs {
		errands[i] = acceptance(i, leg.Agreement)
	}
	results, stop := a.send(ctx, errands)
	defer stop()
	decide := time.NewTimer(record.DecideBy.Sub(a.Now()))
	defer decide.Stop()
	for !record.are(proto.LegObserved) {
		select {
		case result := <-results:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			fault, err := record.heard(result)
			if err != nil {
				return err
			}
			if fault != "" {
				return a.turnRound(ctx, attempt, fault)
			}
		case <-decide.C:
			return a.turnRound(ctx, attempt, record.vendorsIn(proto.LegAccepting)+" did not answer in time")
		case <-changed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return a.commitAttempt(ctx, attempt)
}

// heard takes a vendor's answer to an acceptance in, and returns what is wrong with it. Only a vendor's failure means
// that it will never agree; after anything else it may hold the agreement and will be told to cancel.
func (r *attemptRecord) heard(result result) (fault string, err error) {
	agreement := r.Legs[result.index].Agreement
	if result.err != nil {
		return reasonOf(agreement.Vendor, result), nil //nolint:nilerr // the fault tells it
	}
	switch result.answer.Performative {
	case proto.Inform:
		confirmed, err := proto.Decode[sla.Agreement](result.answer)
		if err == nil && (confirmed.ID != agreement.ID || confirmed.State != sla.AgreementObserved) {
			err = fmt.Errorf("agreement %s is %s", confirmed.ID, confirmed.State)
		}
		if err != nil {
			return fmt.Sprintf("%s confirmed something else: %s", agreement.Vendor, err), nil
		}
		return "", r.observed(result.index, confirmed.Agreed.UTC())
	case proto.Failure:
		reason := reasonOf(agreement.Vendor, result)
		if refusal, _ := proto.AsRefusal(result.answer); refusal.Code == sla.RefusedInternal {
			return reason, nil // a fault of the vendor's: what it has written down is not known
		}
		return reason, r.refused(result.index, reason)
	default:
		return reasonOf(agreement.Vendor, result), nil
	}
}

// turnRound writes down that the attempt is to be undone, and why.
func (a *Agent) turnRound(ctx context.Context, attempt versioned[attemptRecord], reason string) error {
	if err := attempt.record.undo(a.Now().UTC(), reason); err != nil {
		return err
	}
	batch := a.batch()
	batch.add(a.books.attempts.Put(attempt.record.id(), attempt.record, attempt.revision))
	batch.tell(undoing(attempt.record))
	return batch.commit(ctx)
}

// commitAttempt writes down, all at once, that the plan is taken: the attempt, its agreements and the deployment.
func (a *Agent) commitAttempt(ctx context.Context, attempt versioned[attemptRecord]) error {
	record, now := &attempt.record, a.Now().UTC()
	stands, err := load(ctx, a.books.standings, record.Call)
	if err != nil {
		return err
	}
	call, err := load(ctx, a.books.calls, record.Call)
	if err != nil {
		return err
	}
	if err := sla.AttemptStates.Move(&record.State, sla.AttemptCommitted); err != nil {
		return err
	}
	if err := descriptors.CallStates.Move(&stands.record.State, descriptors.CallClosed); err != nil {
		return err
	}
	stands.record.Attempt, stands.record.Deployment, stands.record.Stands = "", record.Deployment, true
	batch := a.batch()
	if call.record.Offers.Change != nil {
		obstacle, err := batch.commitChange(ctx, *record, call.record, &stands.record)
		if err != nil {
			return err
		}
		if obstacle != "" {
			record.State = sla.AttemptAccepting
			return a.turnRound(ctx, attempt, obstacle)
		}
	} else {
		batch.add(a.books.deployments.Put(record.Deployment, descriptor(*record, call.record, now), 0))
	}
	batch.add(a.books.attempts.Put(record.id(), *record, attempt.revision))
	batch.add(a.books.standings.Put(record.Call, stands.record, stands.revision))
	for _, agreement := range record.agreements() {
		batch.add(a.books.agreements.Put(agreementID(agreement), agreement, 0))
		batch.tell(observed(record.Name, agreement))
	}
	batch.tell(committed(*record))
	if err := batch.commit(ctx); err != nil {
		return err
	}
	var others []sla.Proposal
	for _, proposal := range call.record.Offers.Proposals {
		if !record.spent(sla.Leg{Vendor: proposal.Vendor, Proposal: proposal.ID}) {
			others = append(others, proposal)
		}
	}
	a.dismiss(call.record.Offers, "another plan was taken", others)
	return nil
}

// saveWithin is how long the cancellation of a leg may stay unwritten while others are waited for.
const saveWithin = time.Second

// cancelLegs asks the vendors of all legs that stand in the way to cancel, until every one of them has.
func (a *Agent) cancelLegs(ctx context.Context, attempt versioned[attemptRecord], changed <-chan struct{}) error {
	record := &attempt.record
	var errands []errand
	for i, leg := range record.Legs {
		if leg.State == proto.LegCancelling {
			errand := cancellation(i, leg.Agreement, leg.Agreement.ID+"-cancel", record.Name, record.Reason)
			errand.insist = true
			errands = append(errands, errand)
		}
	}
	results, stop := a.send(ctx, errands)
	defer stop()
	save := time.NewTimer(saveWithin)
	save.Stop()
	defer save.Stop()
	for !record.are(proto.LegCancelled, proto.LegRefused) {
		select {
		case result := <-results:
			if result.err != nil {
				return result.err
			}
			if err := record.cancelled(result.index, a.Now().UTC()); err != nil {
				return err
			}
			save.Reset(saveWithin)
		case <-save.C:
			batch := a.batch()
			batch.add(a.books.attempts.Put(record.id(), *record, attempt.revision))
			return batch.commit(ctx)
		case <-changed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return a.finish(ctx, attempt, sla.AttemptUndone)
}

// finish ends an attempt that took nothing, as undone or abandoned, and by the person's wish begins the next.
func (a *Agent) finish(ctx context.Context, attempt versioned[attemptRecord], state sla.AttemptState) error {
	record := &attempt.record
	if err := sla.AttemptStates.Move(&record.State, state); err != nil {
		return err
	}
	stands, err := load(ctx, a.books.standings, record.Call)
	if err != nil {
		return err
	}
	stands.record.Attempt = ""
	next, found, err := a.next(ctx, *record)
	if err != nil {
		return err
	}
	batch := a.batch()
	batch.add(a.books.attempts.Put(record.id(), *record, attempt.revision))
	batch.tell(undone(*record))
	if found {
		batch.begin(next, stands)
	} else {
		batch.add(a.books.standings.Put(record.Call, stands.record, stands.revision))
	}
	if err := batch.commit(ctx); err != nil {
		return err
	}
	if found {
		a.pursue(next.id())
	}
	return nil
}

// next is the attempt to take the next plan after the one of an attempt that is ending, if the person wishes for it and
// there is one whose proposals still stand.
func (a *Agent) next(ctx context.Context, ended attemptRecord) (attemptRecord, bool, error) {
	if !ended.OrNext {
		return attemptRecord{}, false, nil
	}
	call, err := load(ctx, a.books.calls, ended.Call)
	if err != nil {
		return attemptRecord{}, false, err
	}
	before, err := a.attempts(ctx, ended.Call)
	if err != nil {
		return attemptRecord{}, false, err
	}
	for _, plan := range call.record.Offers.Plans {
		if plan.Rank <= ended.Plan.Rank {
			continue
		}
		if attempt, err := a.viable(call.record, plan, before); err == nil {
			attempt.Command, attempt.OrNext = ended.Command, true
			return attempt, true, nil
		}
	}
	return attemptRecord{}, false, nil
}
