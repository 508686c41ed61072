package vendor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// carryOut does what a command asks for and writes down how it ended. When the agent closes down meanwhile the command
// has no end yet and is taken up again at the next start.
func (a *Agent) carryOut(command *commandRecord, line *queue) {
	ctx, cancel := context.WithTimeout(a.life, a.ActWithin)
	defer cancel()
	ctx, interrupt := context.WithCancelCause(ctx)
	defer interrupt(nil)
	if a.superseding(command, line, interrupt) {
		interrupt(errSuperseded)
	}
	record, err := a.act(ctx, command)
	a.settled(line)
	if err != nil && a.life.Err() != nil {
		return
	}
	outcome := &proto.Outcome{Command: command.ID}
	if record != nil {
		outcome.Resource = &record.Status
	}
	if err != nil {
		outcome.Refusal = refusalOf(err)
	}
	a.conclude(command, record, outcome)
}

// act carries out one command and returns the resource's record as it is after it, nil for none.
func (a *Agent) act(ctx context.Context, command *commandRecord) (*resourceRecord, error) {
	verb := command.Command.Verb
	if verb == proto.VerbPrepare {
		return nil, a.prepare(ctx, command)
	}
	record := a.working(command.key())
	if record == nil {
		return nil, fmt.Errorf("%s %s: %w", verb, command.Command.Name, vendormodules.ErrNotFound)
	}
	before := record.Status.State
	var err error
	switch verb {
	case proto.VerbCreate:
		err = a.create(ctx, command, record)
	case proto.VerbDelete:
		err = a.remove(ctx, record)
	case proto.VerbSnapshot, proto.VerbImage:
		err = a.copy(ctx, command, record)
	default:
		err = a.change(ctx, command, record)
	}
	if err != nil {
		err = fmt.Errorf("%s %s at %s: %w", verb, record.Status.Name, a.name, a.reason(ctx, err))
		a.blame(record, verb, before, err)
	}
	return record, err
}

// reason is why a command failed: what ended its context, if that did, else what the cloud said.
func (a *Agent) reason(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errSuperseded):
		return errSuperseded
	case errors.Is(cause, context.DeadlineExceeded):
		return fmt.Errorf("not done within %s: %w", a.ActWithin, err)
	}
	return err
}

// blame says what a command's failure makes of the resource: one that could not be created or deleted is in error; one
// that could not be stopped or attached to, or whose end something else forbids, is what it was before.
func (a *Agent) blame(record *resourceRecord, verb proto.ResourceVerb, before vendormodules.ResourceState, err error) {
	switch {
	case errors.Is(err, errSuperseded) || a.life.Err() != nil || copyType(verb) != "":
	case verb == proto.VerbDelete && errors.Is(err, vendormodules.ErrConflict):
		record.Status.State = before
	case verb == proto.VerbCreate || verb == proto.VerbDelete:
		if record.begin(vendormodules.ResourceError) == nil {
			record.Status.Fault, record.Status.Changed = err.Error(), a.Now().UTC()
		}
	}
}

// begin takes a resource to another state on purpose, which is done as the table allows only. To be there already is no
// move.
func (r *resourceRecord) begin(state vendormodules.ResourceState) error {
	if r.Status.State == state {
		return nil
	}
	return vendormodules.ResourceStates.Move(&r.Status.State, state)
}

// takeOver makes a record what the cloud shows. A cloud moves as it likes, a machine in error may run again: what the
// table does not have is taken over and noted.
func (a *Agent) takeOver(record *resourceRecord, shown vendormodules.Resource) {
	status := &record.Status
	if status.State != shown.State && !vendormodules.ResourceStates.Allows(status.State, shown.State) {
		a.Log.Info("the cloud moved a resource as the agency would not", zap.String("resource", record.Key),
			zap.String("from", string(status.State)), zap.String("to", string(shown.State)))
	}
	status.ID, status.State, status.Fault, status.Warnings = shown.ID, shown.State, shown.Fault, shown.Warnings
	status.Addresses, status.Changed = shown.Addresses, a.Now().UTC()
	if status.Copy != nil && shown.Size > 0 {
		sized := *status.Copy
		sized.Size, status.Copy = shown.Size, &sized
	}
}

// resource is working for a resource that has a place in a deployment.
func (a *Agent) resource(ref proto.ResourceRef) *resourceRecord { return a.working(cloudKey(ref)) }

// working is a copy of a resource's record, to work on.
func (a *Agent) working(key string) *resourceRecord {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	record := a.resources[key]
	if record == nil {
		return nil
	}
	working := *record
	return &working
}

// show lets who asks see how far the work on a resource is. It is not written down: after a crash the command is resumed
// from what was.
func (a *Agent) show(record *resourceRecord) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if known := a.resources[record.Key]; known != nil {
		a.resources[record.Key] = record.at(known.Sequence)
	}
}

// conclude writes a command's end, the resource as it is then and the event that tells of both in one commit, again
// until the store takes it: the command has had its effect, and somebody waits to hear so.
func (a *Agent) conclude(command *commandRecord, record *resourceRecord, outcome *proto.Outcome) {
	ended := *command
	ended.Outcome = outcome
	entry := a.outbox.Entry(a.endEvent(command, outcome))
	changes := []services.Change{a.tables.command(&ended), entry.Change}
	if record != nil {
		changes = append(changes, a.tables.resource(record))
	}
	for tries := 0; ; tries++ {
		err := a.commit(a.life, changes...)
		if err == nil || tries > 0 && errors.Is(err, services.ErrRevision) {
			break // the event is in the store already: an earlier try took hold
		}
		a.Log.Error("command's end not written down", zap.String("command", command.ID), zap.Error(err))
		if pause(a.life, concludeAgain) != nil {
			return
		}
	}
	if record != nil {
		a.show(record)
	}
	a.mutex.Lock()
	if state := a.commands[command.ID]; state != nil {
		state.record = &ended
	}
	a.mutex.Unlock()
	a.outbox.Committed(entry)
}

// concludeAgain is the time between two tries to write down how a command ended.
const concludeAgain = time.Second

// endEvent tells of a command's end.
func (a *Agent) endEvent(command *commandRecord, outcome *proto.Outcome) proto.Event {
	event := proto.Event{
		Kind: proto.EventCommandDone, Deployment: command.Command.Resource.Deployment,
		Class: command.Command.Resource.Class, Outcome: outcome,
	}
	switch {
	case outcome.Refusal != nil:
		event.Message = outcome.Refusal.Error()
	case outcome.Resource == nil:
		event.Message = fmt.Sprintf("%s prepared at %s", command.Command.Resource.Class, a.name)
	default:
		event.Message = fmt.Sprintf("%s %s at %s", outcome.Resource.Name, said(command.Command.Verb, outcome.Resource.State), a.name)
		if len(outcome.Resource.Addresses) > 0 {
			event.Message += ", " + outcome.Resource.Addresses[0].Address
		}
	}
	return event
}

// said is what people are told of a resource when a command about it has ended well.
func said(verb proto.ResourceVerb, state vendormodules.ResourceState) string {
	switch verb {
	case proto.VerbResize:
		return "has the size agreed on"
	case proto.VerbRebind:
		return "goes on as it is under another agreement"
	}
	return string(state)
}
