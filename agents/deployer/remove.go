package deployer

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// remove deletes everything that stands and ends the agreements.
func (a *Agent) remove(ctx context.Context, target *deployment) error {
	if target.state() == descriptors.DeploymentRemoved {
		return nil
	}
	if target.state() != descriptors.DeploymentRemoving {
		if err := a.move(ctx, target, descriptors.DeploymentRemoving, sla.Refusal{}); err != nil {
			return err
		}
	}
	if err := a.removeAll(ctx, target); err != nil {
		return err
	}
	if err := a.endAgreements(ctx, target); err != nil {
		return err
	}
	return a.move(ctx, target, descriptors.DeploymentRemoved, sla.Refusal{})
}

// removeAll deletes everything that stands, each class after those that depend on it.
func (a *Agent) removeAll(ctx context.Context, target *deployment) error {
	target.mutex.Lock()
	dependents := map[string][]string{}
	for class, needs := range descriptors.Dependencies(target.record.Descriptor.Classes()) {
		dependents[class] = append(dependents[class], []string{}...)
		for _, need := range needs {
			dependents[need] = append(dependents[need], class)
		}
	}
	standing := map[string][]*instance{}
	for _, one := range target.instances {
		if one.stands() {
			standing[one.Ref.Class] = append(standing[one.Ref.Class], one)
		}
	}
	target.mutex.Unlock()
	return walk(ctx, dependents, func(ctx context.Context, class string) error {
		return a.deleteAll(ctx, target, standing[class])
	})
}

// deleteAll deletes instances side by side. All are tried, whatever becomes of the others.
func (a *Agent) deleteAll(ctx context.Context, target *deployment, instances []*instance) error {
	failures := make([]error, len(instances))
	var group errgroup.Group
	for i, one := range instances {
		group.Go(func() error {
			failures[i] = a.deleteOne(ctx, target, one)
			return nil
		})
	}
	_ = group.Wait() // failures are kept by instance
	return errors.Join(failures...)
}

func (a *Agent) deleteOne(ctx context.Context, target *deployment, one *instance) error {
	err := a.give(ctx, target, one, proto.ResourceCommand{Verb: proto.VerbDelete})
	var refusal sla.Refusal
	if errors.As(err, &refusal) && (refusal.Code == sla.RefusedNotFound || refusal.Code == sla.RefusedPermission) {
		// The vendor knows of no such resource or agreement: nothing of it can stand there.
		target.mutex.Lock()
		one.Status.State = vendormodules.ResourceGone
		gone := a.tables.instance(one)
		target.mutex.Unlock()
		return a.commit(ctx, nil, gone)
	}
	return err
}

// endAgreements asks the broker to end what the deployment ran under.
func (a *Agent) endAgreements(ctx context.Context, target *deployment) error {
	id := target.record.Descriptor.ID
	message := proto.Message{
		Performative: proto.Cancel, Protocol: proto.ContractNet, Conversation: target.record.Descriptor.Call,
		Receiver: proto.Agent(proto.RoleBroker), Command: target.operation() + "-end",
	}
	content := proto.Cancellation{Name: id, Reason: "the deployment was removed"}
	if err := proto.Encode(&message, content); err != nil {
		return fmt.Errorf("end the agreements of %s: %w", target.record.Descriptor.Name, err)
	}
	answer, err := a.initiator.Do(ctx, proto.SubjectBrokerCommand, message)
	if err != nil {
		return fmt.Errorf("end the agreements of %s: %w", target.record.Descriptor.Name, err)
	}
	refusal, refused := proto.AsRefusal(answer)
	if refused && refusal.Code != sla.RefusedNotFound {
		return refusal
	}
	return nil
}
