package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// accept takes a plan and answers how that went.
func (a *Agent) accept(ctx context.Context, message proto.Message) proto.Message {
	choice, err := proto.Decode[proto.PlanChoice](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	attempt, err := a.take(ctx, choice, commandOf(message))
	if err != nil {
		return a.refuse(message, err)
	}
	return a.awaitAttempt(ctx, message, attempt)
}

// find returns where a call stands, by its id, the name of the deployment or the deployment's id.
func (a *Agent) find(ctx context.Context, text string) (versioned[standing], error) {
	call := text
	if named, err := load(ctx, a.books.names, text); err == nil {
		call = named.record.Call
	} else if !errors.Is(err, services.ErrNoKey) {
		return versioned[standing]{}, err
	} else if deployment, err := load(ctx, a.books.deployments, text); err == nil {
		call = deployment.record.Call
	} else if !errors.Is(err, services.ErrNoKey) {
		return versioned[standing]{}, err
	}
	found, err := load(ctx, a.books.standings, call)
	if errors.Is(err, services.ErrNoKey) {
		return found, refusalf(sla.RefusedNotFound, "agency proposals lists the calls", "there is no call or deployment %q", text)
	}
	return found, err
}

// take writes down the attempt to take a plan and begins it, or returns the one that the same command began before.
func (a *Agent) take(ctx context.Context, choice proto.PlanChoice, command string) (attemptRecord, error) {
	for {
		stands, err := a.find(ctx, choice.Call)
		if err != nil {
			return attemptRecord{}, err
		}
		before, err := a.attempts(ctx, stands.record.Call)
		if err != nil {
			return attemptRecord{}, err
		}
		if known := lastOf(before, command); known != nil {
			return *known, nil
		}
		call, err := load(ctx, a.books.calls, stands.record.Call)
		if err != nil {
			return attemptRecord{}, err
		}
		now, err := load(ctx, a.books.standings, stands.record.Call)
		if err != nil {
			return attemptRecord{}, err
		}
		if now.revision != stands.revision {
			continue // the attempts read are not those that the call stands by
		}
		attempt, err := a.choose(call.record, stands.record, choice, before)
		if err != nil {
			return attemptRecord{}, err
		}
		attempt.Command, attempt.OrNext = command, choice.OrNext
		batch := a.batch()
		batch.begin(attempt, stands)
		if err := batch.commit(ctx); !errors.Is(err, services.ErrRevision) {
			return attempt, err
		}
		// Somebody else changed where the call stands; what there is to do now shows when one looks again.
	}
}

// begin writes down an attempt, its legs and with them the acceptances to send, and what it reserves of the budget.
func (b *batch) begin(attempt attemptRecord, stands versioned[standing]) {
	stands.record.Attempt = attempt.ID
	b.add(b.agent.books.attempts.Put(attempt.id(), attempt, 0))
	b.add(b.agent.books.standings.Put(attempt.Call, stands.record, stands.revision))
	b.tell(begun(attempt))
}

func (a *Agent) attempts(ctx context.Context, call string) ([]attemptRecord, error) {
	return values(a.books.attempts.ListBelow(ctx, call))
}

// lastOf is the last of the attempts that a command began; nil if there is none.
func lastOf(attempts []attemptRecord, command string) *attemptRecord {
	for i := range slices.Backward(attempts) {
		if attempts[i].Command == command {
			return &attempts[i]
		}
	}
	return nil
}

// choose makes the attempt to take the plan chosen, or says why it cannot be taken.
func (a *Agent) choose(
	call callRecord, stands standing, choice proto.PlanChoice, before []attemptRecord,
) (attemptRecord, error) {
	rank := max(choice.Rank, 1)
	index := slices.IndexFunc(call.Offers.Plans, func(plan sla.Plan) bool { return plan.Rank == rank })
	if err := a.untaken(stands); err != nil {
		return attemptRecord{}, err
	}
	if index < 0 {
		return attemptRecord{}, refusalf(sla.RefusedNotFound, fmt.Sprintf("choose from 1 to %d", len(call.Offers.Plans)),
			"%s has no plan %d", stands.Name, choice.Rank)
	}
	return a.viable(call, call.Offers.Plans[index], before)
}

func runOut(name string) sla.Refusal {
	return refusalf(sla.RefusedExpired, "submit again", "the proposals for %s have run out", name)
}

// viable makes the attempt to take a plan, or says why no vendor would agree to it any more.
func (a *Agent) viable(call callRecord, plan sla.Plan, before []attemptRecord) (attemptRecord, error) {
	now := a.Now().UTC()
	for _, leg := range call.legs(plan) {
		for _, former := range before {
			if former.spent(leg) {
				return attemptRecord{}, refusalf(sla.RefusedExpired, "submit again",
					"plan %d takes a proposal of %s that the attempt for plan %d has used up", plan.Rank, leg.Vendor, former.Plan.Rank)
			}
		}
	}
	decideBy := call.validUntil(plan).Add(-a.ClockSkew)
	if !now.Before(decideBy) {
		return attemptRecord{}, runOut(call.Offers.Name)
	}
	attempt := newAttempt(call, plan, now)
	attempt.DecideBy = decideBy
	if soon := now.Add(a.DecideWithin); soon.Before(decideBy) {
		attempt.DecideBy = soon
	}
	return attempt, nil
}

// awaitAttempt answers a command with how its attempt ended, that of the next plan if there was one. An attempt that
// takes long is agreed to, and its end is left to be asked for.
func (a *Agent) awaitAttempt(ctx context.Context, message proto.Message, attempt attemptRecord) proto.Message {
	ctx, cancel := context.WithTimeout(ctx, a.AnswerWithin)
	defer cancel()
	for !sla.AttemptStates.Final(attempt.State) {
		work := a.pursue(attempt.id())
		select {
		case <-work.done:
		case <-ctx.Done():
			return message.Reply(proto.Agree)
		}
		before, err := a.attempts(ctx, attempt.Call)
		last := lastOf(before, attempt.Command)
		if err != nil || last == nil || last.ID == attempt.ID && !sla.AttemptStates.Final(last.State) {
			return message.Reply(proto.Agree) // the broker is closing down
		}
		attempt = *last
	}
	if attempt.State == sla.AttemptCommitted {
		return proto.Answer(message, proto.Inform, attempt.Attempt)
	}
	return proto.Answer(message, proto.Failure, attempt.Attempt)
}

// reject gives a call up.
func (a *Agent) reject(ctx context.Context, message proto.Message) proto.Message {
	choice, err := proto.Decode[proto.PlanChoice](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	stands, err := a.giveUp(ctx, choice.Call)
	if err != nil {
		return a.refuse(message, err)
	}
	offers, err := a.offersOf(ctx, stands)
	if err != nil {
		return a.refuse(message, err)
	}
	now := a.Now()
	a.dismiss(offers, "the person has given the call up", slices.DeleteFunc(slices.Clone(offers.Proposals),
		func(proposal sla.Proposal) bool { return !now.Before(proposal.ValidUntil) }))
	return proto.Answer(message, proto.Inform, offers)
}

// giveUp closes an open call. One that is closed or has expired stays what it is.
func (a *Agent) giveUp(ctx context.Context, call string) (standing, error) {
	for {
		stands, err := a.find(ctx, call)
		if err != nil {
			return standing{}, err
		}
		switch {
		case stands.record.Attempt != "":
			return standing{}, refusalf(sla.RefusedState, "agency remove "+stands.record.Name+" cancels that",
				"a plan for %s is being taken", stands.record.Name)
		case stands.record.Deployment != "":
			return standing{}, refusalf(sla.RefusedState, "agency remove "+stands.record.Name+" ends its agreements",
				"a plan for %s was taken", stands.record.Name)
		case stands.record.state(a.Now()) != descriptors.CallOpen:
			return stands.record, nil
		}
		stands.record.State = descriptors.CallClosed
		batch := a.batch()
		batch.add(a.books.standings.Put(stands.record.Call, stands.record, stands.revision))
		batch.tell(closed(stands.record, "it was given up"))
		if err := batch.commit(ctx); !errors.Is(err, services.ErrRevision) {
			return stands.record, err
		}
	}
}

// resumeAttempts takes up the attempts that have not come to an end.
func (a *Agent) resumeAttempts(ctx context.Context) error {
	all, err := values(a.books.standings.List(ctx))
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Attempt != "" {
			a.pursue(attemptID(one.Call, one.Attempt))
		}
	}
	return nil
}
