package vendor

import (
	"context"
	"fmt"
	"time"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// change carries out the verbs that need an optional ability of the module.
func (a *Agent) change(ctx context.Context, command *commandRecord, record *resourceRecord) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if record.Status.ID == "" || record.Status.State == vendormodules.ResourceGone {
		return fmt.Errorf("it is %s: %w", record.Status.State, vendormodules.ErrConflict)
	}
	switch verb := command.Command.Verb; verb {
	case proto.VerbStart, proto.VerbStop, proto.VerbReboot:
		return a.power(ctx, verb, record)
	case proto.VerbAttach, proto.VerbDetach:
		return a.attachment(ctx, &command.Command, record)
	case proto.VerbResize:
		return a.resize(ctx, &command.Command, record)
	case proto.VerbRebind:
		return a.rebind(&command.Command, record)
	case proto.VerbSetTargets:
		balancer := a.abilities.Balancer
		if balancer == nil {
			return a.unable("change a balancer's targets")
		}
		return balancer.SetTargets(ctx, record.Status.ID, command.Command.Targets)
	default:
		return fmt.Errorf("no verb %q: %w", verb, vendormodules.ErrInvalid)
	}
}

func (a *Agent) unable(what string) error {
	return sla.Refusal{
		Code: sla.RefusedUnsupported, Message: fmt.Sprintf("%s: %s cannot %s", a.name, a.description.Kind, what),
		Hint: "other vendors may: `agency vendors` lists them",
	}
}

func (a *Agent) power(ctx context.Context, verb proto.ResourceVerb, record *resourceRecord) error {
	power := a.abilities.Power
	if power == nil {
		return a.unable("stop and start machines")
	}
	wanted, act := vendormodules.ResourceRunning, power.Start
	switch verb {
	case proto.VerbStop:
		wanted, act = vendormodules.ResourceStopped, power.Stop
	case proto.VerbReboot:
		act = power.Reboot
	}
	if state := record.Status.State; state != wanted && !vendormodules.ResourceStates.Allows(state, wanted) {
		return sla.Refusal{Code: sla.RefusedState, Message: fmt.Sprintf("%s cannot %s: it is %s", record.Status.Name, verb, state)}
	}
	if err := act(ctx, record.Status.ID); err != nil {
		return err
	}
	resource, err := a.Module.Get(ctx, record.Status.ID)
	if err == nil {
		resource, err = a.watcher.await(ctx, resource, time.Time{}, func(resource vendormodules.Resource) bool {
			return resource.State == wanted || resource.State == vendormodules.ResourceError
		})
	}
	if err != nil {
		return err
	}
	a.takeOver(record, resource)
	if resource.State != wanted {
		return sla.Refusal{Code: sla.RefusedState, Message: fmt.Sprintf("%s is %s: %s", record.Status.Name, resource.State, resource.Fault)}
	}
	return nil
}

// resize gives a resource the size of a class, and puts it under the agreement that this was agreed on with.
func (a *Agent) resize(ctx context.Context, command *proto.ResourceCommand, record *resourceRecord) error {
	resizer := a.abilities.Resizer
	if resizer == nil {
		return a.unable("change the size of what exists")
	}
	class, before := *command.Class, record.Status.State
	class.Type = single(class.Type)
	if err := resizer.Resize(ctx, record.Status.ID, class); err != nil {
		return err
	}
	resource, err := a.Module.Get(ctx, record.Status.ID)
	if err == nil {
		resource, err = a.watcher.await(ctx, resource, time.Time{}, func(resource vendormodules.Resource) bool {
			return resource.State == before || resource.State == vendormodules.ResourceError
		})
	}
	if err != nil {
		return err
	}
	a.takeOver(record, resource)
	if resource.State != before {
		return sla.Refusal{Code: sla.RefusedState, Message: fmt.Sprintf("%s is %s: %s", record.Status.Name, resource.State, resource.Fault)}
	}
	return a.rebind(command, record)
}

// rebind puts a resource under the agreement of a command, as it is.
func (a *Agent) rebind(command *proto.ResourceCommand, record *resourceRecord) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if !a.inForce(command.Agreement) {
		return sla.Refusal{Code: sla.RefusedState, Message: fmt.Sprintf("agreement %s has ended", command.Agreement)}
	}
	agreement := a.ledger.agreements[command.Agreement].Agreement
	record.Status.Agreement, record.Status.Price = agreement.ID, agreement.Classes[command.Resource.Class].Unit
	record.Status.Changed = a.Now().UTC()
	return nil
}

func (a *Agent) attachment(ctx context.Context, command *proto.ResourceCommand, record *resourceRecord) error {
	attacher := a.abilities.Attacher
	if attacher == nil {
		return a.unable("attach volumes to machines that run")
	}
	if command.Volume == nil {
		return fmt.Errorf("%s names a volume: %w", command.Verb, vendormodules.ErrInvalid)
	}
	volume, err := a.cloudID(command.Resource.Deployment, *command.Volume)
	if err != nil {
		return err
	}
	if command.Verb == proto.VerbDetach {
		return attacher.Detach(ctx, volume, record.Status.ID)
	}
	return attacher.Attach(ctx, volume, record.Status.ID, command.Mount)
}
