package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// start carries an operation out in its own goroutine, after the one at work has been interrupted. The caller holds the
// agent's mutex.
func (a *Agent) start(target *deployment, taken *operation) {
	ctx, interrupt := context.WithCancelCause(a.work)
	idle := make(chan struct{})
	target.mutex.Lock()
	stop, before := target.interrupt, target.idle
	target.interrupt, target.idle = interrupt, idle
	target.mutex.Unlock()
	a.workers.Go(func() error {
		defer close(idle)
		defer interrupt(nil)
		if stop != nil {
			stop(errRemoved)
			<-before
		}
		a.carryOut(ctx, target, taken)
		return nil
	})
}

// carryOut does what an operation asks for and writes down how it ended. When the agent closes down meanwhile the
// operation has no end yet and goes on at the next start.
func (a *Agent) carryOut(ctx context.Context, target *deployment, taken *operation) {
	var err error
	switch taken.Command.Verb {
	case proto.DeploymentDeploy:
		err = a.deploy(ctx, target)
	case proto.DeploymentScale:
		err = a.scale(ctx, target, taken.Command)
	case proto.DeploymentRemove:
		err = a.remove(ctx, target)
	}
	if a.work.Err() != nil {
		return
	}
	ended := *taken
	status := a.status(target)
	ended.Outcome = &proto.Outcome{Command: taken.ID, Deployment: &status}
	message := fmt.Sprintf("%s: %s done", taken.Command.Verb, status.Descriptor.Name)
	if err != nil {
		refusal := refusalOf(err)
		ended.Outcome.Refusal = &refusal
		message = fmt.Sprintf("%s: %s failed: %s", taken.Command.Verb, status.Descriptor.Name, refusal.Message)
	}
	event := proto.Event{
		Kind: proto.EventCommandDone, Name: status.Descriptor.Name, Deployment: taken.Deployment, Message: message,
		Outcome: ended.Outcome,
	}
	if err := a.commit(a.work, []proto.Event{event}, a.tables.operation(&ended)); err != nil {
		a.Log.Error("operation's end not written down", zap.String("operation", taken.ID), zap.Error(err))
		return
	}
	a.mutex.Lock()
	a.operations[taken.ID] = &ended
	a.mutex.Unlock()
}

// refusalOf says in the protocol's words why an operation failed.
func refusalOf(err error) sla.Refusal {
	var refusal sla.Refusal
	if errors.As(err, &refusal) {
		refusal.Message = err.Error()
		if refusal.Hint != "" {
			// Error() has said the hint at the end already; it has a place of its own.
			refusal.Message = trimHint(refusal)
		}
		return refusal
	}
	return sla.Refusal{Code: sla.RefusedInternal, Message: err.Error()}
}

// move takes the deployment to another state, with the reason and the way out for people, and tells of it.
func (a *Agent) move(ctx context.Context, target *deployment, next descriptors.DeploymentState, fault sla.Refusal) error {
	target.mutex.Lock()
	defer target.mutex.Unlock()
	if target.record.State == next {
		return nil
	}
	record := target.record
	if err := descriptors.DeploymentStates.Move(&record.State, next); err != nil {
		return fmt.Errorf("deployment %s: %w", record.Descriptor.Name, err)
	}
	record.Since, record.Fault, record.Hint = a.Now().UTC(), fault.Message, fault.Hint
	message := fmt.Sprintf("%s is %s", record.Descriptor.Name, next)
	if fault.Message != "" {
		message += ": " + fault.Message
	}
	event := proto.Event{
		Kind: proto.EventDeploymentChanged, Name: record.Descriptor.Name, Deployment: record.Descriptor.ID,
		Message: message, State: next,
	}
	before := target.record
	target.record = record
	if err := a.commit(ctx, []proto.Event{event}, a.tables.deployment(target)); err != nil {
		target.record = before
		return err
	}
	return nil
}

// refreshEvery is the time between two looks at vendors for changes whose events were lost.
const refreshEvery = 30 * time.Second

// refresh asks the vendors of running deployments from time to time how their resources are.
func (a *Agent) refresh(ctx context.Context) error {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		a.askVendors(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
