package deployer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// admitApply says which deployment a changed descriptor concerns, or why it is not taken on. A descriptor that is taken on
// already may come again, so that what it left undone is done.
func (a *Agent) admitApply(descriptor *descriptors.Deployment) (*deployment, *sla.Refusal) {
	target, refusal := a.described(descriptor)
	switch {
	case refusal != nil:
		return nil, refusal
	case target == nil:
		missing := unknown(descriptor.Name)
		missing.Hint = fmt.Sprintf("`agency deploy %s` creates what was agreed on", descriptor.Name)
		return nil, &missing
	}
	record := target.snapshot()
	name, has := record.Descriptor.Name, record.Descriptor.Revision
	if descriptor.Revision < has || descriptor.Revision == has && !same(*descriptor, record.Descriptor) {
		return nil, &sla.Refusal{
			Code: sla.RefusedConflict, Message: fmt.Sprintf("%s is at revision %d already, and this is %d", name, has, descriptor.Revision),
			Hint: "`agency apply` again compares with what it is now",
		}
	}
	return target, nil
}

// apply makes the descriptor that of the deployment. What stands is changed by the operation; until it is, the record
// remembers what it was before and what is not needed afterwards.
func (r *deploymentRecord) apply(descriptor descriptors.Deployment) {
	if descriptor.Revision == r.Descriptor.Revision {
		return
	}
	counts, classes := make(map[string]int, len(descriptor.Resources)), descriptor.Classes()
	for name, class := range classes {
		counts[name] = r.fitting(name, class, sla.Instances(classes, name).Min)
	}
	for name := range classes {
		user, attached := descriptors.VolumeUser(classes, name)
		if attached && classes[name].Type == descriptors.Volume {
			counts[name] = counts[user]
		}
	}
	r.Former = append(slices.Clone(r.Former), r.Descriptor)
	r.supersede(descriptor)
	r.Holes = maps.Clone(r.Holes)
	maps.DeleteFunc(r.Holes, func(class string, _ []int) bool { return counts[class] == 0 })
	r.Descriptor, r.Counts = descriptor, counts
}

// fitting is how many instances of a class there are to be: as many as there are, as far as its range allows.
func (r *deploymentRecord) fitting(name string, class descriptors.Class, least int) int {
	_, had := r.Descriptor.Resources[name]
	if !had || !class.Type.RunsMachines() {
		return least
	}
	return min(max(r.Counts[name], class.Count.Min), class.Count.Max)
}

// supersede notes for which classes agreements are not needed any more under a descriptor.
func (r *deploymentRecord) supersede(descriptor descriptors.Deployment) {
	superseded := map[string][]string{}
	for agreement, classes := range r.Superseded {
		superseded[agreement] = slices.Clone(classes)
	}
	for class, bound := range r.Descriptor.Resources {
		superseded[bound.Agreement] = append(superseded[bound.Agreement], class)
	}
	for agreement, classes := range superseded {
		classes = slices.DeleteFunc(classes, func(class string) bool { return descriptor.Resources[class].Agreement == agreement })
		slices.Sort(classes)
		if superseded[agreement] = slices.Compact(classes); len(classes) == 0 {
			delete(superseded, agreement)
		}
	}
	r.Superseded = superseded
}

// unfinished says whether changes are not through yet.
func (r *deploymentRecord) unfinished() bool {
	return len(r.Former) > 0 || len(r.Superseded) > 0 || r.Inherited
}

// everyClass is every class of which something may stand, as the latest descriptor that has it says.
func (r *deploymentRecord) everyClass() map[string]descriptors.Class {
	classes := map[string]descriptors.Class{}
	for _, former := range r.Former {
		maps.Copy(classes, former.Classes())
	}
	maps.Copy(classes, r.Descriptor.Classes())
	return classes
}

// apply brings a deployment to its changed descriptor, as deploying does, but nothing is rolled back: what still runs as it
// was goes on, and what is changed stays changed.
func (a *Agent) apply(ctx context.Context, target *deployment) (descriptors.DeploymentState, error) {
	next, err := a.deploy(ctx, target)
	if err == nil || ctx.Err() != nil || next == descriptors.DeploymentFailed {
		return next, err
	}
	refusal, record := refusalOf(err), target.snapshot()
	said := []string{strings.TrimRight(refusal.Message, ". ")}
	if behind := target.behind(); len(behind) > 0 {
		said = append(said, "Not changed yet: "+target.names(behind))
	}
	if left := target.surplus(slices.Collect(maps.Keys(record.everyClass()))); len(left) > 0 {
		said = append(said, "Still standing and not wanted: "+target.names(left))
	}
	status := target.status(record)
	refusal.Message = fmt.Sprintf("%s. What stands costs %s", strings.Join(said, ". "), status.Price)
	if refusal.Hint == "" {
		refusal.Hint = fmt.Sprintf("`agency apply FILE` goes on from here, `agency apply --undo %s` goes back", record.Descriptor.Name)
	}
	return next, refusal
}

// finishChange deletes what stands of classes that are gone, writes down that what stands is as the descriptor has it, and
// ends the agreements that are not needed any more.
func (a *Agent) finishChange(ctx context.Context, target *deployment) error {
	record := target.snapshot()
	if !record.unfinished() {
		return nil
	}
	if err := a.settle(ctx, target, slices.Collect(maps.Keys(record.everyClass()))); err != nil {
		return err
	}
	changed := target.standing(func(one *instance) bool { return one.Revision != record.Descriptor.Revision })
	err := each(len(changed), func(i int) error {
		return a.note(ctx, target, changed[i], func(one *instanceRecord) bool {
			one.Revision = record.Descriptor.Revision
			return true
		})
	})
	if err == nil {
		err = a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
			record.Former = nil
			return step{}, nil
		})
	}
	if err == nil {
		err = a.disinherit(ctx, target)
	}
	record = target.snapshot()
	if err != nil || len(record.Superseded) == 0 {
		return err
	}
	if err := a.release(ctx, record); err != nil {
		return fmt.Errorf("end what %s does not need any more: %w", record.Descriptor.Name, err)
	}
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		record.Superseded = nil
		return step{}, nil
	})
}

// releaseWithin is how long vendors have to end agreements that are not needed any more, before that is left for another
// time.
const releaseWithin = 30 * time.Second

// release asks the broker to end agreements for the classes that they are not needed for.
func (a *Agent) release(ctx context.Context, record deploymentRecord) error {
	message := proto.Message{
		Performative: proto.Cancel, Protocol: proto.ContractNet, Conversation: record.Descriptor.Call,
		Receiver: proto.Agent(proto.RoleBroker), Command: record.Operation + "-release",
	}
	content := proto.Cancellation{
		Name: record.Descriptor.ID, Reason: "the deployment was changed", Releases: record.Superseded,
	}
	if err := proto.Encode(&message, content); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, releaseWithin)
	defer cancel()
	answer, err := a.initiator.Do(within, proto.SubjectBrokerCommand, message)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return sla.Refusal{
			Code:    sla.RefusedUnavailable,
			Message: "not all vendors have confirmed it, and it may still cost: agreements " + strings.Join(slices.Sorted(maps.Keys(record.Superseded)), ", "),
			Hint:    "`agency apply FILE` tries again",
		}
	}
	if refusal, refused := proto.AsRefusal(answer); refused {
		return refusal
	}
	return nil
}
