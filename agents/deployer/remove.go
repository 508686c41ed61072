package deployer

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// remove deletes everything that stands and ends the agreements. It returns the state that the deployment is to be in,
// empty for the one it is in.
func (a *Agent) remove(ctx context.Context, target *deployment) (descriptors.DeploymentState, error) {
	record := target.snapshot()
	if record.State == descriptors.DeploymentRemoved {
		return "", nil
	}
	if err := a.enter(ctx, target, descriptors.DeploymentRemoving); err != nil {
		return "", err
	}
	err := a.deleteInOrder(ctx, target, target.standing(every))
	if err == nil {
		err = a.endAgreements(ctx, record)
	}
	if err != nil {
		again := fmt.Sprintf("`agency remove %s` tries again", record.Descriptor.Name)
		return "", target.undone(err, target.standing(every), again)
	}
	return descriptors.DeploymentRemoved, nil
}

// deleteInOrder deletes instances, each class after those that depend on it. All are tried, whatever becomes of the
// others, but for what others that could not be deleted depend on.
func (a *Agent) deleteInOrder(ctx context.Context, target *deployment, instances []*instance) error {
	byClass := map[string][]*instance{}
	for _, one := range instances {
		byClass[one.Ref.Class] = append(byClass[one.Ref.Class], one)
	}
	record := target.snapshot()
	order := reversed(descriptors.Dependencies(record.everyClass()))
	return walk(ctx, order, func(class string) error {
		doomed := byClass[class]
		return each(len(doomed), func(i int) error { return a.deleteOne(ctx, target, doomed[i]) })
	})
}

// deleteOne deletes an instance, wherever it is on its way.
func (a *Agent) deleteOne(ctx context.Context, target *deployment, one *instance) error {
	if err := a.letGo(ctx, target, one); err != nil {
		return err
	}
	err := a.give(ctx, target, one, proto.ResourceCommand{Verb: proto.VerbDelete})
	var refusal sla.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Code {
	case sla.RefusedNotFound:
	case sla.RefusedPermission:
		// The vendor knows of no such agreement. If it has lost its records, something may stand there all the same.
		if lost := a.findUnrecorded(ctx, target, one); lost != nil {
			return errors.Join(err, lost)
		}
	default:
		return err
	}
	return a.note(ctx, target, one, func(record *instanceRecord) bool {
		record.Status.State, record.Status.Addresses = vendormodules.ResourceGone, nil
		return true
	})
}

// findUnrecorded returns an error if a vendor shows resources of an instance's class that are in none of its records, or
// cannot say.
func (a *Agent) findUnrecorded(ctx context.Context, target *deployment, one *instance) error {
	record := target.current(one)
	vendor := record.Status.Vendor
	resources, err := a.resourcesAt(ctx, vendor, one.Ref.Deployment)
	if err != nil {
		return err
	}
	for _, resource := range resources {
		if resource.Ref.Class == one.Ref.Class && resource.Type.CopyOf() == "" {
			return fmt.Errorf("%s still shows %s (%s) of this deployment: delete it there",
				vendor, resource.Name, resource.ID)
		}
	}
	return nil
}

// endAgreements asks the broker to end what the deployment ran under.
func (a *Agent) endAgreements(ctx context.Context, record deploymentRecord) error {
	message := proto.Message{
		Performative: proto.Cancel, Protocol: proto.ContractNet, Conversation: record.Descriptor.Call,
		Receiver: proto.Agent(proto.RoleBroker), Command: record.Operation + "-end",
	}
	content := proto.Cancellation{Name: record.Descriptor.ID, Reason: "the deployment was removed"}
	if err := proto.Encode(&message, content); err != nil {
		return fmt.Errorf("end the agreements of %s: %w", record.Descriptor.Name, err)
	}
	answer, err := a.initiator.Do(ctx, proto.SubjectBrokerCommand, message)
	if err != nil {
		return fmt.Errorf("end the agreements of %s: %w", record.Descriptor.Name, err)
	}
	refusal, refused := proto.AsRefusal(answer)
	if refused && refusal.Code != sla.RefusedNotFound {
		return fmt.Errorf("end the agreements of %s: %w", record.Descriptor.Name, refusal)
	}
	return nil
}
