package client

import (
	"context"
	"errors"
	"time"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

// Watching says which events are wanted.
type Watching struct {
	// Name of a deployment; empty for all.
	Name string
	// Since is from when on; zero for as long as events are kept.
	Since time.Time
	// Follow goes on with what happens next, until the context ends.
	Follow bool
}

// Events hands over events in the order in which they were published. An error of handle ends it.
func (c *Client) Events(ctx context.Context, watching Watching, handle func(proto.Event) error) error {
	about := c.about(ctx, watching.Name)
	var own error
	options := bus.FollowOptions{Since: watching.Since, Live: watching.Follow}
	err := c.peer.Follow(ctx, options, func(event proto.Event) error {
		if about.concerns(event) {
			own = handle(event)
		}
		return own
	})
	if own != nil {
		return own
	}
	if err != nil && ctx.Err() == nil {
		return followError(err)
	}
	return nil
}

// interest is in the events about one name. Vendors know deployments by their ids alone, so that the ids of those that
// have or had the name are needed too; events that tell both teach new ones.
type interest struct {
	name string
	ids  map[string]bool
}

// about asks the deployer for the ids that go with a name. Without an answer those count that events tell.
func (c *Client) about(ctx context.Context, name string) *interest {
	known := &interest{name: name, ids: map[string]bool{}}
	if name == "" {
		return known
	}
	deployments, err := c.Deployments(ctx, name)
	if err != nil {
		return known
	}
	for _, deployment := range deployments {
		known.ids[deployment.Descriptor.ID] = true
	}
	return known
}

func (i *interest) concerns(event proto.Event) bool {
	if i.name == "" {
		return true
	}
	if event.Name == i.name && event.Deployment != "" {
		i.ids[event.Deployment] = true
	}
	return event.Name == i.name || event.Name == "" && i.ids[event.Deployment]
}

// errFound ends a search of the events.
var errFound = errors.New("found")

// ends says whether an event is the end of an operation.
func ends(event proto.Event, operation string) bool {
	return event.Kind == proto.EventCommandDone && event.Outcome != nil && event.Outcome.Command == operation &&
		event.Source == deployer.String()
}
