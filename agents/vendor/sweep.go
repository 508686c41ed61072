package vendor

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// keepFor is how long what has ended is remembered: longer than anybody asks again. It bounds what the agent remembers
// of cancellations for proposals that it never made, too: those of one day.
const keepFor = 24 * time.Hour

// keepSwept forgets from time to time what nobody can ask for any more, until the context ends.
func (a *Agent) keepSwept(ctx context.Context) error {
	ticker := time.NewTicker(a.SweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := a.sweep(ctx); err != nil {
				a.Log.Warn("old records not cleared from the store", zap.Error(err))
			}
		}
	}
}

// sweep forgets offers that ran out, and after keepFor what has ended: proposals, and of what was done under an agreement
// that is no longer in force the commands and the resources. While an agreement is in force its gone resources and the
// last command of each are remembered, so that a late repeat never creates one anew.
func (a *Agent) sweep(ctx context.Context) error {
	a.agreements.Lock()
	defer a.agreements.Unlock()
	now := a.Now()
	a.mutex.Lock()
	a.ledger.expire(now)
	var old []services.Change
	for _, id := range a.ledger.lapsed {
		old = append(old, a.tables.proposals.Discard(id))
	}
	a.ledger.lapsed = nil
	before := now.Add(-keepFor)
	for id, record := range a.ledger.proposals {
		if sla.ProposalStates.Final(record.State) && record.Changed.Before(before) {
			a.ledger.drop(record)
			old = append(old, a.tables.proposals.Discard(id))
		}
	}
	for key, record := range a.resources {
		if record.Status.State == vendormodules.ResourceGone && record.Status.Changed.Before(before) &&
			a.queues[key] == nil && !a.inForce(record.Status.Agreement) {
			a.drop(key)
			old = append(old, a.tables.resources.Discard(key))
		}
	}
	for id, state := range a.commands {
		if state.record.Outcome != nil && state.record.Taken.Before(before) && !a.last(state.record) {
			delete(a.commands, id)
			old = append(old, a.tables.commands.Discard(id))
		}
	}
	old = append(old, a.oldErrands(now)...)
	a.mutex.Unlock()
	for batch := range slices.Chunk(old, services.MaxChanges) {
		if err := a.commit(ctx, batch...); err != nil {
			return err
		}
	}
	return nil
}

// inForce says whether resources may be created under an agreement. The caller holds the mutex.
func (a *Agent) inForce(agreement string) bool {
	record := a.ledger.agreements[agreement]
	return record != nil && record.Agreement.State == sla.AgreementObserved
}

// last says whether a command is the last one of a resource that is remembered, or the preparation of a class of an
// agreement in force.
func (a *Agent) last(command *commandRecord) bool {
	if command.Command.Verb == proto.VerbPrepare {
		return a.inForce(command.Command.Agreement)
	}
	resource := a.resources[command.key()]
	return resource != nil && resource.Sequence == command.Sequence
}
