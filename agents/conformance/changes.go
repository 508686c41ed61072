package conformance

import (
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// changeChecks look at what becomes of what stands when a deployment is changed, and at the copies that are made of it.
func changeChecks() []check {
	return []check{
		{"a resource goes on under another agreement", sectionCommands, rebinds},
		{"what stands is given another size, or that is refused", sectionCommands, resizes},
		{"an agreement ends for some of its classes", sectionAcceptance, cancelPart},
		{"a copy outlives its source and its agreement, or is refused", sectionCommands, copiesOutlive},
	}
}

// succeed comes to an agreement on a class that stands under another in the same deployment.
func (t *trial) succeed(standing sla.Agreement, class descriptors.Class) sla.Agreement {
	call := t.callFor(map[string]descriptors.Class{"web": class})
	call.Deployment = standing.Deployment
	draft := t.draft(t.propose(call))
	draft.Deployment = standing.Deployment
	return t.observed(draft)
}

// tries gives a command that a vendor may refuse as unsupported, and returns the resource after it.
func (t *trial) tries(one order) proto.ResourceStatus {
	answer := t.finish(one)
	if refusal, refused := proto.AsRefusal(answer); refused && refusal.Code == sla.RefusedUnsupported {
		t.notApplicable("%s does not %s: %s", t.name, one.command.Verb, refusal.Message)
	}
	outcome := t.outcome(answer, one)
	if outcome.Resource == nil {
		t.fail("%s: the outcome has no resource", one.command.Verb)
	}
	return *outcome.Resource
}

// under wants a resource to be what it was, and under an agreement by now.
func (t *trial) under(agreement sla.Agreement, before, after proto.ResourceStatus) {
	price := agreement.Classes[before.Ref.Class].Unit
	switch {
	case after.ID != before.ID || after.Ref != before.Ref || after.State != before.State:
		t.fail("it was %q and is %q, %s", before.ID, after.ID, after.State)
	case after.Agreement != agreement.ID || after.Price != price:
		t.fail("it is under agreement %q for %s, and should be under %s for %s", after.Agreement, after.Price, agreement.ID, price)
	}
	if listed := t.resources(agreement.Deployment); len(listed) != 1 || listed[0].Agreement != agreement.ID {
		t.fail("%d resources are listed after it, not the one under its agreement", len(listed))
	}
}

func rebinds(t *trial) {
	first := t.agree()
	_, before := t.created(first)
	ended, second := t.succeed(first, t.class()), t.succeed(first, t.class())
	t.ended(t.cancel(proto.Cancellation{Proposal: ended.Proposal, Agreement: ended.ID}), ended.ID)
	late := t.order(first, proto.VerbRebind)
	late.command.Agreement = ended.ID
	t.refused(t.tell(late), proto.Refuse)
	one := t.order(first, proto.VerbRebind)
	one.command.Agreement = second.ID
	t.under(second, before, t.tries(one))
	// The one that it has left holds nothing any more.
	t.ended(t.cancel(proto.Cancellation{Proposal: first.Proposal, Agreement: first.ID}), first.ID)
}

func resizes(t *trial) {
	larger := t.class()
	switch larger.Type {
	case descriptors.Compute:
		larger.Cores = 2 * max(1, larger.Cores)
	case descriptors.Volume:
		larger.Size *= 2
	default:
		t.notApplicable("a %s has no size", larger.Type)
	}
	first := t.agree()
	_, before := t.created(first)
	second := t.succeed(first, larger)
	one := t.order(first, proto.VerbResize)
	one.command.Agreement = second.ID
	t.refused(t.tell(one), proto.Refuse) // without a class
	one = t.order(first, proto.VerbResize)
	one.command.Agreement, one.command.Class = second.ID, &larger
	t.under(second, before, t.tries(one))
}

func cancelPart(t *trial) {
	proposal := t.propose(t.callFor(map[string]descriptors.Class{"web": t.class(), "more": t.class()}))
	if len(proposal.Offers) < 2 {
		t.notApplicable("%s offers one of two classes", t.name)
	}
	agreement := t.observed(t.draft(proposal))
	create, _ := t.created(agreement)
	part := func(classes ...string) proto.Message {
		return t.cancel(proto.Cancellation{Proposal: agreement.Proposal, Agreement: agreement.ID, Classes: classes})
	}
	t.refused(part("web"), proto.Failure, sla.RefusedState)
	for range 2 {
		left := content[sla.Agreement](t, part("more"), proto.Inform)
		if _, has := left.Classes["web"]; left.State != sla.AgreementObserved || !has || len(left.Classes) != 1 {
			t.fail("without one of two classes the agreement is %q, about %d", left.State, len(left.Classes))
		}
	}
	late := t.order(agreement, proto.VerbCreate)
	late.command.Resource.Class = "more"
	t.refused(t.tell(late), proto.Refuse)
	t.done(t.delete(agreement, create.command.Resource))
	t.ended(part("web"), agreement.ID)
}

// copiesOutlive has a copy refused by a vendor that makes none, and else outlive everything round it.
func copiesOutlive(t *trial) {
	class := t.class()
	verb, kind := proto.VerbImage, descriptors.Image
	switch class.Type {
	case descriptors.Compute:
	case descriptors.Volume:
		verb, kind = proto.VerbSnapshot, descriptors.Snapshot
	default:
		t.notApplicable("no copies are made of a %s", class.Type)
	}
	agreement := t.agree()
	create, source := t.created(agreement)
	name := "copy-" + strings.ToLower(ulid.Make().String())
	one := t.order(agreement, verb)
	one.command.Copy = &proto.Copy{Name: name, Deployment: "conformance", Source: source.Name}
	if !slices.Contains(t.status.Copies, kind) {
		answer, refusing := t.finish(one), proto.Refuse
		if answer.Performative == proto.Failure {
			refusing = proto.Failure
		}
		t.refused(answer, refusing, sla.RefusedUnsupported)
		return
	}
	t.copies = append(t.copies, name)
	made := t.outcome(t.finish(one), one).Resource
	if made == nil || made.Copy == nil || made.Copy.Name != name || made.Type != kind || made.State != vendormodules.ResourceRunning {
		t.fail("%s: the outcome's resource is no %s that is there", verb, kind)
	}
	again := t.order(agreement, verb)
	again.command.Copy = one.command.Copy
	t.refused(t.tell(again), proto.Refuse, sla.RefusedConflict)
	t.done(t.delete(agreement, create.command.Resource))
	t.ended(t.cancel(proto.Cancellation{Proposal: agreement.Proposal, Agreement: agreement.ID}), agreement.ID)
	if !t.hasCopy(name) {
		t.fail("the %s is gone with its source or its agreement", kind)
	}
	t.removeCopy(name)
	if t.hasCopy(name) {
		t.fail("listed after it was deleted")
	}
}

func (t *trial) hasCopy(name string) bool {
	return slices.ContainsFunc(t.resources(""), func(one proto.ResourceStatus) bool { return one.Copy != nil && one.Copy.Name == name })
}

// removeCopy deletes a copy as a client does.
func (t *trial) removeCopy(name string) {
	message := made(t, proto.Request, proto.RequestProtocol, proto.ResourceCommand{Verb: proto.VerbDelete, Copy: &proto.Copy{Name: name}})
	message.Command = ulid.Make().String()
	t.until("delete", func() proto.Message { return t.ask(t.client, proto.SubjectCommand(t.name), message) })
	t.copies = slices.DeleteFunc(t.copies, func(one string) bool { return one == name })
}
