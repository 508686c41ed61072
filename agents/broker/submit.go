package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/planning"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// submission is one under way. Repeats of it wait for its end.
type submission struct {
	done   chan struct{}
	offers proto.Offers
	err    error
}

// submit answers a submission with offers.
func (a *Agent) submit(ctx context.Context, message proto.Message) proto.Message {
	content, err := proto.Decode[proto.Submission](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	offers, err := a.submitOnce(ctx, content, commandOf(message))
	if err != nil {
		return a.refuse(message, err)
	}
	return proto.Answer(message, proto.Inform, offers)
}

// submitOnce lets the repeats of a submission that is under way share its end.
func (a *Agent) submitOnce(ctx context.Context, content proto.Submission, command string) (proto.Offers, error) {
	a.mutex.Lock()
	first := a.submissions[command]
	if first == nil {
		own := &submission{done: make(chan struct{})}
		a.submissions[command] = own
		a.mutex.Unlock()
		own.offers, own.err = a.open(ctx, content, command)
		a.mutex.Lock()
		delete(a.submissions, command)
		a.mutex.Unlock()
		close(own.done)
		return own.offers, own.err
	}
	a.mutex.Unlock()
	select {
	case <-first.done:
		return first.offers, first.err
	case <-ctx.Done():
		return proto.Offers{}, ctx.Err()
	}
}

// open opens a call, gathers what the vendors propose and makes plans of it.
func (a *Agent) open(ctx context.Context, content proto.Submission, command string) (proto.Offers, error) {
	began := a.Now().UTC()
	content, err := admit(content)
	if err != nil {
		return proto.Offers{}, err
	}
	if content.Change != nil {
		return a.openChange(ctx, content, command)
	}
	place, err := a.claim(ctx, content, command)
	if err != nil || place.known != "" {
		return a.knownOffers(ctx, place.known, err)
	}
	vendors := a.vendors()
	if len(vendors) == 0 {
		return proto.Offers{}, refusalf(sla.RefusedUnavailable, "agency enrol vendor NAME", "no vendor is enrolled")
	}
	offers := proto.Offers{
		Call: ulid.Make().String(), Name: content.Name, State: descriptors.CallOpen, Opened: began, Advisory: content.Advisory,
		Called: len(vendors), Application: content.Application,
	}
	came, err := a.gather(ctx, callRecord{Offers: offers}.call(1, began.Add(a.ReplyWithin)), vendors)
	if err != nil {
		return proto.Offers{}, err
	}
	offers.Proposals, offers.Refusals = came.proposals, came.refusals
	if err := a.plan(&offers); err != nil {
		a.dismiss(offers, "the call came to nothing", came.proposals)
		return proto.Offers{}, err
	}
	offers.Elapsed = quantity.Duration(max(0, a.Now().Sub(began)))
	if len(offers.Plans) == 0 && !offers.Advisory {
		offers.State = descriptors.CallClosed
	}
	return a.keep(ctx, offers, content, command, place)
}

// admit fills in what a submission leaves out and refuses what makes no sense.
func admit(content proto.Submission) (proto.Submission, error) {
	if content.Change != nil && content.Change.Undo {
		return content, nil
	}
	if err := content.Application.Check(); err != nil {
		return content, refusalf(sla.RefusedBadRequest, "agency validate FILE shows each fault's place", "%s", err)
	}
	content.Application = content.Application.WithDefaults().Expanded()
	if content.Name == "" {
		content.Name = content.Application.Name
	}
	if err := descriptors.CheckName(content.Name); err != nil {
		return content, refusalf(sla.RefusedBadRequest, "submit --as NAME", "the deployment's name: %s", err)
	}
	for class := range content.Uploads {
		if _, found := content.Application.Resources[class]; !found {
			return content, refusalf(sla.RefusedBadRequest, "", "files for %q: the application has no such class", class)
		}
	}
	return content, nil
}

// claim is what a name's records must still be like when the call is kept.
type claim struct {
	revision uint64
	// former call of the name; none if it has no id.
	former versioned[standing]
	// known is the call that the same submission opened before.
	known string
}

// claim looks whether the name is free, or the submission known. Advisory calls need no name.
func (a *Agent) claim(ctx context.Context, content proto.Submission, command string) (claim, error) {
	if content.Advisory {
		return claim{}, nil
	}
	named, err := load(ctx, a.books.names, content.Name)
	if errors.Is(err, services.ErrNoKey) {
		return claim{}, nil
	}
	if err != nil {
		return claim{}, err
	}
	former, err := load(ctx, a.books.standings, named.record.Call)
	if err != nil {
		return claim{}, err
	}
	result := claim{revision: named.revision, former: former}
	switch {
	case former.record.Command == command:
		result.known = former.record.Call
	case former.record.holdsName(a.Now()):
		return claim{}, taken(former.record)
	}
	return result, nil
}

// taken says who has a name.
func taken(holder standing) sla.Refusal {
	switch {
	case holder.Stands:
		return refusalf(sla.RefusedConflict, fmt.Sprintf("submit --as NAME gives it another; agency remove %s frees this one", holder.Name),
			"the deployment %s stands", holder.Name)
	case holder.Attempt != "":
		return refusalf(sla.RefusedConflict, "submit --as NAME gives it another", "a plan for %s is being taken", holder.Name)
	}
	return refusalf(sla.RefusedConflict,
		fmt.Sprintf("agency accept %s takes a plan of it, agency reject %s gives it up, submit --as NAME opens another", holder.Name, holder.Name),
		"%s has an open call, until %s", holder.Name, holder.Until.Format(time.RFC3339))
}

// plan makes the plans of the offers.
func (a *Agent) plan(offers *proto.Offers) error {
	problem := planning.Problem{
		Application: offers.Application, Call: offers.Call, Proposals: offers.Proposals, Now: a.Now().UTC(),
	}
	result, err := planning.Plans(problem, a.PlanLimit)
	switch {
	case errors.Is(err, planning.ErrEffort):
		offers.Obstacles = append(offers.Obstacles, proto.Obstacle{
			Reason: "there are too many combinations to try them all; better plans may exist",
			Hint:   "ask for fewer classes, or place some together",
		})
	case errors.Is(err, planning.ErrApplication), errors.Is(err, quantity.ErrCurrency):
		return refusalf(sla.RefusedBadRequest, "", "%s", err)
	case err != nil:
		return err
	}
	offers.Plans = result.Plans
	for _, obstacle := range result.Obstacles {
		offers.Obstacles = append(offers.Obstacles, proto.Obstacle(obstacle))
	}
	return nil
}

// summaryOf is a call as listings tell it.
func summaryOf(offers proto.Offers) proto.CallSummary {
	return proto.CallSummary{
		Call: offers.Call, Name: offers.Name, State: offers.State, Opened: offers.Opened, Proposals: len(offers.Proposals),
	}
}

// keep writes down what came of a call, in one commit, unless it is advisory. A call of which no plan could be made is
// closed at once, so that its name and the capacity held for it are free again.
func (a *Agent) keep(
	ctx context.Context, offers proto.Offers, content proto.Submission, command string, place claim,
) (proto.Offers, error) {
	record, err := a.fit(&offers, content.Uploads)
	if err != nil || offers.Advisory {
		return offers, err
	}
	stands := standing{CallSummary: summaryOf(offers), Command: command, Until: lastUntil(offers.Proposals)}
	batch := a.batch()
	batch.add(record)
	batch.add(a.books.standings.Put(offers.Call, stands, 0))
	batch.add(a.books.names.Put(offers.Name, nameRecord{offers.Call}, place.revision))
	if former := place.former; former.record.State == descriptors.CallOpen {
		former.record.State = descriptors.CallExpired
		batch.add(a.books.standings.Put(former.record.Call, former.record, former.revision))
	}
	batch.tell(opened(offers))
	if offers.State == descriptors.CallClosed {
		batch.tell(closed(stands, "no plan could be made"))
	}
	err = batch.commit(ctx)
	if offers.State == descriptors.CallClosed || err != nil {
		a.dismiss(offers, "the call came to nothing", offers.Proposals)
	}
	if errors.Is(err, services.ErrRevision) {
		// Somebody else had the name first; perhaps the same submission, at another replica of the broker.
		place, err = a.claim(ctx, content, command)
		if err == nil && place.known == "" {
			err = refusalf(sla.RefusedConflict, "submit again", "the name %s was given away meanwhile", offers.Name)
		}
		return a.knownOffers(ctx, place.known, err)
	}
	return offers, err
}

// largestCall is the most bytes that a call's record may have: with attempts added, its offers still fit a message.
const largestCall = proto.MaxBody * 3 / 4

// fit is the change that writes a call down. Where vendors propose more than fits a message, the proposals that are in no
// plan are let go of, which nobody could take anyway.
func (a *Agent) fit(offers *proto.Offers, uploads map[string]string) (services.Change, error) {
	change := a.books.calls.Put(offers.Call, callRecord{Offers: *offers, Uploads: uploads}, 0)
	if len(change.Value) <= largestCall {
		return change, nil
	}
	var kept, left []sla.Proposal
	for _, proposal := range offers.Proposals {
		if planned(offers.Plans, proposal) {
			kept = append(kept, proposal)
		} else {
			left = append(left, proposal)
		}
	}
	a.dismiss(*offers, "no plan has room for it", left)
	offers.Proposals = kept
	offers.Obstacles = append(offers.Obstacles, proto.Obstacle{
		Reason: fmt.Sprintf("%d proposals that are in none of the plans are left out: all of them fit no message", len(left)),
	})
	change = a.books.calls.Put(offers.Call, callRecord{Offers: *offers, Uploads: uploads}, 0)
	if len(change.Value) > largestCall {
		a.dismiss(*offers, "the call came to nothing", kept)
		return change, refusalf(sla.RefusedBadRequest, "split the application",
			"the offers have %d bytes, at most %d fit a message", len(change.Value), largestCall)
	}
	return change, nil
}

func planned(plans []sla.Plan, proposal sla.Proposal) bool {
	return slices.ContainsFunc(plans, func(plan sla.Plan) bool {
		return slices.ContainsFunc(plan.Legs, func(leg sla.Leg) bool {
			return leg.Vendor == proposal.Vendor && leg.Proposal == proposal.ID
		})
	})
}

func lastUntil(proposals []sla.Proposal) time.Time {
	var last time.Time
	for i := range proposals {
		if until := proposals[i].ValidUntil; until.After(last) {
			last = until.UTC()
		}
	}
	return last
}

// knownOffers are the offers of a call that is in the records, unless there was an error on the way to it.
func (a *Agent) knownOffers(ctx context.Context, call string, err error) (proto.Offers, error) {
	if err != nil {
		return proto.Offers{}, err
	}
	stands, err := load(ctx, a.books.standings, call)
	if err != nil {
		return proto.Offers{}, err
	}
	return a.offersOf(ctx, stands.record)
}

// offersOf are a call's offers as they stand now.
func (a *Agent) offersOf(ctx context.Context, stands standing) (proto.Offers, error) {
	record, err := load(ctx, a.books.calls, stands.Call)
	if err != nil {
		return proto.Offers{}, err
	}
	attempts, err := a.attempts(ctx, stands.Call)
	if err != nil {
		return proto.Offers{}, err
	}
	offers := record.record.Offers
	offers.State = stands.state(a.Now())
	for i := range attempts {
		offers.Attempts = append(offers.Attempts, attempts[i].Attempt)
	}
	for _, round := range record.record.Rounds {
		offers.Rounds = append(offers.Rounds, round.Round)
	}
	return offers, nil
}

// expireCalls writes down which calls have expired since anybody looked.
func (a *Agent) expireCalls(ctx context.Context) error {
	all, err := a.books.standings.List(ctx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(one services.Record[standing]) bool {
		return one.Value.State == descriptors.CallExpired || one.Value.state(a.Now()) != descriptors.CallExpired
	})
	for expired := range slices.Chunk(all, services.MaxChanges/2) {
		batch := a.batch()
		for _, one := range expired {
			one.Value.State = descriptors.CallExpired
			batch.add(a.books.standings.Put(one.ID, one.Value, one.Revision))
			batch.tell(closed(one.Value, "its proposals have run out"))
		}
		if err := batch.commit(ctx); err != nil {
			return err
		}
	}
	return nil
}
