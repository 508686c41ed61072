package deployer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// refreshEvery is the least time between two looks at vendors for changes whose events were lost, and askWithin bounds one
// question. Looks take no more than one part in refreshShare of the time, however much there is to look at.
const (
	refreshEvery = 30 * time.Second
	refreshShare = 10
	askWithin    = 10 * time.Second
)

// refreshPause is the time until the next look after one that took so long.
func refreshPause(took time.Duration) time.Duration { return max(refreshEvery, (refreshShare-1)*took) }

// refresh asks the vendors of running deployments from time to time how their resources are, and forgets what is old.
func (a *Agent) refresh(ctx context.Context) error {
	timer := time.NewTimer(refreshEvery)
	defer timer.Stop()
	for {
		began := time.Now()
		a.askVendors(ctx)
		if err := a.forget(ctx); err != nil {
			a.Log.Error("old records not deleted", zap.Error(err))
		}
		timer.Reset(refreshPause(time.Since(began)))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
	}
}

// resourceChanged follows a change at a vendor that nobody here commanded.
func (a *Agent) resourceChanged(message proto.Message, event proto.Event) {
	if event.Resource != nil {
		a.takeOver(a.work, message.Sender, []proto.ResourceStatus{*event.Resource})
	}
}

// askVendors looks at the resources of every deployment that runs, for changes whose events were lost.
func (a *Agent) askVendors(ctx context.Context) {
	concerned := map[string]bool{}
	for _, one := range a.all() {
		record := one.snapshot()
		if record.State != descriptors.DeploymentRunning && record.State != descriptors.DeploymentDegraded {
			continue
		}
		for _, bound := range record.Descriptor.Resources {
			concerned[bound.Vendor] = true
		}
	}
	vendors := slices.Collect(maps.Keys(concerned))
	_ = each(len(vendors), func(i int) error {
		resources, err := a.resourcesAt(ctx, vendors[i], "")
		if err != nil {
			a.Log.Debug("vendor not asked", zap.String("vendor", vendors[i]), zap.Error(err))
			return nil // it is asked again
		}
		a.takeOver(ctx, proto.Vendor(vendors[i]), resources)
		return nil
	})
}

// resourcesAt asks a vendor for its resources, of one deployment or of all.
func (a *Agent) resourcesAt(ctx context.Context, vendor, deployment string) ([]proto.ResourceStatus, error) {
	asked := proto.Question{Topic: proto.TopicResources, Subject: deployment}
	resources, err := proto.Collect(proto.Items(asked, func(page proto.Question) (proto.ResourceList, error) {
		return a.resourcePage(ctx, vendor, page)
	}))
	if err != nil {
		return nil, fmt.Errorf("resources of %s: %w", vendor, err)
	}
	return resources, nil
}

func (a *Agent) resourcePage(ctx context.Context, vendor string, page proto.Question) (list proto.ResourceList, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	message := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol, Receiver: proto.Vendor(vendor)}
	if err := proto.Encode(&message, page); err != nil {
		return list, err
	}
	answer, err := a.Peer.Ask(ctx, proto.SubjectQuery(vendor), message)
	if err != nil {
		return list, err
	}
	return proto.Decode[proto.ResourceList](answer)
}

// takeOver makes deployments follow what a vendor says of its resources, and be degraded by it or no longer.
func (a *Agent) takeOver(ctx context.Context, vendor proto.Identity, statuses []proto.ResourceStatus) {
	touched := map[*deployment]bool{}
	for _, status := range statuses {
		target, one := a.instance(status.Ref)
		if one == nil || status.Quarantined {
			continue
		}
		err := a.note(ctx, target, one, func(record *instanceRecord) bool {
			ours := vendor == proto.Vendor(record.Status.Vendor) && status.Vendor == record.Status.Vendor
			if !ours || !record.told() || !record.Status.Changed.Before(status.Changed) {
				return false
			}
			record.Status = status
			touched[target] = true
			return true
		})
		if err != nil {
			a.Log.Error("change not written down", zap.String("resource", status.Name), zap.Error(err))
		}
	}
	for target := range touched {
		if err := a.judge(ctx, target); err != nil {
			a.Log.Error("state not written down", zap.Error(err))
		}
	}
}

func (a *Agent) instance(ref proto.ResourceRef) (*deployment, *instance) {
	a.mutex.Lock()
	target := a.shelf.byID[ref.Deployment]
	a.mutex.Unlock()
	if target == nil {
		return nil, nil
	}
	target.mutex.Lock()
	defer target.mutex.Unlock()
	return target, target.instances[instanceKey(ref)]
}

// judge moves a deployment between running and degraded by how its resources are.
func (a *Agent) judge(ctx context.Context, target *deployment) error {
	record := target.snapshot()
	runs := record.State == descriptors.DeploymentRunning || record.State == descriptors.DeploymentDegraded
	if !runs || target.fault() == record.Fault {
		return nil
	}
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		next, reason := descriptors.DeploymentRunning, sla.Refusal{}
		if fault := target.fault(); fault != "" {
			next = descriptors.DeploymentDegraded
			reason.Message, reason.Hint = fault, fmt.Sprintf("`agency deploy %s` replaces what is broken", record.Descriptor.Name)
		}
		if record.State != descriptors.DeploymentRunning && record.State != descriptors.DeploymentDegraded {
			return step{}, nil // it has moved on meanwhile
		}
		events, err := record.move(next, reason, a.Now())
		return step{events: events}, err
	})
}

// fault says what is broken of what is wanted, empty if nothing is.
func (d *deployment) fault() string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	first, more := "", 0
	for _, class := range slices.Sorted(maps.Keys(d.record.Counts)) {
		for _, index := range d.record.indices(class) {
			latest := d.latest(class, index)
			if latest == nil || !latest.told() || !latest.broken() || latest.idle() || latest.Outgoing || latest.Paused {
				continue
			}
			if first == "" {
				first = latest.trouble()
				continue
			}
			more++
		}
	}
	if more > 0 {
		first += fmt.Sprintf(", and %d more", more)
	}
	return first
}

func (i *instanceRecord) broken() bool {
	switch i.Status.State {
	case vendormodules.ResourceError, vendormodules.ResourceStopped, vendormodules.ResourceGone:
		return true
	}
	return false
}

func (i *instanceRecord) trouble() string {
	if i.Status.Fault != "" {
		return i.Status.Name + ": " + i.Status.Fault
	}
	return fmt.Sprintf("%s is %s", i.Status.Name, i.Status.State)
}
