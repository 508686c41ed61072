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
	scaled := together(descriptor, class)
	if err := a.count(ctx, target, scaled, counted{count: count}); err != nil {
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
	undo := a.count(ctx, target, scaled, counted{taken.Before, taken.HolesBefore})
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

// together are the machines of a class, and the volumes that each of them has its own of.
func together(descriptor descriptors.Deployment, class string) []string {
	return slices.AppendSeq([]string{class}, maps.Keys(descriptor.Resources[class].Volumes))
}

// counted is how many instances of a class are wanted, and which indices are to be left out; nil for those that are left
// out as it is, as far as the count allows.
type counted struct {
	count int
	holes []int
}

// count writes down how many instances of some classes are wanted.
func (a *Agent) count(ctx context.Context, target *deployment, classes []string, wanted counted) error {
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		record.Counts, record.Holes = maps.Clone(record.Counts), maps.Clone(record.Holes)
		if record.Holes == nil {
			record.Holes = map[string][]int{}
		}
		for _, class := range classes {
			holes := wanted.holes
			if holes == nil {
				holes = fill(record.Holes[class], wanted.count-record.Counts[class])
			}
			record.Counts[class], record.Holes[class] = wanted.count, holes
			if len(holes) == 0 || wanted.count == 0 {
				delete(record.Holes, class)
			}
		}
		return step{}, nil
	})
}

// fill leaves of the holes those that so many more instances do not fill, the first first.
func fill(holes []int, more int) []int { return holes[min(max(more, 0), len(holes)):] }

// indices are those of the wanted instances of a class: the first ones that are not left out, as many as the count says.
func (r *deploymentRecord) indices(class string) []int {
	indices := make([]int, 0, r.Counts[class])
	for index := 1; len(indices) < r.Counts[class]; index++ {
		if !slices.Contains(r.Holes[class], index) {
			indices = append(indices, index)
		}
	}
	return indices
}

// retarget leads every balancer that runs to the machines that do, where it is not known to be led there already.
func (a *Agent) retarget(ctx context.Context, target *deployment) error {
	target.leading.Lock()
	defer target.leading.Unlock()
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
