package deployer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// errRemoved interrupts an operation whose deployment is to be removed.
var errRemoved = errors.New("interrupted: the deployment is being removed")

// take takes a command on: it is admitted, written down, started, and agreed to. A repeat is answered with what is
// known.
func (a *Agent) take(ctx context.Context, message proto.Message) proto.Message {
	command, err := proto.Decode[proto.DeploymentCommand](message)
	if err == nil && services.CheckKey(message.Command) != nil {
		err = fmt.Errorf("operation id %q: write letters, digits, - and _", message.Command)
	}
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if known := a.operations[message.Command]; known != nil {
		return proto.Ended(message, known.Outcome)
	}
	taken := &operation{ID: message.Command, Command: command, Taken: a.Now().UTC()}
	target, refusal := a.admit(taken)
	if refusal != nil {
		return proto.Refusing(message, proto.Refuse, *refusal)
	}
	taken.Deployment = target.record.Descriptor.ID
	target.mutex.Lock()
	before := target.record.Operation
	target.record.Operation = taken.ID
	written := []services.Change{a.tables.operation(taken), a.tables.deployment(target)}
	target.mutex.Unlock()
	if err := a.commit(ctx, nil, written...); err != nil {
		target.mutex.Lock()
		target.record.Operation = before
		target.mutex.Unlock()
		a.Log.Error("operation not written down", zap.String("operation", taken.ID), zap.Error(err))
		return proto.Refusing(message, proto.Refuse, sla.Refusal{Code: sla.RefusedInternal, Message: err.Error()})
	}
	a.operations[taken.ID] = taken
	a.deployments[taken.Deployment] = target
	a.start(target, taken)
	return message.Reply(proto.Agree)
}

// admit says which deployment an operation concerns, or why it is not taken on. The caller holds the mutex.
func (a *Agent) admit(taken *operation) (*deployment, *sla.Refusal) {
	if taken.Command.Verb == proto.DeploymentDeploy {
		return a.admitDeploy(taken.Command.Descriptor)
	}
	target := a.standing(taken.Command.Name)
	if target == nil || target.state() == descriptors.DeploymentRemoved {
		return nil, &sla.Refusal{
			Code: sla.RefusedNotFound, Message: fmt.Sprintf("there is no deployment %q", taken.Command.Name),
			Hint: "`agency status` lists those that stand",
		}
	}
	switch taken.Command.Verb {
	case proto.DeploymentRemove:
		return target, nil
	case proto.DeploymentScale:
		return target, a.admitScale(target, taken.Command)
	}
	return nil, &sla.Refusal{Code: sla.RefusedBadRequest, Message: fmt.Sprintf("no verb %q", taken.Command.Verb)}
}

func (a *Agent) admitDeploy(descriptor *descriptors.Deployment) (*deployment, *sla.Refusal) {
	if err := check(descriptor); err != nil {
		return nil, &sla.Refusal{Code: sla.RefusedBadRequest, Message: err.Error()}
	}
	target := a.deployments[descriptor.ID]
	if target == nil {
		if other := a.standing(descriptor.Name); other != nil {
			return nil, &sla.Refusal{
				Code: sla.RefusedConflict, Message: fmt.Sprintf("a deployment %q stands already", descriptor.Name),
				Hint: fmt.Sprintf("`agency remove %s` first, or submit --as another name", descriptor.Name),
			}
		}
		counts := map[string]int{}
		classes := descriptor.Classes()
		for name := range classes {
			counts[name] = sla.Instances(classes, name).Min
		}
		return &deployment{
			record: deploymentRecord{
				Descriptor: *descriptor, State: descriptors.DeploymentPlanned, Since: a.Now().UTC(), Counts: counts,
			},
			instances: map[string]*instance{},
		}, nil
	}
	if refusal := a.busy(target); refusal != nil {
		return nil, refusal
	}
	switch target.state() {
	case descriptors.DeploymentPlanned, descriptors.DeploymentFailed, descriptors.DeploymentRunning, descriptors.DeploymentDegraded:
		return target, nil
	}
	return nil, &sla.Refusal{
		Code: sla.RefusedState, Message: fmt.Sprintf("deployment %s is %s", descriptor.Name, target.state()),
		Hint: "submit the application again",
	}
}

// check makes of a descriptor that came over the bus what reading it from a file would have made: complete and sound,
// or refused with every fault.
func check(descriptor *descriptors.Deployment) error {
	if descriptor == nil {
		return errors.New("deploy carries a deployment descriptor")
	}
	encoded, err := json.Marshal(descriptor)
	if err != nil {
		return fmt.Errorf("deployment descriptor: %w", err)
	}
	*descriptor, err = descriptors.ReadDeployment("deployment", encoded)
	return err
}

func (a *Agent) admitScale(target *deployment, command proto.DeploymentCommand) *sla.Refusal {
	classes := target.record.Descriptor.Classes()
	class, found := classes[command.Class]
	switch {
	case !found || !class.Type.RunsMachines():
		var machines []string
		for _, name := range slices.Sorted(maps.Keys(classes)) {
			if classes[name].Type.RunsMachines() {
				machines = append(machines, name)
			}
		}
		return &sla.Refusal{
			Code:    sla.RefusedNotFound,
			Message: fmt.Sprintf("%s has no machines called %q", target.record.Descriptor.Name, command.Class),
			Hint:    fmt.Sprintf("it has %v", machines),
		}
	case !class.Count.Contains(command.Count):
		return &sla.Refusal{
			Code:    sla.RefusedPermission,
			Message: fmt.Sprintf("%s is agreed for %s, not %d", command.Class, class.Count, command.Count),
			Hint:    "more needs a new call for proposals: submit the application with a wider range",
		}
	}
	if refusal := a.busy(target); refusal != nil {
		return refusal
	}
	if state := target.state(); state != descriptors.DeploymentRunning && state != descriptors.DeploymentDegraded {
		return &sla.Refusal{
			Code: sla.RefusedState, Message: fmt.Sprintf("deployment %s is %s", target.record.Descriptor.Name, state),
			Hint: "it can be scaled when it runs",
		}
	}
	return nil
}

// busy refuses an operation while another is at work.
func (a *Agent) busy(target *deployment) *sla.Refusal {
	current := a.operations[target.record.Operation]
	if current == nil || current.Outcome != nil {
		return nil
	}
	return &sla.Refusal{
		Code:    sla.RefusedConflict,
		Message: fmt.Sprintf("%s is under way for %s", current.Command.Verb, target.record.Descriptor.Name),
		Hint:    "`agency watch " + current.ID + "` follows it",
	}
}

func (d *deployment) state() descriptors.DeploymentState {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.record.State
}
