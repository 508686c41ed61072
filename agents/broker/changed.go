package broker

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// keepChange writes down what came of the call for a change, unless it is advisory. It takes the place of a change that was
// called for before and not taken.
func (a *Agent) keepChange(
	ctx context.Context, offers proto.Offers, content proto.Submission, command string, from ground,
) (proto.Offers, error) {
	record, err := a.fit(&offers, content.Uploads)
	if err != nil || offers.Advisory {
		return offers, err
	}
	now := standing{
		CallSummary: summaryOf(offers), Command: command, Base: from.base.record.Call,
		Until: cmp.Or(lastUntil(offers.Proposals), offers.Opened.Add(changeWithin)),
	}
	now.Changes = offers.Change.Deployment
	from.base.record.Change = offers.Call
	batch := a.batch()
	batch.add(record)
	batch.add(a.books.standings.Put(offers.Call, now, 0))
	batch.add(a.books.standings.Put(from.base.record.Call, from.base.record, from.base.revision))
	batch.tell(opened(offers))
	if offers.State == descriptors.CallClosed {
		batch.tell(closed(now, "no plan could be made"))
	}
	former := from.former
	if former.record.State == descriptors.CallOpen {
		former.record.State = descriptors.CallClosed
		batch.add(a.books.standings.Put(former.record.Call, former.record, former.revision))
		batch.tell(closed(former.record, "another change takes its place"))
	}
	err = batch.commit(ctx)
	if offers.State == descriptors.CallClosed || err != nil {
		a.dismiss(offers, "the call came to nothing", offers.Proposals)
	}
	switch {
	case errors.Is(err, services.ErrRevision):
		return a.knownChange(ctx, *content.Change, command)
	case err == nil && former.record.State == descriptors.CallClosed:
		if old, err := load(ctx, a.books.calls, former.record.Call); err == nil {
			a.dismiss(old.record.Offers, "another change takes its place", old.record.Offers.Proposals)
		}
	}
	return offers, err
}

// knownChange is what becomes of a change whose ground was changed by somebody else, perhaps by the same submission.
func (a *Agent) knownChange(ctx context.Context, change proto.Change, command string) (proto.Offers, error) {
	from, err := a.ground(ctx, change, command)
	if err == nil && from.known == "" {
		err = refusalf(sla.RefusedConflict, "apply again", "%s was changed meanwhile", from.base.record.Name)
	}
	return a.knownOffers(ctx, from.known, err)
}

// legs are the parts of a plan that vendors are to agree to: all of it or, of a change, what is agreed on anew.
func (r callRecord) legs(plan sla.Plan) []sla.Leg {
	if r.Offers.Change == nil {
		return plan.Legs
	}
	var legs []sla.Leg
	for _, leg := range plan.Legs {
		leg.Classes = slices.DeleteFunc(slices.Clone(leg.Classes), func(class string) bool {
			return !slices.Contains(r.Offers.Change.Classes, class)
		})
		if len(leg.Classes) > 0 {
			legs = append(legs, leg)
		}
	}
	return legs
}

// commitChange writes down what a change that was agreed on makes of the deployment: its call takes the place of the one
// before. It returns why that is not to be, where something else has come between.
func (b *batch) commitChange(
	ctx context.Context, record attemptRecord, call callRecord, now *standing,
) (obstacle string, err error) {
	books, id := b.agent.books, record.Deployment
	deployment, err := load(ctx, books.deployments, id)
	if err != nil {
		return "", err
	}
	base, err := load(ctx, books.standings, now.Base)
	if err != nil {
		return "", err
	}
	named, err := load(ctx, books.names, record.Name)
	if err != nil {
		return "", err
	}
	from := ground{base: base, deployment: deployment}
	former := deployment.record
	if call.Offers.Change.Undo {
		before, err := load(ctx, books.formers, id)
		if err != nil {
			return "", err
		}
		former = before.record
	}
	if err := b.agent.bind(ctx, &from, former.Resources); err != nil {
		return "", err
	}
	_, err = load(ctx, books.endings, id)
	ending := err == nil
	if err != nil && !errors.Is(err, services.ErrNoKey) {
		return "", err
	}
	changed, missing := changedDescriptor(record, call, from)
	switch {
	case ending || !base.record.Stands:
		return "the deployment is being removed", nil
	case deployment.record.Revision != call.Offers.Change.Revision:
		return "another change was agreed on meanwhile", nil
	case missing != "":
		return "the agreement on " + missing + " has ended meanwhile", nil
	}
	now.Base, base.record.Change, base.record.Stands, base.record.Deployment = "", "", false, ""
	b.add(books.standings.Put(base.record.Call, base.record, base.revision))
	b.add(books.names.Put(record.Name, nameRecord{record.Call}, named.revision))
	b.add(books.deployments.Put(id, changed, deployment.revision))
	b.add(books.formers.Overwrite(id, deployment.record))
	return "", nil
}

// changedDescriptor is the deployment after a change, or a class that has lost its agreement.
func changedDescriptor(record attemptRecord, call callRecord, from ground) (changed descriptors.Deployment, missing string) {
	changed = descriptor(record, call, from.deployment.record.Created)
	changed.Revision = from.deployment.record.Revision + 1
	for class, wanted := range call.Offers.Application.Resources {
		if slices.Contains(call.Offers.Change.Classes, class) {
			continue
		}
		bound, stands := from.bound[class]
		if !stands {
			return changed, class
		}
		bound.Class, bound.Upload = wanted, call.Uploads[class]
		changed.Resources[class] = bound
	}
	return changed, ""
}
