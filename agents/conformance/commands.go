package conformance

import (
	"reflect"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

const sectionCommands = "Commands to resources"

// admissionChecks give commands that must not be taken on.
func admissionChecks() []check {
	type fault struct {
		name   string
		change func(*order)
		verb   proto.ResourceVerb
	}
	var all []check
	for _, one := range []fault{
		{"a command under an unknown agreement is refused", func(o *order) { o.command.Agreement = ulid.Make().String() }, proto.VerbCreate},
		{"a command for another deployment is refused", func(o *order) { o.command.Resource.Deployment = ulid.Make().String() }, proto.VerbCreate},
		{"a command for a class not agreed on is refused", func(o *order) { o.command.Resource.Class = "moon" }, proto.VerbCreate},
		{"a prepare for a class not agreed on is refused", func(o *order) { o.command.Resource.Class = "moon" }, proto.VerbPrepare},
		{"an index beyond what was agreed on is refused", func(o *order) { o.command.Resource.Index = 2 }, proto.VerbCreate},
		{"an index of zero is refused", func(o *order) { o.command.Resource.Index = 0 }, proto.VerbCreate},
		{"a command without a sequence is refused", func(o *order) { o.sequence = 0 }, proto.VerbCreate},
		{"a create without a class is refused", func(o *order) { o.command.Class = nil }, proto.VerbCreate},
		{"a verb that is not known is refused", func(o *order) { o.command.Verb = "paint" }, proto.VerbCreate},
		{"a command to what was never created is refused", func(*order) {}, proto.VerbStop},
	} {
		all = append(all, check{one.name, sectionCommands, func(t *trial) {
			agreement := t.agree()
			made := t.order(agreement, one.verb)
			one.change(&made)
			answer := t.tell(made)
			if answer.Performative != proto.NotUnderstood {
				t.refused(answer, proto.Refuse)
			}
			if listed := t.resources(""); contains(listed, made.command.Resource) {
				t.fail("refused, and yet there")
			}
		}})
	}
	return append(all,
		check{"a create under an ended agreement is refused", sectionCommands, createEnded},
		check{"a command that is no JSON is not understood", sectionCommands, func(t *trial) {
			message := made(t, proto.Request, proto.RequestProtocol, proto.ResourceCommand{})
			message.Body, message.Command, message.Sequence = []byte("create!"), ulid.Make().String(), 1
			t.refused(t.ask(t.deployer, proto.SubjectCommand(t.name), message), proto.NotUnderstood)
		}},
	)
}

func contains(resources []proto.ResourceStatus, ref proto.ResourceRef) bool {
	return count(resources, ref) > 0
}

func count(resources []proto.ResourceStatus, ref proto.ResourceRef) (found int) {
	for _, resource := range resources {
		if resource.Ref == ref {
			found++
		}
	}
	return found
}

func createEnded(t *trial) {
	agreement := t.agree()
	t.ended(t.cancel(proto.Cancellation{Proposal: agreement.Proposal, Agreement: agreement.ID}), agreement.ID)
	create := t.order(agreement, proto.VerbCreate)
	t.refused(t.tell(create), proto.Refuse)
	if contains(t.resources(""), create.command.Resource) {
		t.fail("refused, and yet there")
	}
}

func commandChecks() []check {
	return []check{
		{"prepare comes to an end and makes nothing", sectionCommands, prepares},
		{"create, list, delete", sectionCommands, createListDelete},
		{"a repeat of a command has the same outcome", sectionCommands, repeats},
		{"copies of a create at the same time create once", sectionAsking, createsOnce},
		{"a command id used for something else is refused", sectionCommands, reusesID},
		{"a sequence that is not above the last is refused", sectionCommands, lowerSequence},
		{"a resource that exists is not created again", sectionCommands, createsTwice},
		{"what is gone is deleted", sectionCommands, deletesTwice},
		{"a delete may come before its create", sectionCommands, deleteFirst},
		{"a replacement is the next generation", sectionCommands, nextGeneration},
		{"machines stop and start", sectionCommands, stopsAndStarts},
		{"files that are not there keep a machine from running", sectionCommands, missingFiles},
		{"an agreement whose resources stand is not cancelled", sectionAcceptance, cancelStanding},
	}
}

func prepares(t *trial) {
	agreement := t.agree()
	prepare := t.order(agreement, proto.VerbPrepare)
	if outcome := t.outcome(t.finish(prepare), prepare); outcome.Resource != nil {
		t.fail("the outcome of prepare has a resource")
	}
	if listed := t.resources(agreement.Deployment); len(listed) > 0 {
		t.fail("prepare made %d resources", len(listed))
	}
}

func createListDelete(t *trial) {
	agreement := t.agree()
	create, created := t.created(agreement)
	ref := create.command.Resource
	for _, deployment := range []string{agreement.Deployment, ""} {
		if listed := t.resources(deployment); count(listed, ref) != 1 {
			t.fail("listed %d times after it was created", count(listed, ref))
		}
	}
	if listed := t.resources(agreement.Deployment); listed[0].ID != created.ID || listed[0].State != vendormodules.ResourceRunning ||
		listed[0].Agreement != agreement.ID {
		t.fail("listed as %q in state %q under agreement %q", listed[0].ID, listed[0].State, listed[0].Agreement)
	}
	if other := t.resources(ulid.Make().String()); len(other) > 0 {
		t.fail("%d resources are listed for a deployment that does not exist", len(other))
	}
	if deleted := t.done(t.delete(agreement, ref)); deleted.State != vendormodules.ResourceGone {
		t.fail("deleted and in state %q", deleted.State)
	}
	if contains(t.resources(""), ref) {
		t.fail("listed after it was deleted")
	}
}

func repeats(t *trial) {
	agreement := t.agree()
	create, _ := t.created(agreement)
	remove := t.delete(agreement, create.command.Resource)
	for _, one := range []order{create, remove} {
		first := t.outcome(t.finish(one), one)
		for range 2 {
			answer := t.tell(one)
			if again := t.outcome(answer, one); !reflect.DeepEqual(first, again) {
				t.fail("%s: the repeat of the command has another outcome", one.command.Verb)
			}
		}
	}
	if contains(t.resources(""), create.command.Resource) {
		t.fail("the repeated create created again what was deleted")
	}
}

func createsOnce(t *trial) {
	agreement := t.agree()
	create := t.order(agreement, proto.VerbCreate)
	message := t.orderMessage(create)
	t.atOnce(copies, func() (proto.Message, error) {
		return t.asked(t.deployer, proto.SubjectCommand(t.name), message)
	})
	t.done(create)
	if listed := count(t.resources(agreement.Deployment), create.command.Resource); listed != 1 {
		t.fail("%d copies of one create made %d resources", copies, listed)
	}
	if status := t.resources(agreement.Deployment); len(status) != 1 {
		t.fail("%d resources are there after one create", len(status))
	}
}

func reusesID(t *trial) {
	agreement := t.agree()
	create, _ := t.created(agreement)
	remove := t.delete(agreement, create.command.Resource)
	remove.id = create.id
	t.refused(t.tell(remove), proto.Refuse, sla.RefusedConflict)
	if !contains(t.resources(agreement.Deployment), create.command.Resource) {
		t.fail("refused, and yet deleted")
	}
}

func lowerSequence(t *trial) {
	agreement := t.agree()
	create := t.order(agreement, proto.VerbCreate)
	create.sequence = 10 // gaps are no fault
	t.done(create)
	for _, sequence := range []uint64{10, 9, 1} {
		remove := t.delete(agreement, create.command.Resource)
		remove.sequence = sequence
		t.refused(t.tell(remove), proto.Refuse, sla.RefusedConflict)
	}
	if !contains(t.resources(agreement.Deployment), create.command.Resource) {
		t.fail("refused, and yet deleted")
	}
}

func createsTwice(t *trial) {
	agreement := t.agree()
	create, _ := t.created(agreement)
	again := t.order(agreement, proto.VerbCreate)
	answer := t.finish(again)
	if answer.Performative != proto.Failure {
		t.refused(answer, proto.Refuse)
	}
	if listed := count(t.resources(""), create.command.Resource); listed != 1 {
		t.fail("listed %d times", listed)
	}
}

func deletesTwice(t *trial) {
	agreement := t.agree()
	create, _ := t.created(agreement)
	for range 2 {
		if deleted := t.done(t.delete(agreement, create.command.Resource)); deleted.State != vendormodules.ResourceGone {
			t.fail("deleted and in state %q", deleted.State)
		}
	}
}

func deleteFirst(t *trial) {
	agreement := t.agree()
	create := t.order(agreement, proto.VerbCreate)
	t.inform(t.finish(t.delete(agreement, create.command.Resource)))
	late := t.order(agreement, proto.VerbCreate)
	for _, one := range []order{create, late} {
		answer := t.finish(one)
		if answer.Performative == proto.Inform {
			t.fail("a create succeeded that came after its delete")
		}
	}
	if contains(t.resources(""), create.command.Resource) {
		t.fail("there, although it was deleted before it was created")
	}
}

func nextGeneration(t *trial) {
	agreement := t.agree()
	create, _ := t.created(agreement)
	t.done(t.delete(agreement, create.command.Resource))
	replacement := t.order(agreement, proto.VerbCreate)
	replacement.command.Resource.Generation, replacement.sequence = 2, 1
	if created := t.done(replacement); created.State != vendormodules.ResourceRunning {
		t.fail("created and in state %q", created.State)
	}
	if listed := t.resources(agreement.Deployment); len(listed) != 1 || listed[0].Ref.Generation != 2 {
		t.fail("%d resources are listed after the replacement, not the one of generation 2", len(listed))
	}
}

func stopsAndStarts(t *trial) {
	if t.class().Type != descriptors.Compute {
		t.notApplicable("%s has no machines", t.name)
	}
	agreement := t.agree()
	t.created(agreement)
	for _, step := range []struct {
		verb  proto.ResourceVerb
		after vendormodules.ResourceState
	}{
		{proto.VerbStop, vendormodules.ResourceStopped},
		{proto.VerbStart, vendormodules.ResourceRunning},
		{proto.VerbReboot, vendormodules.ResourceRunning},
	} {
		one := t.order(agreement, step.verb)
		answer := t.finish(one)
		if refusal, refused := proto.AsRefusal(answer); refused && refusal.Code == sla.RefusedUnsupported {
			t.notApplicable("%s does not %s machines", t.name, step.verb)
		}
		outcome := t.outcome(answer, one)
		if outcome.Resource == nil || outcome.Resource.State != step.after {
			t.fail("%s: the machine is not %s after it", step.verb, step.after)
		}
	}
}

// missingFiles creates a machine with files that are in no bucket.
func missingFiles(t *trial) {
	if t.class().Type != descriptors.Compute {
		t.notApplicable("%s has no machines", t.name)
	}
	agreement := t.agree()
	create := t.order(agreement, proto.VerbCreate)
	create.command.Upload = "nothing-of-that-name"
	t.refused(t.finish(create), proto.Failure)
}

func cancelStanding(t *trial) {
	agreement := t.agree()
	create, _ := t.created(agreement)
	cancellation := proto.Cancellation{Proposal: agreement.Proposal, Agreement: agreement.ID}
	t.refused(t.cancel(cancellation), proto.Failure, sla.RefusedState)
	t.done(t.delete(agreement, create.command.Resource))
	t.ended(t.cancel(cancellation), agreement.ID)
}
