package broker

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// release ends agreements for the classes that a deployment does not need them for any more, and altogether where none is
// left. It remembers nothing of its own: whoever asks asks again until it is done.
func (a *Agent) release(ctx context.Context, content proto.Cancellation) ([]sla.Agreement, error) {
	deployment, err := load(ctx, a.books.deployments, content.Name)
	if err != nil {
		return nil, err
	}
	agreements, err := a.agreements(ctx, content.Name)
	if err != nil {
		return nil, err
	}
	var errands []errand
	released := map[int][]string{}
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
		released[i] = classes
		command := agreement.ID + "-release-" + strings.Join(classes, "-")
		errands = append(errands, newErrand(i, agreement, command, proto.Cancel, message))
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
