package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// machines are the wanted machines of a name: the one machine that is called so, or all of the class; none if there is
// nothing of that name. The caller holds the deployment's mutex.
func (d *deployment) machines(name string) []*instance {
	var found []*instance
	for class, bound := range d.record.Descriptor.Resources {
		if !bound.Type.RunsMachines() {
			continue
		}
		for _, index := range d.record.indices(class) {
			if latest := d.latest(class, index); latest != nil && (class == name || latest.Status.Name == name) {
				found = append(found, latest)
			}
		}
	}
	slices.SortFunc(found, func(x, y *instance) int { return compareRefs(x.Ref, y.Ref) })
	return found
}

// named is machines for who does not hold the mutex.
func (d *deployment) named(name string) []*instance {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.machines(name)
}

// volume is the wanted volume of a name, nil for none. The caller holds the deployment's mutex.
func (d *deployment) volume(name string) *instance {
	for class, bound := range d.record.Descriptor.Resources {
		if bound.Type != descriptors.Volume {
			continue
		}
		for _, index := range d.record.indices(class) {
			if latest := d.latest(class, index); latest != nil && latest.Status.Name == name {
				return latest
			}
		}
	}
	return nil
}

// noMachine refuses a name that is none of a machine, and says which one was probably meant. The caller holds the mutex.
func (d *deployment) noMachine(name string) *sla.Refusal {
	return d.nothingCalled("machine", name, d.machineNames())
}

// machineNames are the names of all wanted machines. The caller holds the mutex.
func (d *deployment) machineNames() (names []string) {
	for class, bound := range d.record.Descriptor.Resources {
		if bound.Type.RunsMachines() {
			for _, one := range d.machines(class) {
				names = append(names, one.Status.Name)
			}
		}
	}
	return names
}

func (d *deployment) nothingCalled(what, name string, names []string) *sla.Refusal {
	refusal := &sla.Refusal{
		Code: sla.RefusedNotFound, Message: fmt.Sprintf("%s has no %s called %q", d.record.Descriptor.Name, what, name),
		Hint: fmt.Sprintf("`agency status %s` lists what it has", d.record.Descriptor.Name),
	}
	if nearest, found := descriptors.Nearest(name, names); found {
		refusal.Hint = fmt.Sprintf("did you mean %s?", nearest)
	}
	return refusal
}

// admitMachines says why something is not to be done with machines, nil if it is.
func (a *Agent) admitMachines(target *deployment, command proto.DeploymentCommand) *sla.Refusal {
	record := target.snapshot()
	if refusal := a.admitAtWork(record); refusal != nil {
		return refusal
	}
	target.mutex.Lock()
	defer target.mutex.Unlock()
	machines := target.machines(command.Machine)
	if len(machines) == 0 {
		return target.noMachine(command.Machine)
	}
	switch command.Verb {
	case proto.DeploymentDelete:
		return target.admitDelete(command, machines)
	case proto.DeploymentAttach, proto.DeploymentDetach:
		return target.admitAttachment(command, machines)
	}
	for _, one := range machines {
		if refusal := one.powerless(record.Descriptor.Name, command.Verb); refusal != nil {
			return refusal
		}
	}
	return nil
}

// admitAtWork refuses what can only be done to what runs, and to one thing after another.
func (a *Agent) admitAtWork(record deploymentRecord) *sla.Refusal {
	if refusal := a.busy(record); refusal != nil {
		return refusal
	}
	if record.State != descriptors.DeploymentRunning && record.State != descriptors.DeploymentDegraded {
		return &sla.Refusal{
			Code: sla.RefusedState, Message: fmt.Sprintf("deployment %s is %s", record.Descriptor.Name, record.State),
			Hint: fmt.Sprintf("its machines can be worked with when it runs; `agency status %s` shows how it stands", record.Descriptor.Name),
		}
	}
	return nil
}

// powerless says why a machine cannot be started, stopped or rebooted.
func (i *instanceRecord) powerless(deployment string, verb proto.DeploymentVerb) *sla.Refusal {
	stopped := i.Status.State == vendormodules.ResourceStopped
	runs := i.Status.State == vendormodules.ResourceRunning
	switch {
	case runs, stopped && verb != proto.DeploymentReboot:
		return nil
	case stopped:
		return &sla.Refusal{
			Code: sla.RefusedState, Message: fmt.Sprintf("%s is stopped and cannot be rebooted", i.Status.Name),
			Hint: fmt.Sprintf("`agency start %s %s` starts it", deployment, i.Status.Name),
		}
	}
	return &sla.Refusal{
		Code: sla.RefusedState, Message: fmt.Sprintf("%s cannot %s: it is %s", i.Status.Name, verb, i.Status.State),
		Hint: fmt.Sprintf("`agency deploy %s` replaces what is broken", deployment),
	}
}

// power starts, stops or reboots machines. Balancers leave them out before they go down, and take them in again once
// they run. Machines that are rebooted go down one after another, so that the others of a class go on meanwhile. An
// operation that is taken up again does what is not done yet; a reboot cut off by a crash may be felt twice.
func (a *Agent) power(ctx context.Context, target *deployment, command proto.DeploymentCommand) error {
	machines := target.named(command.Machine)
	switch command.Verb {
	case proto.DeploymentStop:
		return a.halt(ctx, target, machines)
	case proto.DeploymentStart:
		return a.startMachines(ctx, target, machines)
	}
	for _, one := range machines {
		err := a.setHalted(ctx, target, true, one)
		if err == nil {
			err = a.give(ctx, target, one, proto.ResourceCommand{Verb: proto.VerbReboot})
		}
		if ctx.Err() != nil {
			return err
		}
		// Also after a failure: if it runs all the same it is of use.
		if err = errors.Join(err, a.setHalted(ctx, target, false, one)); err != nil {
			return err
		}
	}
	return nil
}

// setHalted notes whether machines are to be left out, and leads the balancers accordingly.
func (a *Agent) setHalted(ctx context.Context, target *deployment, halted bool, machines ...*instance) error {
	for _, one := range machines {
		err := a.note(ctx, target, one, func(record *instanceRecord) bool {
			changed := record.Halted != halted
			record.Halted = halted
			return changed
		})
		if err != nil {
			return err
		}
	}
	return a.retarget(ctx, target)
}

// halt stops machines once no balancer leads to them any more. What cannot be stopped goes on as before.
func (a *Agent) halt(ctx context.Context, target *deployment, machines []*instance) error {
	if err := a.setHalted(ctx, target, true, machines...); err != nil {
		return a.resumeService(ctx, target, machines, err)
	}
	err := each(len(machines), func(i int) error {
		if target.state(machines[i]) == vendormodules.ResourceStopped {
			return nil
		}
		return a.give(ctx, target, machines[i], proto.ResourceCommand{Verb: proto.VerbStop})
	})
	return a.resumeService(ctx, target, machines, err)
}

// resumeService takes machines that were to be stopped and still run in again.
func (a *Agent) resumeService(ctx context.Context, target *deployment, machines []*instance, cause error) error {
	if cause == nil || ctx.Err() != nil {
		return cause
	}
	running := slices.DeleteFunc(slices.Clone(machines), func(one *instance) bool {
		return target.state(one) != vendormodules.ResourceRunning
	})
	return errors.Join(cause, a.setHalted(ctx, target, false, running...))
}

// startMachines starts machines, and leads balancers to those that run then.
func (a *Agent) startMachines(ctx context.Context, target *deployment, machines []*instance) error {
	failure := each(len(machines), func(i int) error { return a.startMachine(ctx, target, machines[i]) })
	if ctx.Err() != nil {
		return failure
	}
	running := slices.DeleteFunc(slices.Clone(machines), func(one *instance) bool {
		return target.state(one) != vendormodules.ResourceRunning
	})
	return errors.Join(failure, a.setHalted(ctx, target, false, running...))
}

// startMachine starts a machine. What it was built on may have been replaced while it was stopped; then it is, too.
func (a *Agent) startMachine(ctx context.Context, target *deployment, one *instance) error {
	if target.state(one) == vendormodules.ResourceRunning {
		return nil
	}
	if _, record := target.newest(one.Ref.Class, one.Ref.Index); !target.outdated(record) {
		return a.give(ctx, target, one, proto.ResourceCommand{Verb: proto.VerbStart})
	}
	err := a.note(ctx, target, one, func(record *instanceRecord) bool {
		record.Halted = false
		return true
	})
	if err != nil {
		return err
	}
	return a.ensure(ctx, target, one.Ref.Class, one.Ref.Index)
}

func (d *deployment) state(one *instance) vendormodules.ResourceState {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return one.Status.State
}
