package client

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
)

// Power starts, stops or reboots (by the verb) a machine of a deployment, or all of a class.
func (c *Client) Power(ctx context.Context, verb proto.DeploymentVerb, name, machine string) (Operation, error) {
	return c.start(ctx, name, proto.DeploymentCommand{Verb: verb, Name: name, Machine: machine})
}

// DeleteMachine deletes one machine with its own volumes; its class has one fewer from then on.
func (c *Client) DeleteMachine(ctx context.Context, name, machine string) (Operation, error) {
	return c.start(ctx, name, proto.DeploymentCommand{Verb: proto.DeploymentDelete, Name: name, Machine: machine})
}

// Attach attaches a volume of a deployment to a machine of it, at an absolute path.
func (c *Client) Attach(ctx context.Context, name, volume, machine, mount string) (Operation, error) {
	return c.start(ctx, name, proto.DeploymentCommand{
		Verb: proto.DeploymentAttach, Name: name, Volume: volume, Machine: machine, Mount: mount,
	})
}

// Detach takes a volume from a machine.
func (c *Client) Detach(ctx context.Context, name, volume, machine string) (Operation, error) {
	return c.start(ctx, name, proto.DeploymentCommand{
		Verb: proto.DeploymentDetach, Name: name, Volume: volume, Machine: machine,
	})
}

// Machine is the machine of a name in a deployment.
func (c *Client) Machine(ctx context.Context, name, machine string) (proto.ResourceStatus, error) {
	deployment, err := c.Deployment(ctx, name)
	if err != nil {
		return proto.ResourceStatus{}, err
	}
	var names []string
	var found *proto.ResourceStatus
	for _, resource := range deployment.Resources {
		if !deployment.Descriptor.Resources[resource.Ref.Class].Type.RunsMachines() {
			continue
		}
		names = append(names, resource.Name)
		if resource.Name == machine {
			found = &resource // of several generations the last counts
		}
	}
	if found != nil {
		return *found, nil
	}
	missing := notFound("%s has no machine called %q", name, machine)
	missing.Hint = fmt.Sprintf("`agency status %s` lists what it has", name)
	if nearest, near := descriptors.Nearest(machine, names); near {
		missing.Hint = fmt.Sprintf("did you mean %s?", nearest)
	}
	return proto.ResourceStatus{}, missing
}

// consoleEvery is the time between two looks at a console that is followed.
const consoleEvery = 500 * time.Millisecond

// Console writes what a machine has printed, and goes on with what it prints if follow says so, until the context ends.
func (c *Client) Console(ctx context.Context, name, machine string, follow bool, output io.Writer) error {
	resource, err := c.Machine(ctx, name, machine)
	if err != nil {
		return err
	}
	asked := proto.Question{Topic: proto.TopicConsole, Resource: &resource.Ref}
	ticker := time.NewTicker(consoleEvery)
	defer ticker.Stop()
	for {
		page, err := question[proto.ConsolePage](ctx, c, proto.Vendor(resource.Vendor), asked)
		if err != nil {
			return err
		}
		if _, err := output.Write(page.Text); err != nil {
			return fmt.Errorf("write the console: %w", err)
		}
		asked.Offset, asked.Seen = page.End, lastSeen(asked.Seen, page)
		if page.More {
			continue
		}
		if !follow {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// lastSeen are the last bytes before a page's end.
func lastSeen(before []byte, page proto.ConsolePage) []byte {
	if page.Gap {
		before = nil
	}
	seen := append(append([]byte{}, before...), page.Text...)
	return seen[max(0, len(seen)-proto.MaxSeen):]
}
