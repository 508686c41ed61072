package deployer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// errRemoved interrupts an operation whose deployment is to be removed.
var errRemoved error = sla.Refusal{
	Code: sla.RefusedConflict, Message: "interrupted, because the deployment is being removed",
}

// resume takes up the operations that an earlier run did not end, in the order in which they were begun.
func (a *Agent) resume() {
	a.mutex.Lock()
	var unfinished []*operation
	for _, one := range a.operations {
		if one.Outcome == nil && a.shelf.byID[one.Deployment] != nil {
			unfinished = append(unfinished, one)
		}
	}
	a.mutex.Unlock()
	slices.SortFunc(unfinished, func(x, y *operation) int { return x.Taken.Compare(y.Taken) })
	for _, one := range unfinished {
		a.mutex.Lock()
		target := a.shelf.byID[one.Deployment]
		a.mutex.Unlock()
		a.start(target, one)
	}
}

// start carries an operation out in its own goroutine, after the one at work, which it interrupts unless that removes
// the deployment. Operations are started one at a time.
func (a *Agent) start(target *deployment, taken *operation) {
	ctx, interrupt := context.WithCancelCause(a.work)
	this := &working{verb: taken.Command.Verb, interrupt: interrupt, idle: make(chan struct{})}
	target.mutex.Lock()
	before := target.working
	target.working = this
	target.mutex.Unlock()
	if before != nil && before.verb != proto.DeploymentRemove {
		before.interrupt(errRemoved)
	}
	a.workers.Go(func() error {
		defer close(this.idle)
		defer interrupt(nil)
		if before != nil {
			<-before.idle
		}
		a.carryOut(ctx, target, taken)
		return nil
	})
}

// carryOut does what an operation asks for and writes down how it ended. When the agent closes down meanwhile the
// operation has no end yet and goes on at the next start.
func (a *Agent) carryOut(ctx context.Context, target *deployment, taken *operation) {
	var next descriptors.DeploymentState
	var made *proto.ResourceStatus
	err := context.Cause(ctx)
	if err == nil {
		switch taken.Command.Verb {
		case proto.DeploymentDeploy:
			next, err = a.deploy(ctx, target)
		case proto.DeploymentApply:
			next, err = a.apply(ctx, target)
		case proto.DeploymentScale:
			err = a.scale(ctx, target, taken)
		case proto.DeploymentRemove:
			next, err = a.remove(ctx, target)
		case proto.DeploymentStart, proto.DeploymentStop, proto.DeploymentReboot:
			err = a.power(ctx, target, taken.Command)
		case proto.DeploymentDelete:
			err = a.deleteMachine(ctx, target, taken)
		case proto.DeploymentAttach:
			err = a.attach(ctx, target, taken.Command)
		case proto.DeploymentDetach:
			err = a.detach(ctx, target, taken.Command)
		case proto.DeploymentSnapshot:
			made, err = a.copy(ctx, target, taken)
		}
	}
	if a.work.Err() != nil {
		return
	}
	if err != nil && ctx.Err() != nil {
		next, err = "", context.Cause(ctx)
	}
	target.dropUntold()
	if err := a.conclude(target, taken, ending{next, made, err}); err != nil {
		a.Log.Error("operation's end not written down", zap.String("operation", taken.ID), zap.Error(err))
		return
	}
	if err := a.judge(ctx, target); err != nil {
		a.Log.Error("state not written down", zap.String("deployment", taken.Deployment), zap.Error(err))
	}
}

// dropUntold forgets the instances that were planned and that no vendor was told of.
func (d *deployment) dropUntold() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for key, one := range d.instances {
		if !one.told() {
			delete(d.instances, key)
		}
	}
}

// ending is how an operation ends: the state that it leaves the deployment in, empty for the one that it is in, what it
// made that is not the deployment's, if anything, and why it failed if it did.
type ending struct {
	next  descriptors.DeploymentState
	made  *proto.ResourceStatus
	cause error
}

// concludeAgain is the time between two attempts to write down how an operation ended.
const concludeAgain = time.Second

// conclude writes an operation's end and the state that it leaves the deployment in, in one step, and tries again until
// that is written or the agent closes down: an operation without an end would keep all others out. Should an attempt have
// taken hold unnoticed, the next one writes the same again.
func (a *Agent) conclude(target *deployment, taken *operation, how ending) error {
	for {
		err := a.concludeOnce(target, taken, how)
		if err == nil {
			return nil
		}
		a.Log.Warn("operation's end not written down yet", zap.String("operation", taken.ID), zap.Error(err))
		timer := time.NewTimer(concludeAgain)
		select {
		case <-timer.C:
		case <-a.work.Done():
			timer.Stop()
			return err
		}
	}
}

func (a *Agent) concludeOnce(target *deployment, taken *operation, how ending) error {
	return a.amend(a.work, target, func(record *deploymentRecord) (step, error) {
		ended := *taken
		ended.Ended, ended.Outcome = a.Now().UTC(), &proto.Outcome{Command: taken.ID, Resource: how.made}
		what := fmt.Sprintf("%s of %s", taken.Command.Verb, record.Descriptor.Name)
		if of := cmp.Or(taken.Command.Machine, taken.Command.Source); of != "" {
			what = fmt.Sprintf("%s of %s of %s", taken.Command.Verb, of, record.Descriptor.Name)
		}
		message := what + " is done"
		var fault sla.Refusal
		if how.cause != nil {
			fault = refusalOf(how.cause)
			ended.Outcome.Refusal = &fault
			message = fmt.Sprintf("%s failed: %s", what, fault.Message)
		}
		events, err := record.end(how.next, fault, ended.Ended)
		if err != nil {
			return step{}, err
		}
		status := target.status(*record)
		ended.Outcome.Deployment = &status
		if record.Operation != taken.ID {
			status.Operation = record.Operation
		}
		events = append(events, proto.Event{
			Kind: proto.EventCommandDone, Name: record.Descriptor.Name, Deployment: taken.Deployment, Message: message,
			Outcome: ended.Outcome,
		})
		return step{
			changes: []services.Change{a.tables.operation(&ended)}, events: events,
			memory: func() { a.remember(&ended) },
		}, nil
	})
}

// end takes the record to the state that an operation leaves it in: empty for the one it is in, where a removal that
// did not work says why.
func (r *deploymentRecord) end(
	next descriptors.DeploymentState, fault sla.Refusal, now time.Time,
) ([]proto.Event, error) {
	if next == "" && r.State != descriptors.DeploymentRemoving {
		return nil, nil
	}
	if next == "" {
		next = r.State
	}
	return r.move(next, fault, now)
}

func (a *Agent) remember(one *operation) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.operations[one.ID] = one
}

// refusalOf says in the protocol's words why an operation failed. Of several reasons it has the first one's code and
// hint, and the words of all.
func refusalOf(err error) sla.Refusal {
	refusal := sla.Refusal{Code: sla.RefusedInternal}
	message := err.Error()
	if errors.As(err, &refusal) {
		// The error's text has the hint in it, which has a place of its own.
		message = strings.Replace(message, refusal.Error(), refusal.Message, 1)
	}
	refusal.Message = strings.ReplaceAll(message, "\n", "; ")
	return refusal
}

// enter takes the deployment to another state while an operation is at work.
func (a *Agent) enter(ctx context.Context, target *deployment, next descriptors.DeploymentState) error {
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		events, err := record.move(next, sla.Refusal{}, a.Now())
		return step{events: events}, err
	})
}
