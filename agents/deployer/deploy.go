package deployer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla/difference"
)

// deploy makes everything that the descriptor asks for exist, and replaces what is broken. When something fails that is
// being provisioned, the deployment's policy says whether what was created is rolled back or kept. It returns the state
// that the deployment is to be in, empty for the one it is in.
func (a *Agent) deploy(ctx context.Context, target *deployment) (descriptors.DeploymentState, error) {
	state := target.snapshot().State
	if state == descriptors.DeploymentPlanned || state == descriptors.DeploymentFailed {
		if err := a.enter(ctx, target, descriptors.DeploymentProvisioning); err != nil {
			return "", err
		}
	}
	record := target.snapshot()
	err := a.converge(ctx, target, slices.Sorted(maps.Keys(record.Descriptor.Resources)))
	switch {
	case err == nil:
		return descriptors.DeploymentRunning, a.finishChange(ctx, target)
	case ctx.Err() != nil || record.State != descriptors.DeploymentProvisioning:
		return "", err // it ran before and still does what it did, or whoever interrupted goes on from here
	}
	return descriptors.DeploymentFailed, a.giveUp(ctx, target, err)
}

// giveUp deals with what a provisioning that failed has created, and says what stands then.
func (a *Agent) giveUp(ctx context.Context, target *deployment, cause error) error {
	refusal := refusalOf(cause)
	descriptor := target.snapshot().Descriptor
	created := target.standing(every)
	said := []string{strings.TrimRight(refusal.Message, ". ")}
	switch {
	case len(created) == 0:
		said = append(said, "Nothing was created")
	case descriptor.OnFailure == descriptors.Keep:
		said = append(said, "What was created is kept: "+target.names(created))
	default:
		said = append(said, a.rollBack(ctx, target))
	}
	said = append(said, fmt.Sprintf("The agreement stands; `agency remove %s` ends it.", descriptor.Name))
	refusal.Message = strings.Join(said, ". ")
	if refusal.Hint == "" {
		refusal.Hint = fmt.Sprintf("`agency deploy %s` tries again", descriptor.Name)
	}
	return refusal
}

// rollBack deletes everything and says how that went.
func (a *Agent) rollBack(ctx context.Context, target *deployment) string {
	err := a.deleteInOrder(ctx, target, target.standing(every))
	if err == nil {
		return "What was created is rolled back"
	}
	return fmt.Sprintf("It could not be rolled back, %s may still cost: %s",
		target.names(target.standing(every)), refusalOf(err).Message)
}

// names tells people which instances are meant.
func (d *deployment) names(instances []*instance) string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	names := make([]string, len(instances))
	for i, one := range instances {
		names[i] = one.Status.Name
	}
	return strings.Join(slices.Compact(names), ", ")
}

// converge makes of some classes what is wanted of them: every vendor is asked first whether it can; then what is
// missing or broken is created, each class as soon as what it needs runs, and nothing more is begun after a failure;
// then balancers are led to the machines that run, and what is not wanted any more is deleted.
func (a *Agent) converge(ctx context.Context, target *deployment, classes []string) error {
	missing := target.plan(classes)
	if err := a.prepare(ctx, target, missing); err != nil {
		return err
	}
	record := target.snapshot()
	dependencies := among(descriptors.Dependencies(record.Descriptor.Classes()), classes)
	begin, stop := context.WithCancel(ctx)
	defer stop()
	err := walk(begin, dependencies, func(class string) error {
		// ctx, not begin: what was begun is seen through, so that its end is known.
		indices := record.indices(class)
		turns := target.turns(class)
		indices = slices.DeleteFunc(indices, func(index int) bool { return slices.Contains(turns, index) })
		err := each(len(indices), func(i int) error { return a.ensure(ctx, target, class, indices[i]) })
		for i, away := 0, false; err == nil && i < len(turns); i++ {
			if away {
				err = a.awaitCheck(ctx, record.Descriptor, class)
			}
			if err == nil {
				away, err = a.turn(ctx, target, class, turns[i])
			}
		}
		if err != nil {
			stop()
		}
		return err
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	return a.settle(ctx, target, classes)
}

// plan makes instances for what is missing of some classes, and returns the classes of which something does not run.
func (d *deployment) plan(classes []string) (missing []string) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, class := range classes {
		running := true
		for _, index := range d.record.indices(class) {
			latest := d.latest(class, index)
			if latest == nil || latest.gone() {
				latest = d.successor(class, index)
			}
			running = running && (latest.running() || latest.idle()) && d.fateOf(latest.instanceRecord) == difference.Kept
		}
		if !running {
			missing = append(missing, class)
		}
	}
	return missing
}

// successor makes the next generation of an instance. The caller holds the mutex.
func (d *deployment) successor(class string, index int) *instance {
	generation := 1
	if latest := d.latest(class, index); latest != nil {
		generation = latest.Ref.Generation + 1
	}
	next := newInstance(d.record.Descriptor, class, index, generation)
	d.instances[next.key()] = next
	return next
}

// settle leads balancers to the machines that run and are wanted, so that the others are drained, and then deletes what
// stands of some classes and is not wanted.
func (a *Agent) settle(ctx context.Context, target *deployment, classes []string) error {
	if err := a.retarget(ctx, target); err != nil {
		return err
	}
	return a.deleteInOrder(ctx, target, target.surplus(classes))
}

// surplus is what stands of some classes beyond their counts, or has been replaced.
func (d *deployment) surplus(classes []string) []*instance {
	return d.standing(func(one *instance) bool {
		return slices.Contains(classes, one.Ref.Class) &&
			(!slices.Contains(d.record.indices(one.Ref.Class), one.Ref.Index) || one != d.latest(one.Ref.Class, one.Ref.Index))
	})
}

// undone is what people are told of an operation that left something standing that should not.
func (d *deployment) undone(cause error, left []*instance, hint string) error {
	refusal := refusalOf(cause)
	if len(left) > 0 {
		refusal.Message += "; still standing: " + d.names(left)
	}
	if refusal.Hint == "" {
		refusal.Hint = hint
	}
	return refusal
}
