package deployer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// admitDelete says why one machine is not to be deleted. The caller holds the mutex.
func (d *deployment) admitDelete(command proto.DeploymentCommand, machines []*instance) *sla.Refusal {
	descriptor := d.record.Descriptor
	one := machines[0]
	if len(machines) > 1 || one.Status.Name != command.Machine {
		return &sla.Refusal{
			Code: sla.RefusedBadRequest, Message: fmt.Sprintf("%s is a class; one machine is deleted at a time", command.Machine),
			Hint: fmt.Sprintf("`agency scale %s %s=COUNT` deletes several", descriptor.Name, command.Machine),
		}
	}
	class := one.Ref.Class
	agreed, stand := descriptor.Resources[class].Count, d.record.Counts[class]
	if agreed.Contains(stand - 1) {
		return nil
	}
	refusal := &sla.Refusal{
		Code:    sla.RefusedPermission,
		Message: fmt.Sprintf("%s is agreed for %s, and there are %d", class, agreed, stand),
		Hint:    fmt.Sprintf("`agency remove %s` removes all of it", descriptor.Name),
	}
	if agreed.Max > agreed.Min {
		refusal.Hint = fmt.Sprintf("`agency scale %s %s=%d` first makes one more", descriptor.Name, class, stand+1)
	}
	return refusal
}

// deleteMachine deletes one machine and the volumes that it has of its own. Its index is left free and is the first to
// be taken when the class grows again. Balancers leave it out before it goes.
func (a *Agent) deleteMachine(ctx context.Context, target *deployment, taken *operation) error {
	one := target.doomed(taken.Command.Machine)
	record := target.snapshot()
	if one == nil { // taken up again: the machine is gone, and its volumes may not be yet
		return a.settle(ctx, target, slices.Collect(maps.Keys(record.Descriptor.Resources)))
	}
	class, index := one.Ref.Class, one.Ref.Index
	scaled := together(record.Descriptor, class)
	if wanted := record.indices(class); slices.Contains(wanted, index) {
		holes := append(slices.Clone(record.Holes[class]), index)
		if index == wanted[len(wanted)-1] {
			holes = append([]int{}, record.Holes[class]...) // the last one leaves no hole
		}
		slices.Sort(holes)
		if err := a.count(ctx, target, scaled, counted{len(wanted) - 1, holes}); err != nil {
			return err
		}
	}
	if err := a.settle(ctx, target, scaled); err != nil {
		again := fmt.Sprintf("`agency scale %s %s=%d` clears up", record.Descriptor.Name, class, target.snapshot().Counts[class])
		return target.undone(err, target.surplus(scaled), again)
	}
	return nil
}

// doomed is the machine of a name, wanted or not, of which something stands.
func (d *deployment) doomed(name string) *instance {
	found := d.standing(func(one *instance) bool { return one.Status.Name == name })
	if len(found) == 0 {
		return nil
	}
	return found[len(found)-1]
}
