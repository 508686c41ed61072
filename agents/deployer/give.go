package deployer

import (
	"cmp"
	"context"
	"fmt"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// give tells a vendor to do something with an instance and returns when it is done or has failed. What is told is
// written down first, as it is sent. A creation of which no end is known is given again as it was given before, so that
// it is done once; every other command comes under a number of its own, which orders it after those before.
// Uses are what a creation is built on. The vendor and, unless the content names another, the agreement are those that the
// instance has now.
func (a *Agent) give(
	ctx context.Context, target *deployment, one *instance, content proto.ResourceCommand, uses ...proto.ResourceRef,
) error {
	var told instanceRecord
	err := a.note(ctx, target, one, func(record *instanceRecord) bool {
		if record.creating() && content.Verb == proto.VerbCreate {
			told = *record
			return false
		}
		content.Resource, content.Name = record.Ref, record.Status.Name
		content.Agreement = cmp.Or(content.Agreement, record.Status.Agreement)
		record.Sequence, record.Command, record.Ended = record.Sequence+1, content, false
		if content.Verb == proto.VerbCreate {
			record.Uses = uses
		}
		told = *record
		return true
	})
	if err != nil {
		return err
	}
	outcome, err := a.do(ctx, order{
		vendor: told.Status.Vendor, id: told.command(), sequence: told.Sequence, content: told.Command,
	})
	if err != nil {
		return err
	}
	err = a.note(ctx, target, one, func(record *instanceRecord) bool {
		record.end(outcome)
		return true
	})
	if err != nil {
		return err
	}
	if outcome.Refusal != nil {
		return *outcome.Refusal
	}
	return nil
}

// end takes over how the last command ended.
func (i *instanceRecord) end(outcome proto.Outcome) {
	i.Ended = true
	if outcome.Resource != nil {
		i.take(*outcome.Resource)
	}
	if outcome.Refusal != nil {
		return
	}
	switch i.Command.Verb {
	case proto.VerbCreate, proto.VerbSetTargets:
		i.Targets = i.Command.Targets
	case proto.VerbDelete:
		i.Status.State, i.Status.Addresses = vendormodules.ResourceGone, nil
	}
}

// order is a command as one vendor gets it.
type order struct {
	vendor, id string
	sequence   uint64
	content    proto.ResourceCommand
}

// do gives one command to a vendor and returns its outcome, whichever way it ended. Its only error is that the context
// ended first, or that nobody could understand the answer.
func (a *Agent) do(ctx context.Context, given order) (proto.Outcome, error) {
	message := proto.Message{
		Performative: proto.Request, Protocol: proto.RequestProtocol, Conversation: given.content.Resource.Deployment,
		Receiver: proto.Vendor(given.vendor), Command: given.id, Sequence: given.sequence,
	}
	what := fmt.Sprintf("%s %s at %s", given.content.Verb, given.content.Name, given.vendor)
	if err := proto.Encode(&message, given.content); err != nil {
		return proto.Outcome{}, fmt.Errorf("%s: %w", what, err)
	}
	answer, err := a.initiator.Do(ctx, proto.SubjectCommand(given.vendor), message)
	if err != nil {
		return proto.Outcome{}, fmt.Errorf("%s: %w", what, err)
	}
	if outcome, err := proto.Decode[proto.Outcome](answer); err == nil {
		return outcome, nil
	}
	if refusal, refused := proto.AsRefusal(answer); refused {
		return proto.Outcome{Command: given.id, Refusal: &refusal}, nil
	}
	return proto.Outcome{}, fmt.Errorf("%s: it answers %s and nothing that can be understood", what, answer.Performative)
}
