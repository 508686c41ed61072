package deployer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// scale brings the instances of a class to a count within what is agreed: the last come first go. Balancers learn of new
// machines once they run, and of those that go before they do, so that their connections are drained.
func (a *Agent) scale(ctx context.Context, target *deployment, taken *operation) error {
	class, count := taken.Command.Class, taken.Command.Count
	descriptor := target.snapshot().Descriptor
	scaled := []string{class} // the machines, and the volumes that each of them has its own of
	scaled = slices.AppendSeq(scaled, maps.Keys(descriptor.Resources[class].Volumes))
	if err := a.count(ctx, target, scaled, count); err != nil {
		return err
	}
	err := a.converge(ctx, target, scaled)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case count <= taken.Before:
		again := fmt.Sprintf("`agency scale %s %s=%d` tries again", descriptor.Name, class, count)
		return target.undone(err, target.surplus(scaled), again)
	}
	// What cannot be had is given up, and what there was before goes on.
	undo := a.count(ctx, target, scaled, taken.Before)
	if undo == nil {
		undo = a.settle(ctx, target, scaled)
	}
	refusal := refusalOf(err)
	refusal.Message += fmt.Sprintf("; %s stays at %d", class, taken.Before)
	if undo == nil {
		return refusal
	}
	refusal.Message += "; what was created for it is not all gone: " + refusalOf(undo).Message
	again := fmt.Sprintf("`agency scale %s %s=%d` clears up", descriptor.Name, class, taken.Before)
	return target.undone(refusal, target.surplus(scaled), again)
}

// count writes down how many instances of some classes are wanted.
func (a *Agent) count(ctx context.Context, target *deployment, classes []string, count int) error {
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		record.Counts = maps.Clone(record.Counts)
		for _, class := range classes {
			record.Counts[class] = count
		}
		return step{}, nil
	})
}

// retarget leads every balancer that runs to the machines that do, where it is not known to be led there already.
func (a *Agent) retarget(ctx context.Context, target *deployment) error {
	resources := target.snapshot().Descriptor.Resources
	balancers := slices.DeleteFunc(slices.Sorted(maps.Keys(resources)), func(class string) bool {
		return resources[class].Type != descriptors.LoadBalancer
	})
	return each(len(balancers), func(i int) error {
		one, targets, err := target.led(balancers[i])
		if err != nil || one == nil {
			return err
		}
		return a.give(ctx, target, one, proto.ResourceCommand{Verb: proto.VerbSetTargets, Targets: targets})
	})
}

// led says where a balancer is to be led; it is nil if it is led there already, or does not run.
func (d *deployment) led(balancer string) (*instance, []vendormodules.Target, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	one := d.latest(balancer, 1)
	if one == nil || !one.running() {
		return nil, nil, nil
	}
	from := &viewpoint{deployment: d, class: balancer, classes: d.record.Descriptor.Classes()}
	targets, err := from.targets()
	if err != nil || one.Ended && slices.Equal(targets, one.Targets) {
		return nil, nil, err
	}
	return one, targets, nil
}
