package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// forgetEvery is the time between two looks for what has been kept long enough.
const forgetEvery = time.Hour

// keepForgetting deletes from time to time what ended longer ago than the retention, until the context ends.
func (a *Agent) keepForgetting(ctx context.Context, _ <-chan struct{}) error {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		if err := a.forget(ctx); err != nil && ctx.Err() == nil {
			a.Log.Error("old records not deleted", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// forget deletes the calls that ended before the horizon with their attempts, and with the last call of a deployment its
// agreements. What belongs together goes in one commit, and not if somebody changes any of it meanwhile. What anything
// refers to that goes on stays: the calls that a deployment is and was agreed on by, the last change called for.
func (a *Agent) forget(ctx context.Context) error {
	horizon := a.Now().Add(-a.Retention)
	for row, err := range a.books.standings.Walk(ctx, "") {
		if err != nil {
			return err
		}
		stands := row.Value
		if stands.holdsName(a.Now()) || !stands.ended().Before(horizon) {
			continue
		}
		err := a.forgetCall(ctx, versioned[standing]{stands, row.Revision}, horizon)
		if err != nil && !errors.Is(err, services.ErrRevision) {
			return fmt.Errorf("forget call %s: %w", stands.Call, err)
		}
	}
	return nil
}

// ended is when a call can have ended at the latest, if no plan of it was taken.
func (s standing) ended() time.Time {
	if s.Until.After(s.Opened) {
		return s.Until
	}
	return s.Opened
}

// forgetCall deletes a call that has ended, unless something refers to it.
func (a *Agent) forgetCall(ctx context.Context, call versioned[standing], horizon time.Time) error {
	batch := a.batch()
	stays, err := batch.forgetDeployment(ctx, call.record, horizon)
	if err != nil || stays {
		return err
	}
	if last, err := a.lastChange(ctx, call.record); err != nil || last {
		return err
	}
	attempts, err := a.attempts(ctx, call.record.Call)
	if err != nil {
		return err
	}
	for _, attempt := range attempts {
		batch.add(a.books.attempts.Discard(attempt.id()))
	}
	named, found, err := known(load(ctx, a.books.names, call.record.Name))
	if err != nil {
		return err
	}
	if found && named.record.Call == call.record.Call {
		batch.add(a.books.names.Delete(call.record.Name, named.revision))
	}
	batch.add(a.books.calls.Discard(call.record.Call))
	batch.add(a.books.standings.Delete(call.record.Call, call.revision))
	return batch.commit(ctx)
}

// lastChange says whether a call is the last one for a change of what a deployment is agreed on by.
func (a *Agent) lastChange(ctx context.Context, call standing) (bool, error) {
	base, found, err := known(load(ctx, a.books.standings, call.Base))
	if err != nil || !found || base.record.Change != call.Call {
		return false, err
	}
	deployment, found, err := known(load(ctx, a.books.deployments, base.record.Deployment))
	return found && deployment.record.Call == base.record.Call, err
}

// forgetDeployment adds the deletion of the deployment that a call is the last one of. The call stays where the deployment
// does, or has it as what it was before.
func (b *batch) forgetDeployment(ctx context.Context, call standing, horizon time.Time) (stays bool, err error) {
	books, id := b.agent.books, call.Deployment
	deployment, found, err := known(load(ctx, books.deployments, id))
	if err != nil || !found {
		return false, err
	}
	former, changed, err := known(load(ctx, books.formers, id))
	if err != nil {
		return false, err
	}
	if deployment.record.Call != call.Call {
		return changed && former.record.Call == call.Call, nil
	}
	agreements, err := b.agent.agreements(ctx, id)
	if err != nil {
		return false, err
	}
	if _, ending, err := known(load(ctx, books.endings, id)); err != nil || ending {
		return true, err
	}
	if slices.ContainsFunc(agreements, func(agreement sla.Agreement) bool {
		return !sla.AgreementStates.Final(agreement.State) || !agreement.Ended.Before(horizon)
	}) {
		return true, nil
	}
	for _, agreement := range agreements {
		b.add(books.agreements.Discard(agreementID(agreement)))
	}
	if changed {
		b.add(books.formers.Delete(id, former.revision))
	}
	b.add(books.deployments.Delete(id, deployment.revision))
	return false, nil
}

// known is a record that need not be there.
func known[T any](record versioned[T], err error) (versioned[T], bool, error) {
	if errors.Is(err, services.ErrNoKey) {
		return record, false, nil
	}
	return record, err == nil, err
}
