package vendor

import (
	"context"
	"fmt"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// commandState is a command and how far it is: written is closed once it is in the store, so that a repeat that comes
// while the first is being written is not agreed to before it is.
type commandState struct {
	record  *commandRecord
	written chan struct{}
	failed  error // after written: it could not be written, and does not count
}

func writtenCommand(record *commandRecord) *commandState {
	state := &commandState{record: record, written: make(chan struct{})}
	close(state.written)
	return state
}

// takeResourceCommand takes a command on: it is admitted, written down with the intent, queued, and agreed to. A repeat
// is answered with what is known.
func (a *Agent) takeResourceCommand(ctx context.Context, message proto.Message) proto.Message {
	command, err := proto.Decode[proto.ResourceCommand](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	record := &commandRecord{ID: message.Command, Sequence: message.Sequence, Command: command, Taken: a.Now().UTC()}
	if err := checkID(record.ID); err != nil {
		return proto.Misunderstood(message, fmt.Errorf("command %w", err))
	}
	if message.Sender.Role == proto.RoleClient && (command.Verb != proto.VerbDelete || command.Copy == nil) {
		return proto.Refusing(message, proto.Refuse, *refusalf(sla.RefusedPermission,
			"a client deletes snapshots and images; all else is commanded by the deployer"))
	}
	switch command.Verb {
	case proto.VerbExecute, proto.VerbReadFiles, proto.VerbWriteFiles:
		return a.takeErrand(ctx, message, command)
	}
	a.mutex.Lock()
	if known := a.commands[record.ID]; known != nil {
		a.mutex.Unlock()
		return a.repeat(ctx, message, known, record)
	}
	admitted, refusal := a.admit(record)
	if refusal != nil {
		a.mutex.Unlock()
		return proto.Refusing(message, proto.Refuse, *refusal)
	}
	state := &commandState{record: record, written: make(chan struct{})}
	a.commands[record.ID] = state
	a.mutex.Unlock()

	changes := []services.Change{a.tables.command(record)}
	if admitted.created != nil {
		changes = append(changes, a.tables.resource(admitted.created))
	}
	err = a.commit(ctx, changes...)
	a.mutex.Lock()
	if err == nil {
		a.enqueue(record)
	} else {
		state.failed = err
		delete(a.commands, record.ID)
		a.withdraw(record, admitted)
	}
	a.mutex.Unlock()
	close(state.written)
	if err != nil {
		return a.undecided(message, err)
	}
	return message.Reply(proto.Agree)
}

// repeat answers a command that came before.
func (a *Agent) repeat(ctx context.Context, message proto.Message, known *commandState, again *commandRecord) proto.Message {
	select {
	case <-known.written:
	case <-ctx.Done():
		return proto.Message{} // nothing is agreed to before it is written down
	}
	if known.failed != nil {
		return a.undecided(message, known.failed)
	}
	a.mutex.Lock()
	first, outcome := known.record.Command, known.record.Outcome
	a.mutex.Unlock()
	if first.Verb != again.Command.Verb || first.Resource != again.Command.Resource || first.Agreement != again.Command.Agreement {
		return proto.Refusing(message, proto.Refuse, *refusalf(sla.RefusedConflict,
			"command id %s was used for %s %s", again.ID, first.Verb, first.Name))
	}
	return proto.Ended(message, outcome)
}

// admission is what admitting a command did to the records in memory: the resource that was made for it, if any, else
// the sequence number that its resource had before.
type admission struct {
	created  *resourceRecord
	sequence uint64
}

// withdraw takes an admission back when its command could not be written down, so that the same command may come again.
// What a later command built on it stays. The caller holds the mutex.
func (a *Agent) withdraw(command *commandRecord, admitted admission) {
	key := command.key()
	known := a.resources[key]
	if known == nil || known.Sequence != command.Sequence || command.Command.Verb == proto.VerbPrepare {
		return
	}
	if admitted.created != nil {
		a.drop(key)
		return
	}
	a.resources[key] = known.at(admitted.sequence)
}

// at is the record with another sequence number.
func (r *resourceRecord) at(sequence uint64) *resourceRecord {
	next := *r
	next.Sequence = sequence
	return &next
}

// admit says whether a command may be taken on, and if so gives it its place in memory among those of its resource, so
// that another that comes at the same time finds it there. The caller holds the mutex.
func (a *Agent) admit(command *commandRecord) (admission, *sla.Refusal) {
	ref, verb := command.Command.Resource, command.Command.Verb
	if verb == proto.VerbDelete && command.Command.Copy != nil {
		return a.admitCopyRemoval(command)
	}
	proposal := a.ledger.agreements[command.Command.Agreement]
	if proposal == nil || proposal.Agreement.Deployment != ref.Deployment {
		return admission{}, refusalf(sla.RefusedPermission, "%s has no agreement %s for this deployment", a.name, command.Command.Agreement)
	}
	agreement := proposal.Agreement
	offer, agreed := agreement.Classes[ref.Class]
	_, ending := a.ledger.deciding[proposal.ID]
	builds := verb == proto.VerbCreate || verb == proto.VerbPrepare
	under := builds || verb == proto.VerbResize || verb == proto.VerbRebind // they need the agreement in force
	switch {
	case !agreed:
		return admission{}, refusalf(sla.RefusedPermission, "agreement %s does not cover %s", agreement.ID, ref.Class)
	case under && agreement.State != sla.AgreementObserved:
		return admission{}, refusalf(sla.RefusedState, "agreement %s is %s", agreement.ID, agreement.State)
	case under && ending:
		return admission{}, refusalf(sla.RefusedState, "agreement %s is being ended", agreement.ID)
	case (builds || verb == proto.VerbResize) && command.Command.Class == nil:
		return admission{}, refusalf(sla.RefusedBadRequest, "%s carries a class", verb)
	case verb == proto.VerbPrepare:
		return admission{}, nil
	case !knownVerb(verb):
		return admission{}, refusalf(sla.RefusedBadRequest, "there is no verb %q", verb)
	case copyType(verb) != "":
		return a.admitCopy(command, agreement)
	case command.Sequence == 0 || ref.Index < 1 || ref.Generation < 1 || checkCloudKey(cloudKey(ref)) != nil:
		return admission{}, refusalf(sla.RefusedBadRequest,
			"a command to a resource has a sequence number, a deployment, a class, an index and a generation, each number from 1")
	case builds && ref.Index > offer.Count.Max:
		refusal := refusalf(sla.RefusedPermission, "%s %d is beyond the %d agreed on", ref.Class, ref.Index, offer.Count.Max)
		refusal.Hint = "more needs a new call for proposals"
		return admission{}, refusal
	}
	return a.advance(command, agreement)
}

func knownVerb(verb proto.ResourceVerb) bool {
	switch verb {
	case proto.VerbPrepare, proto.VerbCreate, proto.VerbStart, proto.VerbStop, proto.VerbReboot, proto.VerbDelete,
		proto.VerbAttach, proto.VerbDetach, proto.VerbSetTargets, proto.VerbSnapshot, proto.VerbImage,
		proto.VerbResize, proto.VerbRebind:
		return true
	}
	return false
}

// advance orders a command among those of its resource.
func (a *Agent) advance(command *commandRecord, agreement *sla.Agreement) (admission, *sla.Refusal) {
	key, verb := cloudKey(command.Command.Resource), command.Command.Verb
	known := a.resources[key]
	switch {
	case known != nil && command.Sequence <= known.Sequence:
		return admission{}, refusalf(sla.RefusedConflict, "command %d for %s comes after %d was taken on",
			command.Sequence, known.Status.Name, known.Sequence)
	case known != nil && verb == proto.VerbCreate:
		return admission{}, refusalf(sla.RefusedConflict, "%s exists and is %s", known.Status.Name, known.Status.State)
	case known != nil:
		a.resources[key] = known.at(command.Sequence)
		return admission{sequence: known.Sequence}, nil
	case verb == proto.VerbCreate, verb == proto.VerbDelete:
		// A delete may come before its create. What is remembered then makes that fail, should it still come.
		created := a.newResource(command, agreement)
		a.keep(created)
		return admission{created: created}, nil
	}
	return admission{}, refusalf(sla.RefusedNotFound, "%s has no %s %d", a.name, command.Command.Resource.Class, command.Command.Resource.Index)
}
