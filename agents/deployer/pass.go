package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// errands are the verbs for what is done inside a machine, and what its vendor calls them.
var errands = map[proto.DeploymentVerb]proto.ResourceVerb{
	proto.DeploymentExecute:    proto.VerbExecute,
	proto.DeploymentReadFiles:  proto.VerbReadFiles,
	proto.DeploymentWriteFiles: proto.VerbWriteFiles,
}

// passWithin bounds one request to a vendor that is passed on, so that its answer can be passed back in time.
const passWithin = 8 * time.Second

// pass hands an errand on to the machine's vendor, under the same command id, and the answer back. Nothing is remembered
// here: the vendor makes sure that a repeat does nothing twice.
func (a *Agent) pass(
	ctx context.Context, message proto.Message, verb proto.ResourceVerb, command proto.DeploymentCommand,
) proto.Message {
	if command.Errand == nil {
		return proto.Misunderstood(message, fmt.Errorf("%s carries an errand", command.Verb))
	}
	content, vendor, refusal := a.errand(verb, command)
	if refusal != nil {
		return proto.Refusing(message, proto.Refuse, *refusal)
	}
	if brought, err := a.bringOnce(message.Command, vendor, command.Upload); err != nil {
		return proto.Refusing(message, proto.Failure, sla.Refusal{Code: sla.RefusedInternal, Message: err.Error()})
	} else if !brought {
		return message.Reply(proto.Agree)
	}
	passed := proto.Message{
		Performative: proto.Request, Protocol: proto.RequestProtocol, Conversation: content.Resource.Deployment,
		Receiver: proto.Vendor(vendor), Command: message.Command,
	}
	if err := proto.Encode(&passed, content); err != nil {
		return proto.Misunderstood(message, err)
	}
	ctx, cancel := context.WithTimeout(ctx, passWithin)
	defer cancel()
	answer, err := a.Peer.Ask(ctx, proto.SubjectCommand(vendor), passed)
	switch {
	case errors.Is(err, bus.ErrAbsent):
		return proto.Refusing(message, proto.Refuse, sla.Refusal{
			Code: sla.RefusedUnavailable, Message: "nobody answers as " + vendor, Hint: "start it, or look at the agency's log",
		})
	case err != nil:
		return proto.Message{} // who asked asks again
	}
	reply := message.Reply(answer.Performative)
	reply.ContentType, reply.Body = answer.ContentType, answer.Body
	return reply
}

// errand is what a machine's vendor is told, or why it is told nothing.
func (a *Agent) errand(verb proto.ResourceVerb, command proto.DeploymentCommand) (proto.ResourceCommand, string, *sla.Refusal) {
	target := a.find(command.Name)
	if target == nil {
		refusal := unknown(command.Name)
		return proto.ResourceCommand{}, "", &refusal
	}
	target.mutex.Lock()
	defer target.mutex.Unlock()
	for _, one := range target.machines(command.Machine) {
		if one.Status.Name != command.Machine {
			continue
		}
		if !one.stands() {
			return proto.ResourceCommand{}, "", &sla.Refusal{
				Code: sla.RefusedState, Message: fmt.Sprintf("%s is %s", one.Status.Name, one.Status.State),
				Hint: fmt.Sprintf("`agency deploy %s` creates it", target.record.Descriptor.Name),
			}
		}
		return proto.ResourceCommand{
			Verb: verb, Resource: one.Ref, Agreement: one.Status.Agreement, Name: one.Status.Name, Errand: command.Errand,
			Upload: command.Upload,
		}, one.Status.Vendor, nil
	}
	return proto.ResourceCommand{}, "", target.noMachine(command.Machine)
}

// bringing is an upload on its way to a vendor.
type bringing struct {
	done chan struct{}
	err  error // once done
}

// bringFor is how long a request waits for its upload before it is answered that that is under way.
const bringFor = 3 * time.Second

// bringOnce moves an upload to the vendor's object store, and says whether it is there yet.
func (a *Agent) bringOnce(id, vendor, upload string) (bool, error) {
	if upload == "" {
		return true, nil
	}
	a.mutex.Lock()
	under := a.brought[id]
	if under == nil {
		under = &bringing{done: make(chan struct{})}
		a.brought[id] = under
		a.workers.Go(func() error {
			defer close(under.done)
			under.err = a.move(a.work, vendor, upload)
			return nil
		})
	}
	a.mutex.Unlock()
	timer := time.NewTimer(bringFor)
	defer timer.Stop()
	select {
	case <-under.done:
		a.mutex.Lock()
		delete(a.brought, id) // asked again, nothing is left to bring
		a.mutex.Unlock()
		return true, under.err
	case <-timer.C:
	case <-a.work.Done():
	}
	return false, nil
}

// move copies an object to a vendor and deletes it here. One that is not here was moved before.
func (a *Agent) move(ctx context.Context, vendor, upload string) error {
	source, err := a.Peer.GetObject(ctx, string(proto.RoleDeployer), upload)
	if errors.Is(err, bus.ErrNoObject) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bring %s to %s: %w", upload, vendor, err)
	}
	defer source.Close()
	if _, _, err = a.Peer.PutObject(ctx, vendor, upload, source); err != nil {
		return fmt.Errorf("bring %s to %s: %w", upload, vendor, err)
	}
	if err := a.Peer.DeleteObject(ctx, string(proto.RoleDeployer), upload); err != nil {
		a.Log.Warn("an upload was passed on and is still here", zap.String("upload", upload), zap.Error(err))
	}
	return nil
}
