package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
)

var deployer = proto.Agent(proto.RoleDeployer)

// Operation is a long action that the deployer has agreed to. Its ID is the command's, by which anybody can watch it.
type Operation struct {
	ID string `json:"operation"`
	// Name of the deployment.
	Name string `json:"name"`
	// Started is from when on events may tell of it.
	Started time.Time `json:"started"`
	// message to ask again with; none if the operation is somebody else's.
	message proto.Message
	// answer that came at once.
	answer *proto.Message
}

// Deploy starts to provision a deployment.
func (c *Client) Deploy(ctx context.Context, descriptor descriptors.Deployment) (Operation, error) {
	return c.start(ctx, descriptor.Name, proto.DeploymentCommand{Verb: proto.DeploymentDeploy, Descriptor: &descriptor})
}

// Apply starts to bring a deployment that stands to a descriptor that was agreed on since.
func (c *Client) Apply(ctx context.Context, descriptor descriptors.Deployment) (Operation, error) {
	return c.start(ctx, descriptor.Name, proto.DeploymentCommand{Verb: proto.DeploymentApply, Descriptor: &descriptor})
}

// Scale starts to bring a class to a count within its range.
func (c *Client) Scale(ctx context.Context, name, class string, count int) (Operation, error) {
	content := proto.DeploymentCommand{Verb: proto.DeploymentScale, Name: name, Class: class, Count: count}
	return c.start(ctx, name, content)
}

// Remove starts to remove all that stands of a deployment, and ends its agreements.
func (c *Client) Remove(ctx context.Context, name string) (Operation, error) {
	return c.start(ctx, name, proto.DeploymentCommand{Verb: proto.DeploymentRemove, Name: name})
}

// start returns once the deployer has written the command down. After an error of class Unknown the operation's id is
// good for finding out whether it has.
func (c *Client) start(ctx context.Context, name string, content proto.DeploymentCommand) (Operation, error) {
	message, err := newMessage(deployer, proto.Request, proto.RequestProtocol, content)
	if err != nil {
		return Operation{}, err
	}
	operation := Operation{ID: message.Command, Name: name, Started: time.Now().UTC(), message: message}
	answer, err := c.begin(ctx, message)
	switch {
	case err != nil:
		return operation, err
	case answer.Performative == proto.Refuse, answer.Performative == proto.NotUnderstood:
		return operation, refused(deployer.String(), refusalIn(answer))
	case answer.Performative != proto.Agree:
		operation.answer = &answer
	}
	return operation, nil
}

// Operation finds an operation by its id: one under way, or one that the event stream still knows the end of.
func (c *Client) Operation(ctx context.Context, id string) (Operation, error) {
	for deployment, err := range c.EachDeployment(ctx, "") {
		if err != nil {
			return Operation{}, err
		}
		if deployment.Operation == id {
			return Operation{ID: id, Name: deployment.Descriptor.Name, Started: deployment.Since}, nil
		}
	}
	var found *Operation
	err := c.Events(ctx, Watching{}, func(event proto.Event) error {
		if ends(event, id) {
			found = &Operation{ID: id, Name: event.Name, Started: event.At}
			return errFound
		}
		return nil
	})
	switch {
	case found != nil:
		return *found, nil
	case err != nil:
		return Operation{}, err
	}
	missing := notFound("no operation %s is under way, and no event tells of its end", id)
	missing.Hint = "`agency status` shows what stands"
	return Operation{}, missing
}

// Wait returns how an operation ended, and hands every event about its deployment to progress meanwhile, one after
// another. When the context ends first, the operation goes on and the error is of class Unknown.
func (c *Client) Wait(ctx context.Context, operation Operation, progress func(proto.Event)) (proto.Outcome, error) {
	following, stop := context.WithCancel(ctx)
	defer stop()
	group, groupContext := errgroup.WithContext(following)
	var seen *proto.Outcome
	group.Go(func() error {
		watching := Watching{Name: operation.Name, Since: operation.Started, Follow: true}
		err := c.Events(groupContext, watching, func(event proto.Event) error {
			progress(event)
			if ends(event, operation.ID) {
				seen = event.Outcome
				return errFound
			}
			return nil
		})
		if operation.foreign() {
			return err
		}
		return nil // without events there is no progress to show, and still an end
	})
	if operation.foreign() {
		err := group.Wait()
		if seen != nil {
			return ended(*seen)
		}
		return proto.Outcome{}, unanswered(deployer, true, errors.Join(err, ctx.Err()))
	}
	answer, err := c.ending(ctx, operation)
	stop()
	_ = group.Wait()
	if err != nil {
		return proto.Outcome{}, err
	}
	return outcomeOf(answer)
}

func (o Operation) foreign() bool { return o.message.Command == "" }

func (c *Client) ending(ctx context.Context, operation Operation) (proto.Message, error) {
	if operation.answer != nil {
		return *operation.answer, nil
	}
	return c.finish(ctx, operation.message)
}

// outcomeOf reads a terminal answer of the deployer.
func outcomeOf(answer proto.Message) (proto.Outcome, error) {
	if outcome, err := proto.Decode[proto.Outcome](answer); err == nil {
		return ended(outcome)
	}
	return contentOf[proto.Outcome](deployer, answer)
}

// ended makes an error of an outcome that is a refusal.
func ended(outcome proto.Outcome) (proto.Outcome, error) {
	if outcome.Refusal == nil {
		return outcome, nil
	}
	return outcome, refused(deployer.String(), *outcome.Refusal)
}

func followError(err error) error {
	return &Error{Code: CodeUnreachable, Message: fmt.Sprintf("events cannot be read: %v", err), cause: err}
}
