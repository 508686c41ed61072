package vendor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

const (
	// errandsAtOnce bounds the errands at work.
	errandsAtOnce = 32
	// errandWithin bounds one of them.
	errandWithin = time.Hour
	// holdFor is how long a request may wait for its errand's end before it is answered that it is under way, and
	// holdAtOnce how many may.
	holdFor, holdAtOnce = 4 * time.Second, 8
	// outputKept is how long what an errand left behind can be read.
	outputKept = 10 * time.Minute
)

// errandRecord says that an errand was begun. What it does and what comes of it may be anybody's secret, and is not
// written down: after a restart nobody knows how it ended, and it is not begun again.
type errandRecord struct {
	ID    string    `json:"id"`
	Taken time.Time `json:"taken"`
}

// errand is something that is done inside a machine, once.
type errand struct {
	record  errandRecord
	command proto.ResourceCommand
	done    chan struct{}
	// Once done: how it ended, when, and the files of what it left behind by stream.
	outcome proto.Outcome
	ended   time.Time
	spooled map[string]string
}

// takeErrand begins an errand, once it is written down that it was, and answers how it ended if that comes soon. A repeat
// waits for the same end.
func (a *Agent) takeErrand(ctx context.Context, message proto.Message, command proto.ResourceCommand) proto.Message {
	if err := checkID(message.Command); err != nil {
		return proto.Misunderstood(message, fmt.Errorf("command %w", err))
	}
	a.mutex.Lock()
	known := a.errands[message.Command]
	if known == nil {
		if refusal := a.admitErrand(command); refusal != nil {
			a.mutex.Unlock()
			return proto.Refusing(message, proto.Refuse, *refusal)
		}
		known = &errand{
			record: errandRecord{message.Command, a.Now().UTC()}, command: command, done: make(chan struct{}),
		}
		a.errands[message.Command] = known
		a.workers.Go(func() error {
			a.runErrand(known)
			return nil
		})
	}
	a.mutex.Unlock()
	if known.command.Verb != "" && (known.command.Verb != command.Verb || known.command.Resource != command.Resource) {
		return proto.Refusing(message, proto.Refuse, *refusalf(sla.RefusedConflict,
			"command id %s was used for %s %s", message.Command, known.command.Verb, known.command.Name))
	}
	return a.hold(ctx, message, known)
}

// hold waits for an errand's end, if there is a place to wait.
func (a *Agent) hold(ctx context.Context, message proto.Message, waited *errand) proto.Message {
	timer := time.NewTimer(holdFor)
	defer timer.Stop()
	select {
	case a.holding <- struct{}{}:
		defer func() { <-a.holding }()
	default:
		timer.Reset(0)
	}
	select {
	case <-waited.done:
		return proto.Ended(message, &waited.outcome)
	case <-ctx.Done():
	case <-timer.C:
	}
	return message.Reply(proto.Agree)
}

// admitErrand says why an errand is not begun. The caller holds the mutex.
func (a *Agent) admitErrand(command proto.ResourceCommand) *sla.Refusal {
	proposal := a.ledger.agreements[command.Agreement]
	resource := a.resources[cloudKey(command.Resource)]
	working := 0
	for _, other := range a.errands {
		if other.ended.IsZero() {
			working++
		}
	}
	switch {
	case command.Errand == nil:
		return refusalf(sla.RefusedBadRequest, "%s carries an errand", command.Verb)
	case proposal == nil || proposal.Agreement.Deployment != command.Resource.Deployment:
		return refusalf(sla.RefusedPermission, "%s has no agreement %s for this deployment", a.name, command.Agreement)
	case resource == nil || resource.Status.Agreement != command.Agreement || resource.Status.ID == "" ||
		resource.Status.State == vendormodules.ResourceGone:
		return refusalf(sla.RefusedNotFound, "%s has no %s %d", a.name, command.Resource.Class, command.Resource.Index)
	case working >= errandsAtOnce:
		return refusalf(sla.RefusedUnavailable, "%s is at %d errands already", a.name, errandsAtOnce)
	}
	able, what := a.abilities.Files != nil, "copy files to and from machines"
	if command.Verb == proto.VerbExecute {
		able, what = a.abilities.Executor != nil, "run commands in machines"
	}
	if !able {
		return refusalOf(a.unable(what))
	}
	if command.Verb == proto.VerbExecute && resource.Status.State != vendormodules.ResourceRunning {
		refusal := refusalf(sla.RefusedState, "%s is %s", resource.Status.Name, resource.Status.State)
		refusal.Hint = "`agency start` starts it"
		return refusal
	}
	return nil
}

// runErrand does an errand, as far as it can be written down that it was begun.
func (a *Agent) runErrand(one *errand) {
	outcome := proto.Outcome{Command: one.record.ID}
	spool := newSpool(a.Directory, one.record.ID)
	err := a.commit(a.life, a.tables.errands.Overwrite(one.record.ID, one.record))
	if err == nil {
		ctx, cancel := context.WithTimeout(a.life, errandWithin)
		outcome.Errand, err = a.doErrand(ctx, one.command, spool)
		cancel()
	}
	if err = errors.Join(err, spool.close()); err == nil {
		outcome.Errand.Streams = spool.described()
	} else {
		outcome.Errand = nil
		outcome.Refusal = refusalOf(fmt.Errorf("%s in %s at %s: %w", one.command.Verb, one.command.Name, a.name, err))
	}
	a.mutex.Lock()
	one.outcome, one.ended, one.spooled = outcome, a.Now(), spool.paths()
	one.command.Errand = nil
	a.mutex.Unlock()
	close(one.done)
}

func (a *Agent) doErrand(ctx context.Context, command proto.ResourceCommand, spool *spool) (*proto.ErrandResult, error) {
	id := a.resource(command.Resource).Status.ID
	uploaded, err := a.uploaded(ctx, command)
	if err != nil {
		return nil, err
	}
	if uploaded != nil {
		defer func() {
			_ = uploaded.Close()
			_ = os.Remove(uploaded.Name())
		}()
	}
	result := &proto.ErrandResult{}
	switch command.Verb {
	case proto.VerbExecute:
		result.Exit, err = a.execute(ctx, id, command, uploaded, spool)
	case proto.VerbReadFiles:
		err = a.readFiles(ctx, id, command.Errand.Path, spool)
	default:
		if uploaded == nil {
			return nil, fmt.Errorf("there is nothing to write: %w", vendormodules.ErrInvalid)
		}
		err = a.abilities.Files.WriteFiles(ctx, id, uploaded)
	}
	return result, err
}

// loadErrands remembers the errands of earlier runs, of which nobody knows how they ended.
func (a *Agent) loadErrands(ctx context.Context) error {
	rows, err := a.tables.errands.List(ctx)
	for _, row := range rows {
		a.errands[row.ID] = forgotten(row.Value, a.name+" was restarted meanwhile: it may be done, in part, or not")
	}
	return err
}

// forgotten is an errand of which only that it was begun is known.
func forgotten(record errandRecord, why string) *errand {
	one := &errand{record: record, done: make(chan struct{}), ended: record.Taken}
	one.outcome = proto.Outcome{Command: record.ID, Refusal: &sla.Refusal{
		Code: sla.RefusedConflict, Message: why, Hint: "look in the machine before you try again",
	}}
	close(one.done)
	return one
}

// oldErrands forgets the errands that nobody asks for any more, and what they left behind before that. The caller holds
// the mutex.
func (a *Agent) oldErrands(now time.Time) []services.Change {
	var old []services.Change
	for id, one := range a.errands {
		if one.ended.IsZero() {
			continue
		}
		if now.Sub(one.ended) > outputKept && one.spooled != nil {
			for _, path := range one.spooled {
				if err := os.Remove(path); err != nil {
					a.Log.Warn("an errand's output not removed", zap.String("errand", id), zap.Error(err))
				}
			}
			a.errands[id] = forgotten(one.record, "it was done, and how it ended is not remembered any more")
		}
		if now.Sub(one.record.Taken) > keepFor {
			delete(a.errands, id)
			old = append(old, a.tables.errands.Discard(id))
		}
	}
	return old
}
