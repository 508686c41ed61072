package deployer

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
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
	if question.Subject != "" {
		one := a.find(question.Subject)
		if one == nil {
			return proto.Refusing(message, proto.Refuse, unknown(question.Subject))
		}
		return proto.Answer(message, proto.Inform, proto.DeploymentList{Deployments: []proto.DeploymentStatus{a.status(one)}})
	}
	var list proto.DeploymentList
	if list.Deployments, list.Next, err = proto.Fill(question.Page, placeOf, a.statuses(question.Page)); err != nil {
		return proto.Refusing(message, proto.Failure, refusalOf(err))
	}
	return proto.Answer(message, proto.Inform, list)
}

// statuses are those of the deployments on a page and after it that are not removed, by name.
func (a *Agent) statuses(page *proto.Page) iter.Seq2[proto.DeploymentStatus, error] {
	return func(yield func(proto.DeploymentStatus, error) bool) {
		after := page.Start()
		for more := true; more; {
			a.mutex.Lock()
			next := a.shelf.after(after, listStep)
			a.mutex.Unlock()
			for _, one := range next {
				after = one.key
				if status := a.status(one.target); status.State != descriptors.DeploymentRemoved && !yield(status, nil) {
					return
				}
			}
			more = len(next) == listStep
		}
	}
}

// listStep is how many deployments a listing takes off the shelf at a time.
const listStep = 64

// placeOf is a deployment's key in listings.
func placeOf(status proto.DeploymentStatus) string {
	return placeKey(status.Descriptor.Name, status.Descriptor.ID)
}

func (a *Agent) all() []*deployment {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return slices.Collect(maps.Values(a.shelf.byID))
}

// status is a deployment as it is known here, and the operation under way.
func (a *Agent) status(target *deployment) proto.DeploymentStatus {
	record := target.snapshot()
	status := target.status(record)
	if current := a.unfinished(record); current != nil {
		status.Operation = current.ID
	}
	return status
}

// status is the deployment as its record and its instances have it.
func (d *deployment) status(record deploymentRecord) proto.DeploymentStatus {
	status := proto.DeploymentStatus{
		Descriptor: record.Descriptor, State: record.State, Since: record.Since, Counts: record.Counts,
		Resources: []proto.ResourceStatus{}, Fault: record.Fault, Hint: record.Hint,
		Unfinished: record.unfinished(),
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, one := range d.instances {
		if one.gone() {
			continue
		}
		status.Resources = append(status.Resources, one.Status)
		if one.idle() {
			status.Stopped = append(status.Stopped, one.Status.Name)
		}
		if !one.told() {
			continue // it does not cost yet
		}
		if sum, err := status.Price.Add(one.Status.Price); err == nil {
			status.Price = sum
		}
	}
	slices.Sort(status.Stopped)
	slices.SortFunc(status.Resources, func(x, y proto.ResourceStatus) int { return compareRefs(x.Ref, y.Ref) })
	return status
}
