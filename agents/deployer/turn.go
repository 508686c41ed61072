package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/difference"
	"github.com/cloud-agency/agency/vendormodules"
)

// fate is what becomes of an instance under the descriptor as it is now.
func (d *deployment) fate(record instanceRecord) difference.Fate {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.fateOf(record)
}

// fateOf is fate for who holds the mutex.
func (d *deployment) fateOf(record instanceRecord) difference.Fate {
	wanted, class := d.record.Descriptor, record.Ref.Class
	if record.Revision == wanted.Revision {
		return difference.Kept
	}
	key := fmt.Sprintf("%s %d %d", class, record.Revision, wanted.Revision)
	if known, found := d.fates[key]; found {
		return known
	}
	fate := difference.Kept
	for _, former := range d.record.Former {
		if former.Revision == record.Revision {
			fate = difference.FateOf(former, wanted, class)
		}
	}
	if d.fates == nil {
		d.fates = map[string]difference.Fate{}
	}
	d.fates[key] = fate
	return fate
}

// turns are the indices of the machines of a class that serve and are changed one after another, so that the others go on
// meanwhile.
func (d *deployment) turns(class string) (indices []int) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, index := range d.record.indices(class) {
		latest := d.latest(class, index)
		machine := latest != nil && latest.told() && d.record.Descriptor.Resources[class].Type.RunsMachines()
		if machine && (d.fateOf(latest.instanceRecord) != difference.Kept || latest.Outgoing || latest.Paused) {
			indices = append(indices, index)
		}
	}
	return indices
}

// behind are the instances that are not yet as the descriptor has them.
func (d *deployment) behind() []*instance {
	return d.standing(func(one *instance) bool {
		_, wanted := d.record.Descriptor.Resources[one.Ref.Class]
		return wanted && one == d.latest(one.Ref.Class, one.Ref.Index) && d.fateOf(one.instanceRecord) != difference.Kept
	})
}

// turn changes one machine: balancers leave it out before it goes, and take in what comes of it before it is the next
// one's turn. It was away unless it went on all the while.
func (a *Agent) turn(ctx context.Context, target *deployment, class string, index int) (away bool, err error) {
	one, record := target.newest(class, index)
	if record.running() && target.fate(record) == difference.Replaced {
		if err := a.takeOut(ctx, target, one); err != nil {
			return true, err
		}
	}
	if err := a.ensure(ctx, target, class, index); err != nil {
		return true, err
	}
	_, now := target.newest(class, index)
	verb := now.Command.Verb
	away = record.Outgoing || record.Paused || verb != proto.VerbResize && verb != proto.VerbRebind
	return away, a.retarget(ctx, target)
}

// awaitCheck waits as long as a balancer before a class may take to find a new machine healthy: until then the machine gets
// no requests, and the next one should not go before. It is no more than a courtesy. A balancer that knows who is healthy
// sees to it itself that the last one does not go; where a cloud's does not, this is all there is.
func (a *Agent) awaitCheck(ctx context.Context, descriptor descriptors.Deployment, class string) error {
	var longest time.Duration
	for _, balancer := range descriptor.Resources {
		if balancer.Type == descriptors.LoadBalancer && balancer.Targets == class {
			longest = max(longest, 2*time.Duration(balancer.Check.Every)+time.Duration(balancer.Check.Timeout))
		}
	}
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// takeOut marks a machine that is to be replaced, and leads balancers to the others. One that they cannot do without stays
// in service.
func (a *Agent) takeOut(ctx context.Context, target *deployment, one *instance) error {
	err := a.note(ctx, target, one, func(record *instanceRecord) bool {
		changed := !record.Outgoing
		record.Outgoing = true
		return changed
	})
	if err != nil {
		return err
	}
	cause := a.retarget(ctx, target)
	if cause == nil || ctx.Err() != nil {
		return cause
	}
	return errors.Join(cause, a.note(ctx, target, one, func(record *instanceRecord) bool {
		record.Outgoing = false
		return true
	}))
}

// adjust brings an instance that goes on to what the descriptor has of it: its size, and the agreement that it is under.
func (a *Agent) adjust(ctx context.Context, target *deployment, one *instance) error {
	record := target.current(one)
	if err := a.keepAsIs(ctx, target, one, record); err != nil {
		return err
	}
	bound := target.snapshot().Descriptor.Resources[one.Ref.Class]
	content := proto.ResourceCommand{Verb: proto.VerbRebind, Agreement: bound.Agreement}
	switch {
	case target.fate(record) == difference.Resized:
		content.Verb, content.Class = proto.VerbResize, &bound.Class
	case record.Status.Agreement == bound.Agreement:
		return nil
	}
	err := a.give(ctx, target, one, content)
	var refusal sla.Refusal
	switch {
	case err == nil:
		return a.upToDate(ctx, target, one)
	case !errors.As(err, &refusal):
		return err
	case refusal.Code == sla.RefusedUnsupported, refusal.Code == sla.RefusedBadRequest:
		return a.renew(ctx, target, one, refusal)
	case refusal.Code == sla.RefusedConflict && record.running() && bound.Type.RunsMachines():
		return a.resizeStopped(ctx, target, one)
	}
	return err
}

// keepAsIs takes a machine that was to be replaced or resized, and is neither, into service again.
func (a *Agent) keepAsIs(ctx context.Context, target *deployment, one *instance, record instanceRecord) error {
	if !record.Outgoing && !record.Paused {
		return nil
	}
	err := a.note(ctx, target, one, func(record *instanceRecord) bool {
		record.Outgoing, record.Paused = false, false
		return true
	})
	if err != nil {
		return err
	}
	return a.retarget(ctx, target)
}

// upToDate notes that an instance is as the descriptor has it.
func (a *Agent) upToDate(ctx context.Context, target *deployment, one *instance) error {
	revision := target.snapshot().Descriptor.Revision
	return a.note(ctx, target, one, func(record *instanceRecord) bool {
		record.Revision, record.Paused = revision, false
		return true
	})
}

// renew replaces an instance that cannot be changed as it is. A volume is not: what is on it would be lost.
func (a *Agent) renew(ctx context.Context, target *deployment, one *instance, cause sla.Refusal) error {
	record := target.current(one)
	if record.Status.Type == descriptors.Volume {
		cause.Message += "; it is left as it is, for what is on it"
		return cause
	}
	if err := a.takeOut(ctx, target, one); err != nil {
		return err
	}
	next, err := a.replace(ctx, target, one, record.Status.Type)
	if err != nil {
		return err
	}
	content, uses, err := target.creation(next.Ref)
	if err != nil {
		return err
	}
	return a.give(ctx, target, next, content, uses...)
}

// resizeStopped gives a machine its size while it is stopped, which it is for that alone. It is taken up again where it
// was cut off.
func (a *Agent) resizeStopped(ctx context.Context, target *deployment, one *instance) error {
	err := a.note(ctx, target, one, func(record *instanceRecord) bool {
		record.Paused = true
		return true
	})
	if err == nil {
		err = a.retarget(ctx, target)
	}
	if err == nil && target.state(one) == vendormodules.ResourceRunning {
		err = a.give(ctx, target, one, proto.ResourceCommand{Verb: proto.VerbStop})
	}
	bound := target.snapshot().Descriptor.Resources[one.Ref.Class]
	if err == nil {
		err = a.give(ctx, target, one, proto.ResourceCommand{
			Verb: proto.VerbResize, Agreement: bound.Agreement, Class: &bound.Class,
		})
	}
	if ctx.Err() != nil {
		return err
	}
	// Also after a failure: as it was it is of more use running.
	started := a.give(ctx, target, one, proto.ResourceCommand{Verb: proto.VerbStart})
	switch {
	case err == nil && started == nil:
		return a.upToDate(ctx, target, one)
	case started == nil:
		record := target.current(one)
		return errors.Join(err, a.keepAsIs(ctx, target, one, record))
	}
	return errors.Join(err, started)
}
