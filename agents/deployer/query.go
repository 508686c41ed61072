package deployer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// query answers a question. It changes nothing.
func (a *Agent) query(_ context.Context, message proto.Message) proto.Message {
	question, err := proto.Decode[proto.Question](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	if question.Topic != proto.TopicDeployments {
		return proto.Misunderstood(message, fmt.Errorf("a deployer is asked about deployments, not %q", question.Topic))
	}
	a.mutex.Lock()
	chosen := slices.Collect(maps.Values(a.deployments))
	if question.Subject != "" {
		one := a.standing(question.Subject)
		chosen = []*deployment{one}
		if one == nil {
			chosen = nil
		}
	}
	a.mutex.Unlock()
	if question.Subject != "" && len(chosen) == 0 {
		return proto.Refusing(message, proto.Refuse, sla.Refusal{
			Code: sla.RefusedNotFound, Message: fmt.Sprintf("there is no deployment %q", question.Subject),
			Hint: "`agency status` lists those that stand",
		})
	}
	list := proto.DeploymentList{Deployments: []proto.DeploymentStatus{}}
	for _, one := range chosen {
		if question.Subject != "" || one.state() != descriptors.DeploymentRemoved {
			list.Deployments = append(list.Deployments, a.status(one))
		}
	}
	slices.SortFunc(list.Deployments, func(x, y proto.DeploymentStatus) int {
		return cmp.Compare(x.Descriptor.Name, y.Descriptor.Name)
	})
	return proto.Answer(message, proto.Inform, list)
}

// status is a deployment as it is known here.
func (a *Agent) status(target *deployment) proto.DeploymentStatus {
	target.mutex.Lock()
	defer target.mutex.Unlock()
	record := target.record
	status := proto.DeploymentStatus{
		Descriptor: record.Descriptor, State: record.State, Since: record.Since, Counts: record.Counts,
		Resources: []proto.ResourceStatus{}, Fault: record.Fault, Hint: record.Hint,
	}
	for _, one := range target.instances {
		if !one.stands() {
			continue
		}
		status.Resources = append(status.Resources, one.Status)
		if sum, err := status.Price.Add(one.Status.Price); err == nil {
			status.Price = sum
		}
	}
	slices.SortFunc(status.Resources, func(x, y proto.ResourceStatus) int {
		return cmp.Or(cmp.Compare(x.Ref.Class, y.Ref.Class), cmp.Compare(x.Ref.Index, y.Ref.Index),
			cmp.Compare(x.Ref.Generation, y.Ref.Generation))
	})
	if target.idle != nil {
		select {
		case <-target.idle:
		default:
			status.Operation = record.Operation
		}
	}
	return status
}

// resourceChanged follows a change at a vendor that nobody here commanded.
func (a *Agent) resourceChanged(message proto.Message, event proto.Event) {
	if event.Resource == nil || message.Sender != proto.Vendor(event.Resource.Vendor) {
		return
	}
	a.takeOver(a.work, []proto.ResourceStatus{*event.Resource})
}

// askVendors looks at the resources of every deployment that runs, for changes whose events were lost.
func (a *Agent) askVendors(ctx context.Context) {
	a.mutex.Lock()
	vendors := map[string]map[string]bool{}
	for id, one := range a.deployments {
		if state := one.state(); state != descriptors.DeploymentRunning && state != descriptors.DeploymentDegraded {
			continue
		}
		for _, bound := range one.record.Descriptor.Resources {
			if vendors[bound.Vendor] == nil {
				vendors[bound.Vendor] = map[string]bool{}
			}
			vendors[bound.Vendor][id] = true
		}
	}
	a.mutex.Unlock()
	for vendor := range vendors {
		message := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol, Receiver: proto.Vendor(vendor)}
		if err := proto.Encode(&message, proto.Question{Topic: proto.TopicResources}); err != nil {
			continue
		}
		answer, err := a.Peer.Ask(ctx, proto.SubjectQuery(vendor), message)
		if err != nil {
			a.Log.Debug("vendor not asked", zap.String("vendor", vendor), zap.Error(err))
			continue
		}
		if list, err := proto.Decode[proto.ResourceList](answer); err == nil {
			a.takeOver(ctx, list.Resources)
		}
	}
}

// takeOver makes the deployments follow what their vendors say, and says which are degraded by it and which no longer.
func (a *Agent) takeOver(ctx context.Context, statuses []proto.ResourceStatus) {
	touched := map[*deployment]bool{}
	for _, status := range statuses {
		a.mutex.Lock()
		target := a.deployments[status.Ref.Deployment]
		a.mutex.Unlock()
		if target == nil || status.Quarantined {
			continue
		}
		target.mutex.Lock()
		one := target.instances[instanceKey(status.Ref)]
		if one != nil && one.Status.Vendor == status.Vendor && one.Status.Changed.Before(status.Changed) {
			one.Status = status
			touched[target] = true
			if err := a.commit(ctx, nil, a.tables.instance(one)); err != nil {
				a.Log.Error("change not written down", zap.String("resource", one.key()), zap.Error(err))
			}
		}
		target.mutex.Unlock()
	}
	for target := range touched {
		if err := a.judge(ctx, target); err != nil {
			a.Log.Error("state not written down", zap.Error(err))
		}
	}
}

// judge moves a deployment between running and degraded by how its resources are.
func (a *Agent) judge(ctx context.Context, target *deployment) error {
	target.mutex.Lock()
	var fault string
	for class, count := range target.record.Counts {
		for index := 1; index <= count; index++ {
			one := target.latest(class, index)
			if one != nil && one.Status.State == vendormodules.ResourceError {
				fault = fmt.Sprintf("%s: %s", one.Status.Name, one.Status.Fault)
			}
		}
	}
	state, name := target.record.State, target.record.Descriptor.Name
	target.mutex.Unlock()
	switch {
	case state == descriptors.DeploymentRunning && fault != "":
		return a.move(ctx, target, descriptors.DeploymentDegraded, sla.Refusal{
			Message: fault, Hint: fmt.Sprintf("`agency deploy %s` replaces what is broken", name),
		})
	case state == descriptors.DeploymentDegraded && fault == "":
		return a.move(ctx, target, descriptors.DeploymentRunning, sla.Refusal{})
	}
	return nil
}
