package deployer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// take takes a command on: it is admitted, written down, started, and agreed to. A repeat is answered with what is
// known.
func (a *Agent) take(ctx context.Context, message proto.Message) proto.Message {
	command, err := proto.Decode[proto.DeploymentCommand](message)
	if err == nil {
		err = checkToken("operation id", message.Command)
	}
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	if verb, is := errands[command.Verb]; is {
		return a.pass(ctx, message, verb, command)
	}
	a.taking.Lock()
	defer a.taking.Unlock()
	a.mutex.Lock()
	known := a.operations[message.Command]
	a.mutex.Unlock()
	if known != nil {
		return repeat(message, known, command)
	}
	taken := &operation{ID: message.Command, Command: command, Taken: a.Now().UTC()}
	target, refusal := a.admit(taken)
	if refusal != nil {
		return proto.Refusing(message, proto.Refuse, *refusal)
	}
	if err := a.admitted(ctx, target, taken); err != nil {
		a.Log.Error("operation not written down", zap.String("operation", taken.ID), zap.Error(err))
		if _, _, err := a.tables.operations.Get(ctx, taken.ID); err == nil || a.work.Err() != nil {
			return proto.Message{} // it is written all the same, or will be: who asked asks again
		}
		return proto.Refusing(message, proto.Refuse, sla.Refusal{Code: sla.RefusedInternal, Message: err.Error()})
	}
	a.start(target, taken) //nolint:contextcheck // it outlives the request
	return message.Reply(proto.Agree)
}

// repeat answers a command that came before.
func repeat(message proto.Message, known *operation, again proto.DeploymentCommand) proto.Message {
	first := known.Command
	plain, repeated := first, again
	plain.Descriptor, repeated.Descriptor = nil, nil
	if plain != repeated || descriptorID(first) != descriptorID(again) {
		return proto.Refusing(message, proto.Refuse, sla.Refusal{
			Code: sla.RefusedConflict, Message: fmt.Sprintf("operation id %s was used for another %s", known.ID, first.Verb),
		})
	}
	return proto.Ended(message, known.Outcome)
}

func descriptorID(command proto.DeploymentCommand) string {
	if command.Descriptor == nil {
		return ""
	}
	return command.Descriptor.ID
}

// admitted writes down that an operation is taken on, and the deployment with it if it is new.
func (a *Agent) admitted(ctx context.Context, target *deployment, taken *operation) error {
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		var events []proto.Event
		if descriptor := taken.Command.Descriptor; taken.Command.Verb == proto.DeploymentApply {
			record.apply(*descriptor)
		} else if descriptor != nil && !same(*descriptor, record.Descriptor) {
			edited := planned(*descriptor, a.Now())
			record.Descriptor, record.Counts = edited.Descriptor, edited.Counts
			record.Inherited = record.Inherited || edited.Inherited
		}
		if record.Operation == "" && record.State == descriptors.DeploymentPlanned {
			events = append(events, record.event())
		}
		record.Operation, taken.Deployment = taken.ID, record.Descriptor.ID
		taken.Before = record.Counts[taken.Command.Class]
		taken.HolesBefore = append([]int{}, record.Holes[taken.Command.Class]...)
		return step{
			changes: []services.Change{a.tables.operation(taken)}, events: events,
			memory: func() {
				a.mutex.Lock()
				defer a.mutex.Unlock()
				a.operations[taken.ID] = taken
				a.shelf.put(target)
			},
		}, nil
	})
}

// admit says which deployment an operation concerns, or why it is not taken on.
func (a *Agent) admit(taken *operation) (*deployment, *sla.Refusal) {
	if taken.Command.Verb == proto.DeploymentDeploy {
		return a.admitDeploy(taken.Command.Descriptor)
	}
	if taken.Command.Verb == proto.DeploymentApply {
		return a.admitApply(taken.Command.Descriptor)
	}
	target := a.find(taken.Command.Name)
	if target == nil || target.snapshot().State == descriptors.DeploymentRemoved {
		refusal := unknown(taken.Command.Name)
		return nil, &refusal
	}
	switch taken.Command.Verb {
	case proto.DeploymentRemove:
		return target, nil
	case proto.DeploymentScale:
		return target, a.admitScale(target.snapshot(), taken.Command)
	case proto.DeploymentStart, proto.DeploymentStop, proto.DeploymentReboot, proto.DeploymentDelete,
		proto.DeploymentAttach, proto.DeploymentDetach:
		return target, a.admitMachines(target, taken.Command)
	case proto.DeploymentSnapshot:
		return target, a.admitCopy(target, taken.Command)
	}
	return nil, &sla.Refusal{Code: sla.RefusedBadRequest, Message: fmt.Sprintf("no verb %q", taken.Command.Verb)}
}

func unknown(name string) sla.Refusal {
	return sla.Refusal{
		Code: sla.RefusedNotFound, Message: fmt.Sprintf("there is no deployment %q", name),
		Hint: "`agency status` lists those that stand",
	}
}

// described is the deployment that a descriptor is for, nil if it is not known yet, or why its descriptor cannot be
// taken on.
func (a *Agent) described(descriptor *descriptors.Deployment) (*deployment, *sla.Refusal) {
	if err := check(descriptor); err != nil {
		return nil, &sla.Refusal{Code: sla.RefusedBadRequest, Message: err.Error()}
	}
	a.mutex.Lock()
	target := a.shelf.byID[descriptor.ID]
	a.mutex.Unlock()
	if target == nil {
		return nil, nil
	}
	record := target.snapshot()
	if refusal := a.busy(record); refusal != nil {
		return nil, refusal
	}
	if record.State == descriptors.DeploymentRemoving || record.State == descriptors.DeploymentRemoved {
		return nil, &sla.Refusal{
			Code: sla.RefusedState, Message: fmt.Sprintf("deployment %s is %s", record.Descriptor.Name, record.State),
			Hint: "submit the application again",
		}
	}
	return target, nil
}

func (a *Agent) admitDeploy(descriptor *descriptors.Deployment) (*deployment, *sla.Refusal) {
	target, refusal := a.described(descriptor)
	if refusal != nil {
		return nil, refusal
	}
	if target == nil {
		if other := a.find(descriptor.Name); other != nil && other.snapshot().State != descriptors.DeploymentRemoved {
			return nil, &sla.Refusal{
				Code: sla.RefusedConflict, Message: fmt.Sprintf("another deployment %q stands already", descriptor.Name),
				Hint: fmt.Sprintf("`agency remove %s` first, or submit --as another name", descriptor.Name),
			}
		}
		return &deployment{record: planned(*descriptor, a.Now()), instances: map[string]*instance{}}, nil
	}
	record := target.snapshot()
	if !same(*descriptor, record.Descriptor) && len(target.standing(every)) > 0 {
		return nil, &sla.Refusal{
			Code:    sla.RefusedConflict,
			Message: fmt.Sprintf("%s stands as another descriptor says", record.Descriptor.Name),
			Hint: fmt.Sprintf("`agency remove %s` and submit the application again, or deploy the descriptor that it has",
				record.Descriptor.Name),
		}
	}
	return target, nil
}

// same compares descriptors by what they say.
func same(one, other descriptors.Deployment) bool {
	first, firstErr := json.Marshal(one)
	second, secondErr := json.Marshal(other)
	return firstErr == nil && secondErr == nil && bytes.Equal(first, second)
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
	if *descriptor, err = descriptors.ReadDeployment("deployment", encoded); err != nil {
		return err
	}
	if err := checkToken("deployment id", descriptor.ID); err != nil {
		return err
	}
	most, classes := 0, descriptor.Classes()
	for name := range classes {
		most += sla.Instances(classes, name).Max
	}
	if most > mostInstances {
		return fmt.Errorf("%s may come to %d resources; one deployment has at most %d: divide it", descriptor.Name, most,
			mostInstances)
	}
	return nil
}

// mostInstances of one deployment are as many as fit, with all that is known of them, into one message and one record.
const mostInstances = 1000

// longestToken leaves room for all that is made of an id: it becomes a part of keys and of other ids.
const longestToken = 64

// checkToken says what is wrong with an id.
func checkToken(what, id string) error {
	if services.CheckKey(id) != nil || strings.Contains(id, ".") || len(id) > longestToken {
		return fmt.Errorf("%s %q: write letters, digits, - and _, at most %d", what, id, longestToken)
	}
	return nil
}

func (a *Agent) admitScale(record deploymentRecord, command proto.DeploymentCommand) *sla.Refusal {
	classes := record.Descriptor.Classes()
	class, found := classes[command.Class]
	switch {
	case !found || !class.Type.RunsMachines():
		machines := slices.DeleteFunc(slices.Sorted(maps.Keys(classes)), func(name string) bool {
			return !classes[name].Type.RunsMachines()
		})
		return &sla.Refusal{
			Code:    sla.RefusedNotFound,
			Message: fmt.Sprintf("%s has no machines called %q", record.Descriptor.Name, command.Class),
			Hint:    "it has " + strings.Join(machines, ", "),
		}
	case !class.Count.Contains(command.Count):
		return &sla.Refusal{
			Code:    sla.RefusedPermission,
			Message: fmt.Sprintf("%s is agreed for %s, not %d", command.Class, class.Count, command.Count),
			Hint:    "more needs a new call for proposals: submit the application with a wider range",
		}
	}
	if refusal := a.busy(record); refusal != nil {
		return refusal
	}
	if record.State != descriptors.DeploymentRunning && record.State != descriptors.DeploymentDegraded {
		return &sla.Refusal{
			Code: sla.RefusedState, Message: fmt.Sprintf("deployment %s is %s", record.Descriptor.Name, record.State),
			Hint: "it can be scaled when it runs",
		}
	}
	return nil
}

// busy refuses an operation while another is at work.
func (a *Agent) busy(record deploymentRecord) *sla.Refusal {
	current := a.unfinished(record)
	if current == nil {
		return nil
	}
	return &sla.Refusal{
		Code:    sla.RefusedConflict,
		Message: fmt.Sprintf("%s is under way for %s", current.Command.Verb, record.Descriptor.Name),
		Hint:    "`agency watch " + current.ID + "` follows it",
	}
}

// unfinished is the operation under way, nil if there is none.
func (a *Agent) unfinished(record deploymentRecord) *operation {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if current := a.operations[record.Operation]; current != nil && current.Outcome == nil {
		return current
	}
	return nil
}

// find is the deployment of that id, or the one of that name that stands, or the last of that name that was removed.
func (a *Agent) find(name string) *deployment {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if found := a.shelf.byID[name]; found != nil {
		return found
	}
	var last *deployment
	var removed time.Time
	for _, candidate := range a.shelf.named(name) {
		record := candidate.snapshot()
		switch {
		case record.State != descriptors.DeploymentRemoved:
			return candidate
		case last == nil || record.Since.After(removed):
			last, removed = candidate, record.Since
		}
	}
	return last
}
