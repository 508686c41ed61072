package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// following says what operation is started and how its end is to be told.
type following struct {
	// name of the deployment.
	name   string
	start  func() (client.Operation, error)
	wait   bool
	format present.Format
}

// follow starts an operation, shows its progress and tells its end.
func (s *session) follow(ctx context.Context, agency *client.Client, f following) error {
	if !f.wait {
		operation, err := f.start()
		if err != nil {
			return resumable(ctx, operation, err)
		}
		return s.print(f.format, operation, func() { s.screen.Line("%s", operation.ID) })
	}
	outcome, err := s.pursue(ctx, agency, f)
	if err != nil {
		return err
	}
	return s.print(f.format, outcome, func() {
		switch {
		case outcome.Resource != nil && outcome.Resource.Copy != nil:
			s.showCopy(*outcome.Resource)
		case outcome.Deployment != nil:
			s.showEnd(*outcome.Deployment)
		}
	})
}

// pursue starts an operation and shows its progress until it ends. What the last lines say of each resource is what the
// outcome says, whichever events came late or never. For people the outcome has the deployment, asked for if need be.
func (s *session) pursue(ctx context.Context, agency *client.Client, f following) (proto.Outcome, error) {
	tracker, err := s.track(ctx, agency, f.name, f.format)
	if err != nil {
		return proto.Outcome{}, err
	}
	operation, err := f.start()
	if err != nil {
		return proto.Outcome{}, resumable(ctx, operation, err)
	}
	outcome, err := agency.Wait(ctx, operation, tracker.refresh(ctx))
	if err != nil {
		if outcome.Deployment != nil {
			tracker.update(*outcome.Deployment)
		}
		return outcome, resumable(ctx, operation, err)
	}
	if outcome.Deployment == nil && f.format == present.FormatTable {
		deployment, err := agency.Deployment(ctx, f.name)
		if err != nil {
			return outcome, err
		}
		outcome.Deployment = &deployment
	}
	if outcome.Deployment != nil {
		tracker.update(*outcome.Deployment)
	}
	return outcome, nil
}

// resumable adds to an error after which an operation may go on how to find out.
func resumable(ctx context.Context, operation client.Operation, err error) error {
	var known *client.Error
	if !errors.As(err, &known) || known.Class() != client.Unknown || operation.ID == "" {
		return err
	}
	told := *known
	told.Hint = fmt.Sprintf("`agency watch %s` picks it up again, `agency status %s` shows how far it is",
		operation.ID, operation.Name)
	if interrupted(ctx) {
		told.Message = "stopped waiting; the agency goes on with " + operation.Name
	}
	return &told
}

// addressOf is where people reach a resource: its public address, else any.
func addressOf(resource proto.ResourceStatus) string {
	address := ""
	for _, candidate := range resource.Addresses {
		if candidate.Public || address == "" {
			address = candidate.Address
		}
		if candidate.Public {
			break
		}
	}
	return address
}

// showEnd tells what stands after an operation.
func (s *session) showEnd(deployment proto.DeploymentStatus) {
	if deployment.State == descriptors.DeploymentRemoved {
		s.screen.Line("%s is removed.", deployment.Descriptor.Name)
		return
	}
	s.screen.Line("%s is %s: %s, %s", deployment.Descriptor.Name, s.screen.State(string(deployment.State)),
		present.Count(standing(deployment), "resource"), present.PerHour(deployment.Price))
	for _, address := range entrances(deployment) {
		s.screen.Line("%s", s.screen.Paint(present.Bold, address))
	}
	s.showFault(deployment)
}

func (s *session) showFault(deployment proto.DeploymentStatus) {
	if deployment.Fault != "" {
		s.screen.Line("%s", s.screen.Prose(deployment.Fault, 2))
	}
	if deployment.Hint != "" {
		s.screen.Line("Next: %s", s.screen.Prose(deployment.Hint, 6))
	}
}

func standing(deployment proto.DeploymentStatus) int {
	count := 0
	for _, resource := range deployment.Resources {
		if resource.State != vendormodules.ResourceGone {
			count++
		}
	}
	return count
}

// entrances are the addresses of a deployment's load balancers as people type them.
func entrances(deployment proto.DeploymentStatus) []string {
	var found []string
	for _, resource := range deployment.Resources {
		class := deployment.Descriptor.Resources[resource.Ref.Class]
		address := addressOf(resource)
		if class.Type != descriptors.LoadBalancer || address == "" {
			continue
		}
		if class.Protocol == "tcp" {
			found = append(found, fmt.Sprintf("%s:%d", address, class.Listen))
		} else {
			found = append(found, fmt.Sprintf("http://%s:%d", address, class.Listen))
		}
	}
	slices.Sort(found)
	return found
}
