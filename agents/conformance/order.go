package conformance

import (
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// order is a command to a resource, as it may be given any number of times.
type order struct {
	id       string
	sequence uint64
	command  proto.ResourceCommand
}

// order makes the next command to the first resource of an agreement.
func (t *trial) order(agreement sla.Agreement, verb proto.ResourceVerb) order {
	return t.orderOf(agreement, verb, 1)
}

// orderOf makes the next command to a resource of an agreement.
func (t *trial) orderOf(agreement sla.Agreement, verb proto.ResourceVerb, index int) order {
	ref := proto.ResourceRef{Deployment: agreement.Deployment, Class: "web", Index: index, Generation: 1}
	made := order{id: ulid.Make().String(), command: proto.ResourceCommand{
		Verb: verb, Resource: ref, Agreement: agreement.ID, Name: fmt.Sprintf("web-%d", index),
	}}
	if verb == proto.VerbCreate || verb == proto.VerbPrepare {
		class := t.class()
		made.command.Class = &class
	}
	if verb != proto.VerbPrepare {
		t.sequences[ref]++
		made.sequence = t.sequences[ref]
	}
	return made
}

// delete makes the command that deletes a resource, above all others that were given.
func (t *trial) delete(agreement sla.Agreement, ref proto.ResourceRef) order {
	t.sequences[ref] += 100
	return order{id: ulid.Make().String(), sequence: t.sequences[ref], command: proto.ResourceCommand{
		Verb: proto.VerbDelete, Resource: ref, Agreement: agreement.ID, Name: fmt.Sprintf("%s-%d", ref.Class, ref.Index),
	}}
}

// tell gives a command once. What it may create is deleted after the check.
func (t *trial) tell(one order) proto.Message {
	return t.ask(t.deployer, proto.SubjectCommand(t.name), t.orderMessage(one))
}

func (t *trial) orderMessage(one order) proto.Message {
	ref := one.command.Resource
	for _, agreement := range t.agreements {
		if one.command.Verb == proto.VerbCreate && agreement.ID == one.command.Agreement && agreement.Deployment == ref.Deployment {
			if t.owners == nil {
				t.owners = map[proto.ResourceRef]sla.Agreement{}
			}
			t.owners[ref] = agreement
		}
	}
	t.sequences[ref] = max(t.sequences[ref], one.sequence)
	message := made(t, proto.Request, proto.RequestProtocol, one.command)
	message.Command, message.Sequence, message.Conversation = one.id, one.sequence, ref.Deployment
	return message
}

// The times between two looks whether a command has ended.
const (
	lookFirst = 20 * time.Millisecond
	lookMost  = time.Second
)

// finish gives a command until it has ended, and returns how.
func (t *trial) finish(one order) proto.Message {
	return t.until(string(one.command.Verb), func() proto.Message { return t.tell(one) })
}

// until asks for the end of a command until there is one.
func (t *trial) until(what string, ask func() proto.Message) proto.Message {
	deadline := time.Now().Add(t.CommandPatience)
	for pause := lookFirst; ; pause = min(2*pause, lookMost) {
		answer := ask()
		switch answer.Performative {
		case proto.Agree:
			if len(answer.Body) > 0 {
				t.fail("%s: agree has a body", what)
			}
		case proto.Inform, proto.Failure, proto.Refuse, proto.NotUnderstood:
			return answer
		default:
			t.fail("%s: answered %s", what, said(answer))
		}
		if time.Now().After(deadline) {
			t.fail("%s did not end within %s", what, t.CommandPatience)
		}
		t.pause(pause)
	}
}

func (t *trial) pause(length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		t.fail("%s", t.ctx.Err())
	}
}

// outcome is the one of a command that ended well.
func (t *trial) outcome(answer proto.Message, one order) proto.Outcome {
	outcome := content[proto.Outcome](t, answer, proto.Inform)
	switch {
	case outcome.Command != one.id:
		t.fail("%s: the outcome is of command %q", one.command.Verb, outcome.Command)
	case outcome.Refusal != nil:
		t.fail("%s: informed of an outcome with a refusal: %s", one.command.Verb, outcome.Refusal.Message)
	}
	return outcome
}

// done gives a command that must end well, and returns the resource after it.
func (t *trial) done(one order) proto.ResourceStatus {
	outcome := t.outcome(t.finish(one), one)
	if outcome.Resource == nil {
		t.fail("%s: the outcome has no resource", one.command.Verb)
	}
	if outcome.Resource.Ref != one.command.Resource {
		t.fail("%s: the outcome is about another resource", one.command.Verb)
	}
	return *outcome.Resource
}

// created makes the first resource of an agreement run.
func (t *trial) created(agreement sla.Agreement) (order, proto.ResourceStatus) {
	create := t.order(agreement, proto.VerbCreate)
	resource := t.done(create)
	switch {
	case resource.State != vendormodules.ResourceRunning:
		t.fail("created and in state %q", resource.State)
	case resource.Vendor != t.name || resource.Agreement != agreement.ID:
		t.fail("created at vendor %q under agreement %q", resource.Vendor, resource.Agreement)
	case resource.Type != single(create.command.Class.Type):
		t.fail("created as a %q, wanted was %q", resource.Type, create.command.Class.Type)
	case resource.Name != create.command.Name:
		t.fail("created with name %q, wanted was %q", resource.Name, create.command.Name)
	case resource.Price != agreement.Classes[resource.Ref.Class].Unit:
		t.fail("created at %s, agreed was %s", resource.Price, agreement.Classes[resource.Ref.Class].Unit)
	}
	return create, resource
}

// single is the type of one instance of a class: those of a cluster are computes.
func single(kind descriptors.ResourceType) descriptors.ResourceType {
	if kind == descriptors.Cluster {
		return descriptors.Compute
	}
	return kind
}
