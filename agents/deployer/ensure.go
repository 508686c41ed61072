package deployer

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla/difference"
	"github.com/cloud-agency/agency/vendormodules"
)

// atOnce bounds the instances of one class that are at work at the same time.
const atOnce = 64

// each does something for every number below count side by side, waits for all, and returns the failures in order.
func each(count int, do func(i int) error) error {
	failures := make([]error, count)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range count {
		group.Go(func() error {
			failures[i] = do(i)
			return nil
		})
	}
	_ = group.Wait() // failures are kept by number
	return errors.Join(failures...)
}

// ensure makes an instance run. What was begun by an earlier run is finished first. What is broken is replaced, and so is
// what was built on something that has been replaced since: it would go on looking for that where it no longer is.
func (a *Agent) ensure(ctx context.Context, target *deployment, class string, index int) error {
	one, record := target.newest(class, index)
	if record.creating() {
		if err := a.give(ctx, target, one, record.Command); err != nil {
			return err
		}
		one, record = target.newest(class, index)
	}
	outdated, fate := target.outdated(record), target.fate(record)
	switch {
	case record.Paused && record.stands():
		return a.resizeStopped(ctx, target, one)
	case fate != difference.Replaced && (record.running() && !outdated || record.idle()):
		return a.adjust(ctx, target, one) // what was stopped on purpose is left stopped
	case record.Status.State == vendormodules.ResourceStopped && !record.deleting() && !outdated:
		return a.give(ctx, target, one, proto.ResourceCommand{Verb: proto.VerbStart})
	case record.told():
		var err error
		if one, err = a.replace(ctx, target, one, record.Status.Type); err != nil {
			return err
		}
	}
	content, uses, err := target.creation(one.Ref)
	if err != nil {
		return err
	}
	return a.give(ctx, target, one, content, uses...)
}

// current is an instance's record as it is now.
func (d *deployment) current(one *instance) instanceRecord {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return one.instanceRecord
}

// newest is the instance of an index that counts, and its record as it is now.
func (d *deployment) newest(class string, index int) (*instance, instanceRecord) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	latest := d.latest(class, index)
	if latest == nil {
		latest = d.successor(class, index)
	}
	return latest, latest.instanceRecord
}

// outdated says whether something that an instance was built on has been replaced, or the instance is to be.
func (d *deployment) outdated(record instanceRecord) bool {
	if d.fate(record) == difference.Replaced {
		return true
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return slices.ContainsFunc(record.Uses, func(used proto.ResourceRef) bool {
		latest := d.latest(used.Class, used.Index)
		return latest != nil && latest.Ref.Generation > used.Generation
	})
}

// replace makes the next generation of an instance. Machines and balancers make room for it first; a volume or a network
// stays until nothing uses it any more, and is deleted then.
func (a *Agent) replace(
	ctx context.Context, target *deployment, old *instance, kind descriptors.ResourceType,
) (*instance, error) {
	if kind != descriptors.Volume && kind != descriptors.Network {
		if err := a.deleteOne(ctx, target, old); err != nil {
			return nil, err
		}
	}
	target.mutex.Lock()
	defer target.mutex.Unlock()
	return target.successor(old.Ref.Class, old.Ref.Index), nil
}
