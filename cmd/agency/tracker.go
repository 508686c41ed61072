package main

import (
	"context"
	"maps"
	"slices"

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
	shown  map[string]bool
}

// track makes a tracker for people, and none for programs. What stands at the deployer now is where it starts from.
func (s *session) track(
	ctx context.Context, agency *client.Client, name string, format present.Format,
) (*tracker, error) {
	if format != present.FormatTable {
		return nil, nil
	}
	t := &tracker{
		agency: agency, name: name, bars: present.NewProgress(s.screen),
		before: map[string]present.Step{}, shown: map[string]bool{},
	}
	deployment, err := agency.Deployment(ctx, name)
	if err != nil && client.ClassOf(err) != client.NotFound {
		return nil, err // without it what goes could not be told from what never was
	}
	for _, resource := range deployment.Resources {
		t.before[resource.Name] = stepOf(resource)
	}
	return t, nil
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

// update takes in where the resources are now. One that was there and is no longer is gone.
func (t *tracker) update(deployment proto.DeploymentStatus) {
	if t == nil {
		return
	}
	there := map[string]bool{}
	var moved []present.Step
	for _, resource := range deployment.Resources {
		step := stepOf(resource)
		there[resource.Name] = true
		if t.shown[resource.Name] || t.before[resource.Name] != step {
			moved = append(moved, step)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.known())) {
		if !there[name] {
			moved = append(moved, present.Step{Name: name, State: string(vendormodules.ResourceGone), Of: stepsInAll})
		}
	}
	for _, step := range moved {
		t.shown[step.Name] = true
	}
	t.bars.Show(moved...)
}

// known are the names that there were at first or since.
func (t *tracker) known() map[string]bool {
	names := maps.Clone(t.shown)
	for name := range t.before {
		names[name] = true
	}
	return names
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
