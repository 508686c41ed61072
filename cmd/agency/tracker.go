package main

import (
	"context"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// tracker shows how far the resources of a deployment have come, of those that change after it was made. A nil tracker
// shows nothing.
type tracker struct {
	agency *client.Client
	name   string
	bars   *present.Progress
	// before are the steps that resources had at first, which are not shown until they change.
	before map[string]present.Step
	shown  map[string]present.Step
}

// track makes a tracker for people, and none for programs. What stands at the deployer now is where it starts from.
func (s *session) track(ctx context.Context, agency *client.Client, name string, format present.Format) *tracker {
	if format != present.FormatTable {
		return nil
	}
	t := &tracker{
		agency: agency, name: name, bars: present.NewProgress(s.screen),
		before: map[string]present.Step{}, shown: map[string]present.Step{},
	}
	if deployment, err := agency.Deployment(ctx, name); err == nil {
		for _, resource := range deployment.Resources {
			t.before[resource.Name] = stepOf(resource)
		}
	}
	return t
}

// refresh looks at the deployment whenever something happened to it: an event says that, and the deployer what.
func (t *tracker) refresh(ctx context.Context) func(proto.Event) {
	return func(event proto.Event) {
		if t == nil || event.Kind == proto.EventCommandDone {
			return
		}
		if deployment, err := t.agency.Deployment(ctx, t.name); err == nil {
			t.update(deployment)
		}
	}
}

// update takes in where the resources are now. One that was shown and is there no longer is gone.
func (t *tracker) update(deployment proto.DeploymentStatus) {
	if t == nil {
		return
	}
	there := map[string]bool{}
	for _, resource := range deployment.Resources {
		step := stepOf(resource)
		there[resource.Name] = true
		if _, shown := t.shown[resource.Name]; !shown && t.before[resource.Name] == step {
			continue
		}
		t.show(step)
	}
	for name := range t.shown {
		if !there[name] {
			t.show(present.Step{Name: name, State: string(vendormodules.ResourceGone), Of: stepsInAll})
		}
	}
	for name := range t.before {
		if _, shown := t.shown[name]; !shown && !there[name] {
			t.show(present.Step{Name: name, State: string(vendormodules.ResourceGone), Of: stepsInAll})
		}
	}
}

func (t *tracker) show(step present.Step) {
	t.shown[step.Name] = step
	t.bars.Show(step)
}

// stepsInAll is how many steps a resource takes from nothing to running.
const stepsInAll = 4

func stepOf(resource proto.ResourceStatus) present.Step {
	step := present.Step{Name: resource.Name, State: string(resource.State), Of: stepsInAll}
	switch resource.State {
	case vendormodules.ResourceRequested, vendormodules.ResourceDeleting:
		step.Done = 1
	case vendormodules.ResourceCreating:
		step.Done = 2
	case vendormodules.ResourceRunning, vendormodules.ResourceStopped:
		step.Done, step.Note = stepsInAll, addressOf(resource)
	case vendormodules.ResourceError:
		step.Done, step.Note = stepsInAll, resource.Fault
	case vendormodules.ResourceGone:
	}
	return step
}
