package deployer

import (
	"context"
	"fmt"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

func trimHint(refusal sla.Refusal) string {
	return strings.TrimSuffix(refusal.Message, " ("+refusal.Hint+")")
}

// give tells a vendor to do something with an instance and returns when it is done or has failed. What is told is
// written down first; a command that was given before, by an earlier run, is given again under its id.
func (a *Agent) give(ctx context.Context, target *deployment, one *instance, content proto.ResourceCommand) error {
	target.mutex.Lock()
	if one.Verb != content.Verb || a.ended(one, content.Verb) {
		one.Sequence, one.Verb = one.Sequence+1, content.Verb
		if err := a.commit(ctx, nil, a.tables.instance(one)); err != nil {
			one.Sequence--
			target.mutex.Unlock()
			return err
		}
	}
	id, sequence := one.command(), one.Sequence
	bound := target.record.Descriptor.Resources[one.Ref.Class]
	target.mutex.Unlock()

	content.Resource, content.Agreement, content.Name = one.Ref, bound.Agreement, one.Status.Name
	outcome, err := a.do(ctx, target, bound.Vendor, id, sequence, content)
	if err != nil {
		return err
	}
	target.mutex.Lock()
	if outcome.Resource != nil {
		one.Status = *outcome.Resource
	}
	known := a.tables.instance(one)
	target.mutex.Unlock()
	if err := a.commit(ctx, nil, known); err != nil {
		return err
	}
	if outcome.Refusal != nil {
		return *outcome.Refusal
	}
	return nil
}

// ended says whether the verb that was given last has had its end, so that giving it again is a new command. A create
// and a delete have only one.
func (a *Agent) ended(one *instance, verb proto.ResourceVerb) bool {
	switch verb {
	case proto.VerbCreate:
		return false
	case proto.VerbDelete:
		return one.Status.State == vendormodules.ResourceError
	}
	return true
}

// do gives one command to a vendor and returns its outcome, whichever way it ended.
func (a *Agent) do(
	ctx context.Context, target *deployment, vendor, id string, sequence uint64, content proto.ResourceCommand,
) (proto.Outcome, error) {
	message := proto.Message{
		Performative: proto.Request, Protocol: proto.RequestProtocol, Conversation: target.record.Descriptor.ID,
		Receiver: proto.Vendor(vendor), Command: id, Sequence: sequence,
	}
	if err := proto.Encode(&message, content); err != nil {
		return proto.Outcome{}, fmt.Errorf("%s %s: %w", content.Verb, content.Name, err)
	}
	answer, err := a.initiator.Do(ctx, proto.SubjectCommand(vendor), message)
	if err != nil {
		return proto.Outcome{}, err
	}
	if refusal, refused := proto.AsRefusal(answer); refused {
		return proto.Outcome{Command: id, Refusal: &refusal}, nil
	}
	outcome, err := proto.Decode[proto.Outcome](answer)
	if err != nil {
		return proto.Outcome{}, fmt.Errorf("answer of %s to %s %s: %w", vendor, content.Verb, content.Name, err)
	}
	return outcome, nil
}

// plan writes down that instances of a class are wanted, up to the count, and returns those that are to be created: new
// ones, and those whose creation was begun and is not known to have ended. An index whose resource is gone or broken gets
// a new generation.
func (a *Agent) plan(target *deployment, class string, count int) (wanted []*instance, unwritten []*instance) {
	bound := target.record.Descriptor.Resources[class]
	for index := 1; index <= count; index++ {
		latest := target.latest(class, index)
		if latest == nil || !latest.stands() || latest.Status.State == vendormodules.ResourceError {
			generation := 1
			if latest != nil {
				generation = latest.Ref.Generation + 1
			}
			latest = newInstance(target.record.Descriptor, bound, class, index, generation)
			target.instances[latest.key()] = latest
			unwritten = append(unwritten, latest)
		}
		if !latest.running() {
			wanted = append(wanted, latest)
		}
	}
	return wanted, unwritten
}

func newInstance(
	descriptor descriptors.Deployment, bound descriptors.BoundClass, class string, index, generation int,
) *instance {
	name := class
	if bound.Type.RunsMachines() || sla.Instances(descriptor.Classes(), class).Max > 1 {
		name = fmt.Sprintf("%s-%d", class, index)
	}
	ref := proto.ResourceRef{Deployment: descriptor.ID, Class: class, Index: index, Generation: generation}
	return &instance{Ref: ref, Sequence: 1, Verb: proto.VerbCreate, Status: proto.ResourceStatus{
		Ref: ref, Name: name, Type: bound.Type, Vendor: bound.Vendor, Agreement: bound.Agreement,
		State: vendormodules.ResourceRequested, Price: bound.Price,
	}}
}

// latest is the newest generation of an instance. The caller holds the deployment's mutex.
func (d *deployment) latest(class string, index int) *instance {
	var latest *instance
	for _, one := range d.instances {
		if one.Ref.Class == class && one.Ref.Index == index &&
			(latest == nil || one.Ref.Generation > latest.Ref.Generation) {
			latest = one
		}
	}
	return latest
}

// running are the instances of a class that run, by index. The caller holds the deployment's mutex.
func (d *deployment) runningOf(class string) []*instance {
	var running []*instance
	highest := 0
	for _, one := range d.instances {
		if one.Ref.Class == class {
			highest = max(highest, one.Ref.Index)
		}
	}
	for index := 1; index <= highest; index++ {
		if latest := d.latest(class, index); latest != nil && latest.running() {
			running = append(running, latest)
		}
	}
	return running
}
