package deployer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// scale brings the instances of a class to a count within what is agreed: the last come first go. Balancers learn of new
// machines once they run, and of those that go before they do, so that their connections are drained.
func (a *Agent) scale(ctx context.Context, target *deployment, command proto.DeploymentCommand) error {
	target.mutex.Lock()
	before := target.record.Counts[command.Class]
	classes := target.record.Descriptor.Classes()
	target.mutex.Unlock()
	scaled := []string{command.Class} // the machines, and the volumes that each of them has its own of
	for _, volume := range slices.Sorted(maps.Keys(classes[command.Class].Volumes)) {
		scaled = append(scaled, volume)
	}
	if err := a.count(ctx, target, scaled, command.Count); err != nil {
		return err
	}
	err := a.provisionClasses(ctx, target, scaled)
	if err == nil {
		err = a.shrink(ctx, target, scaled, command.Count)
	}
	if err == nil || ctx.Err() != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	if command.Count <= before {
		return err
	}
	// What cannot be had is given up, and what there was before goes on.
	undo := a.count(ctx, target, scaled, before)
	if undo == nil {
		undo = a.shrink(ctx, target, scaled, before)
	}
	refusal := refusalOf(err)
	refusal.Message += fmt.Sprintf("; %s stays at %d", command.Class, before)
	if undo != nil {
		return errors.Join(refusal, fmt.Errorf("go back to %d: %w", before, undo))
	}
	return refusal
}

// count writes down how many instances of the classes are wanted.
func (a *Agent) count(ctx context.Context, target *deployment, classes []string, count int) error {
	target.mutex.Lock()
	defer target.mutex.Unlock()
	counts := maps.Clone(target.record.Counts)
	for _, class := range classes {
		counts[class] = count
	}
	before := target.record.Counts
	target.record.Counts = counts
	if err := a.commit(ctx, nil, a.tables.deployment(target)); err != nil {
		target.record.Counts = before
		return err
	}
	return nil
}

// provisionClasses creates what is missing of some classes and leads balancers to the new machines.
func (a *Agent) provisionClasses(ctx context.Context, target *deployment, classes []string) error {
	target.mutex.Lock()
	dependencies := descriptors.Dependencies(target.record.Descriptor.Classes())
	for class := range dependencies {
		if !slices.Contains(classes, class) {
			delete(dependencies, class)
			continue
		}
		dependencies[class] = slices.DeleteFunc(dependencies[class], func(need string) bool {
			return !slices.Contains(classes, need)
		})
	}
	wanted := map[string][]*instance{}
	var written []services.Change
	for _, class := range classes {
		create, unwritten := a.plan(target, class, target.record.Counts[class])
		wanted[class] = create
		for _, one := range unwritten {
			written = append(written, a.tables.instance(one))
		}
	}
	target.mutex.Unlock()
	if err := a.commit(ctx, nil, written...); err != nil {
		return err
	}
	err := walk(ctx, dependencies, func(ctx context.Context, class string) error {
		return a.createAll(ctx, target, wanted[class])
	})
	if err != nil {
		return err
	}
	return a.retargetAll(ctx, target, classes[0])
}

// shrink removes the instances beyond a count, machines before their volumes.
func (a *Agent) shrink(ctx context.Context, target *deployment, classes []string, count int) error {
	for i, class := range classes {
		target.mutex.Lock()
		var surplus []*instance
		for _, one := range target.instances {
			if one.Ref.Class == class && one.Ref.Index > count && one.stands() {
				surplus = append(surplus, one)
			}
		}
		target.mutex.Unlock()
		if len(surplus) == 0 {
			continue
		}
		if i == 0 {
			if err := a.retargetAll(ctx, target, class, surplus...); err != nil {
				return err
			}
		}
		if err := a.deleteAll(ctx, target, surplus); err != nil {
			return err
		}
	}
	return nil
}

// retargetAll leads every balancer of a class to the machines that run, except those that are about to go.
func (a *Agent) retargetAll(ctx context.Context, target *deployment, class string, without ...*instance) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, bound := range target.record.Descriptor.Resources {
		if bound.Type == descriptors.LoadBalancer && bound.Targets == class {
			group.Go(func() error { return a.retarget(ctx, target, name, without...) })
		}
	}
	return group.Wait()
}

// retarget leads a balancer to the machines that run.
func (a *Agent) retarget(ctx context.Context, target *deployment, balancer string, without ...*instance) error {
	target.mutex.Lock()
	classes := target.record.Descriptor.Classes()
	one := target.latest(balancer, 1)
	targets, err := target.targets(balancer, classes[balancer], classes, without...)
	target.mutex.Unlock()
	if err != nil || one == nil || !one.running() {
		return err
	}
	return a.give(ctx, target, one, proto.ResourceCommand{Verb: proto.VerbSetTargets, Targets: targets})
}
