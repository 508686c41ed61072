package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// cancel cancels the attempt under way for a deployment, or ends its agreements. It answers with the agreements.
func (a *Agent) cancel(ctx context.Context, message proto.Message) proto.Message {
	content, err := proto.Decode[proto.Cancellation](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	if content.Reason == "" {
		content.Reason = "cancelled by " + message.Sender.String()
	}
	ctx, cancel := context.WithTimeout(ctx, a.AnswerWithin)
	defer cancel()
	finish := a.letGo
	if len(content.Releases) > 0 {
		finish = a.release
	}
	agreements, err := finish(ctx, content)
	switch refusal := (sla.Refusal{}); {
	case errors.Is(err, context.DeadlineExceeded):
		return message.Reply(proto.Agree)
	case errors.As(err, &refusal):
		return proto.Refusing(message, proto.Failure, refusal)
	case err != nil:
		return a.refuse(message, err)
	}
	return proto.Answer(message, proto.Inform, proto.AgreementList{Agreements: agreements})
}

// letGo returns when the attempt, or the deployment, holds no vendor to anything any more.
func (a *Agent) letGo(ctx context.Context, content proto.Cancellation) ([]sla.Agreement, error) {
	for {
		stands, err := a.find(ctx, content.Name)
		if err != nil {
			return nil, err
		}
		var work *work
		switch {
		case stands.record.Attempt != "":
			work, err = a.cancelAttempt(ctx, stands.record, content)
		case stands.record.Stands:
			work, err = a.end(ctx, stands.record, content)
		case stands.record.Deployment != "":
			return a.agreements(ctx, stands.record.Deployment)
		default:
			return a.lastAgreements(ctx, stands.record)
		}
		if errors.Is(err, services.ErrRevision) {
			continue
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-work.done:
			if work.err != nil {
				return nil, work.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// lastAgreements are those of the last attempt of a call without a deployment: none of them stands.
func (a *Agent) lastAgreements(ctx context.Context, stands standing) ([]sla.Agreement, error) {
	attempts, err := a.attempts(ctx, stands.Call)
	if err != nil {
		return nil, err
	}
	if len(attempts) == 0 {
		return nil, refusalf(sla.RefusedState, "agency reject "+stands.Name+" gives the call up", "%s has no agreement to end", stands.Name)
	}
	return attempts[len(attempts)-1].agreements(), nil
}

// cancelAttempt writes down that the attempt is to be undone, or that its silent vendors are let go of.
func (a *Agent) cancelAttempt(ctx context.Context, stands standing, content proto.Cancellation) (*work, error) {
	id := attemptID(stands.Call, stands.Attempt)
	attempt, err := load(ctx, a.books.attempts, id)
	if err != nil {
		return nil, err
	}
	record := &attempt.record
	asked := record.OrNext
	record.OrNext = false // who cancels does not want the next plan either
	switch {
	case record.State == sla.AttemptAccepting:
		err = a.turnRound(ctx, attempt, content.Reason)
	case record.State == sla.AttemptUndoing && content.Abandon:
		if err = a.mayAbandon(record.Undoing); err == nil {
			err = a.finish(ctx, attempt, sla.AttemptAbandoned)
		}
	case record.State == sla.AttemptUndoing && asked:
		batch := a.batch()
		batch.add(a.books.attempts.Put(id, *record, attempt.revision))
		err = batch.commit(ctx)
	}
	if err != nil {
		return nil, err
	}
	work := a.pursue(id)
	work.tell()
	return work, nil
}

// mayAbandon refuses to let go of vendors that have not been silent for long enough.
func (a *Agent) mayAbandon(since time.Time) error {
	if from := since.Add(a.SilentPolicy); a.Now().Before(from) {
		return refusalf(sla.RefusedState, "try again after "+from.UTC().Format(time.RFC3339),
			"the vendors are still being asked to cancel; they can be abandoned after %s", a.SilentPolicy)
	}
	return nil
}

// end writes down that the agreements of a deployment are to be ended, and sees to it.
func (a *Agent) end(ctx context.Context, stands standing, content proto.Cancellation) (*work, error) {
	ending, err := load(ctx, a.books.endings, stands.Deployment)
	if err != nil && !errors.Is(err, services.ErrNoKey) {
		return nil, err
	}
	batch := a.batch()
	switch {
	case err != nil:
		// A change that is agreed on at the same time comes before or not at all.
		held, err := load(ctx, a.books.standings, stands.Call)
		if err != nil {
			return nil, err
		}
		if !held.record.Stands {
			return nil, services.ErrRevision // a change has taken its place
		}
		batch.add(a.books.standings.Put(stands.Call, held.record, held.revision))
		batch.add(a.books.endings.Put(stands.Deployment, endingRecord{
			ID: ulid.Make().String(), Call: stands.Call, Name: stands.Name, Deployment: stands.Deployment,
			Reason: content.Reason, Begun: a.Now().UTC(),
		}, 0))
	case content.Abandon && !ending.record.Abandoned:
		if err := a.mayAbandon(ending.record.Begun); err != nil {
			return nil, err
		}
		ending.record.Abandoned = true
		batch.add(a.books.endings.Put(stands.Deployment, ending.record, ending.revision))
	}
	if err := batch.commit(ctx); err != nil {
		return nil, err
	}
	work := a.pursueEnding(stands.Deployment)
	work.tell()
	return work, nil
}

// pursueEnding brings the ending of a deployment's agreements to its end in the background. A refusal of a vendor is an
// end too, and the work's error.
func (a *Agent) pursueEnding(deployment string) *work {
	return a.works.begin("ending."+deployment, func(ctx context.Context, changed <-chan struct{}) error {
		for ctx.Err() == nil {
			err := a.endOnce(ctx, deployment, changed)
			refusal := sla.Refusal{}
			switch {
			case errors.Is(err, services.ErrNoKey):
				return nil
			case errors.As(err, &refusal):
				return refusal
			case err == nil || errors.Is(err, services.ErrRevision) || ctx.Err() != nil:
				continue
			}
			a.Log.Error("agreements do not get ended; trying again", zap.String(services.FieldDeployment, deployment), zap.Error(err))
			if err := pause(ctx, pauseBetween); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// endOnce asks the vendors of all agreements that stand to end them. It returns services.ErrNoKey when there is nothing left
// to be done, and a refusal when vendors refused.
func (a *Agent) endOnce(ctx context.Context, deployment string, changed <-chan struct{}) error {
	ending, err := load(ctx, a.books.endings, deployment)
	if err != nil {
		return err
	}
	record := ending.record
	agreements, err := a.agreements(ctx, record.Deployment)
	if err != nil {
		return err
	}
	var errands []errand
	for i, agreement := range agreements {
		if agreement.State == sla.AgreementObserved {
			errands = append(errands, cancellation(i, agreement, record.ID+"-"+agreement.ID, record.Name, record.Reason))
		}
	}
	if record.Abandoned {
		return a.abandon(ctx, ending, agreements, errands)
	}
	results, stop := a.send(ctx, errands)
	defer stop()
	var refusals []sla.Refusal
	for range errands {
		select {
		case result := <-results:
			refusal, err := a.ended(ctx, record, agreements[result.index], result)
			if err != nil {
				return err
			}
			if refusal != nil {
				refusals = append(refusals, *refusal)
			}
		case <-changed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := a.finishEnding(ctx, ending, len(refusals) == 0); err != nil {
		return err
	}
	return join(refusals)
}

// ended takes a vendor's answer in: the agreement has ended, or the vendor refuses to end it.
func (a *Agent) ended(ctx context.Context, ending endingRecord, agreement sla.Agreement, result result) (*sla.Refusal, error) {
	if result.err != nil {
		return nil, result.err
	}
	if result.answer.Performative != proto.Inform {
		refusal, _ := proto.AsRefusal(result.answer)
		refusal.Message = agreement.Vendor + ": " + refusal.Message
		return &refusal, nil
	}
	at := a.Now().UTC()
	if told, err := proto.Decode[sla.Agreement](result.answer); err == nil && !told.Ended.IsZero() {
		at = told.Ended.UTC()
	}
	batch := a.batch()
	if err := batch.terminate(ctx, ending.Name, agreement, at, ""); err != nil {
		return nil, err
	}
	return nil, batch.commit(ctx)
}

// terminate moves an agreement to its end.
func (b *batch) terminate(ctx context.Context, name string, agreement sla.Agreement, at time.Time, remark string) error {
	id := agreementID(agreement)
	known, err := load(ctx, b.agent.books.agreements, id)
	if err != nil {
		return err
	}
	if err := sla.AgreementStates.Move(&known.record.State, sla.AgreementTerminated); err != nil {
		return err
	}
	known.record.Ended = at
	b.add(b.agent.books.agreements.Put(id, known.record, known.revision))
	b.tell(agreementEnded(name, known.record, remark))
	return nil
}

// abandon ends agreements without their vendors.
func (a *Agent) abandon(ctx context.Context, ending versioned[endingRecord], agreements []sla.Agreement, left []errand) error {
	batch := a.batch()
	for _, errand := range left {
		agreement := agreements[errand.index]
		remark := fmt.Sprintf("%s never confirmed it: it may still cost", agreement.Vendor)
		if err := batch.terminate(ctx, ending.record.Name, agreement, a.Now().UTC(), remark); err != nil {
			return err
		}
	}
	if err := batch.commit(ctx); err != nil {
		return err
	}
	return a.finishEnding(ctx, ending, true)
}

// finishEnding forgets the intent; where all agreements have ended the name is free again.
func (a *Agent) finishEnding(ctx context.Context, ending versioned[endingRecord], all bool) error {
	batch := a.batch()
	batch.add(a.books.endings.Delete(ending.record.Deployment, ending.revision))
	if all {
		stands, err := load(ctx, a.books.standings, ending.record.Call)
		if err != nil {
			return err
		}
		stands.record.Stands = false
		batch.add(a.books.standings.Put(ending.record.Call, stands.record, stands.revision))
	}
	return batch.commit(ctx)
}

// join makes one refusal of several, nil of none.
func join(refusals []sla.Refusal) error {
	if len(refusals) == 0 {
		return nil
	}
	whole := refusals[0]
	messages := make([]string, len(refusals))
	for i, refusal := range refusals {
		messages[i] = refusal.Message
	}
	whole.Message = strings.Join(messages, "; ")
	return whole
}

// agreements of a deployment.
func (a *Agent) agreements(ctx context.Context, deployment string) ([]sla.Agreement, error) {
	return values(a.books.agreements.ListBelow(ctx, deployment))
}

// resumeEndings takes up the endings that have not come to an end.
func (a *Agent) resumeEndings(ctx context.Context) error {
	left, err := values(a.books.endings.List(ctx))
	if err != nil {
		return err
	}
	for _, ending := range left {
		a.pursueEnding(ending.Deployment)
	}
	return nil
}
