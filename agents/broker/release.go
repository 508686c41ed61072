package broker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// release ends agreements for the classes that a deployment does not need them for any more, and altogether where none is
// left. It remembers only that it has begun: whoever asks asks again until it is done.
func (a *Agent) release(ctx context.Context, content proto.Cancellation) ([]sla.Agreement, error) {
	deployment, err := load(ctx, a.books.deployments, content.Name)
	if errors.Is(err, services.ErrNoKey) {
		return nil, refusalf(sla.RefusedNotFound, "agency status lists those that stand", "there is no deployment %q", content.Name)
	}
	if err != nil {
		return nil, err
	}
	agreements, err := a.agreements(ctx, content.Name)
	if err != nil {
		return nil, err
	}
	var errands []errand
	released, ending := map[int][]string{}, map[string][]string{}
	for i, agreement := range agreements {
		classes := unneeded(agreement, content.Releases[agreement.ID], deployment.record.Resources)
		if agreement.State != sla.AgreementObserved || len(classes) == 0 {
			continue
		}
		message := proto.Cancellation{
			Proposal: agreement.Proposal, Agreement: agreement.ID, Name: deployment.record.Name, Reason: content.Reason,
		}
		if len(classes) < len(agreement.Classes) {
			message.Classes = classes
		}
		released[i], ending[agreement.ID] = classes, classes
		command := agreement.ID + "-release-" + strings.Join(classes, "-")
		errands = append(errands, newErrand(i, agreement, command, proto.Cancel, message))
	}
	if err := a.noWayBack(ctx, deployment.record.Call, ending); err != nil {
		return nil, err
	}
	results, stop := a.send(ctx, errands)
	defer stop()
	var refusals []sla.Refusal
	for range errands {
		result := <-results
		refusal, err := a.released(ctx, deployment.record.Name, agreements[result.index], released[result.index], result)
		if err != nil {
			return nil, err
		}
		if refusal != nil {
			refusals = append(refusals, *refusal)
		}
	}
	if err := join(refusals); err != nil {
		return nil, err
	}
	return a.agreements(ctx, content.Name)
}

// noWayBack writes down, before any vendor is asked, for which classes agreements are being ended. A change back to them
// that is agreed on at the same time comes first, so that the release is looked at anew, or not at all.
func (a *Agent) noWayBack(ctx context.Context, call string, ending map[string][]string) error {
	base, err := load(ctx, a.books.standings, call)
	if err != nil {
		return err
	}
	released := maps.Clone(base.record.Released)
	if released == nil {
		released = map[string][]string{}
	}
	for agreement, classes := range ending {
		classes = slices.Concat(released[agreement], classes)
		slices.Sort(classes)
		released[agreement] = slices.Compact(classes)
	}
	switch {
	case maps.EqualFunc(released, base.record.Released, slices.Equal):
		return nil
	case !base.record.Stands:
		return services.ErrRevision // a change has taken its place
	}
	base.record.Released = released
	batch := a.batch()
	batch.add(a.books.standings.Put(call, base.record, base.revision))
	return batch.commit(ctx)
}

// unneeded are the classes to release that an agreement has and that are bound to it no more, sorted.
func unneeded(agreement sla.Agreement, release []string, bound map[string]descriptors.BoundClass) []string {
	classes := slices.DeleteFunc(slices.Sorted(slices.Values(release)), func(class string) bool {
		_, has := agreement.Classes[class]
		return !has || bound[class].Agreement == agreement.ID
	})
	return slices.Compact(classes)
}

// released takes a vendor's answer in: the agreement holds for fewer classes, or for none.
func (a *Agent) released(
	ctx context.Context, name string, agreement sla.Agreement, classes []string, result result,
) (*sla.Refusal, error) {
	if result.err != nil {
		return nil, result.err
	}
	if result.answer.Performative != proto.Inform {
		refusal, _ := proto.AsRefusal(result.answer)
		refusal.Message = agreement.Vendor + ": " + refusal.Message
		return &refusal, nil
	}
	known, err := load(ctx, a.books.agreements, agreementID(agreement))
	if err != nil {
		return nil, err
	}
	left := known.record
	left.Classes = maps.Clone(left.Classes)
	for _, class := range classes {
		delete(left.Classes, class)
	}
	batch := a.batch()
	if len(left.Classes) == 0 {
		if err := batch.terminate(ctx, name, agreement, a.Now().UTC(), "nothing of it is needed any more"); err != nil {
			return nil, err
		}
		return nil, batch.commit(ctx)
	}
	left.Guarantees = sla.Guarantees(left.Classes)
	batch.add(a.books.agreements.Put(agreementID(agreement), left, known.revision))
	batch.tell(agreementReduced(name, left, classes))
	return nil, batch.commit(ctx)
}
