package vendor

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/cloud-agency/agency/proto"
)

// errSuperseded ends what is done with a resource that is to be deleted.
var errSuperseded = errors.New("superseded by delete")

// queue holds the commands to one resource that wait for their turn, in the order of their sequence numbers. It is in
// Agent.queues as long as somebody is at work on the resource.
type queue struct {
	waiting []*commandRecord
	// interrupt ends the command at work when it can be superseded; nil when it cannot.
	interrupt context.CancelCauseFunc
}

func queueKey(command *commandRecord) string {
	if command.Command.Verb == proto.VerbPrepare {
		return "prepare." + command.ID
	}
	return command.key()
}

// enqueue puts a command in its resource's queue. A delete interrupts whatever the resource waits for. The caller holds
// the mutex.
func (a *Agent) enqueue(command *commandRecord) {
	key := queueKey(command)
	line, busy := a.queues[key]
	if !busy {
		line = &queue{}
		a.queues[key] = line
	}
	line.waiting = append(line.waiting, command)
	slices.SortStableFunc(line.waiting, func(x, y *commandRecord) int { return cmp.Compare(x.Sequence, y.Sequence) })
	if command.Command.Verb == proto.VerbDelete && line.interrupt != nil {
		line.interrupt(errSuperseded)
	}
	if !busy {
		a.work(key, line)
	}
}

// work begins to carry out the commands of a queue. The caller holds the mutex.
func (a *Agent) work(key string, line *queue) {
	a.workers.Go(func() error {
		a.serve(key, line)
		return nil
	})
}

// resume queues what an earlier run took on and did not end.
func (a *Agent) resume() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, state := range a.commands {
		if state.record.Outcome == nil {
			a.enqueue(state.record)
		}
	}
}

// serve carries out the commands of one queue until it is empty or the agent closes down.
func (a *Agent) serve(key string, line *queue) {
	for {
		command := a.next(key, line)
		if command == nil {
			return
		}
		select {
		case a.inflight <- struct{}{}:
			a.carryOut(command, line)
			<-a.inflight
		case <-a.life.Done():
		}
	}
}

// next takes the first command from a queue; nil when there is none or the agent closes down, and nobody is at work any
// more.
func (a *Agent) next(key string, line *queue) *commandRecord {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if len(line.waiting) == 0 || a.life.Err() != nil {
		delete(a.queues, key)
		return nil
	}
	command := line.waiting[0]
	line.waiting = line.waiting[1:]
	return command
}

// superseding says whether a command need not be begun, because a delete waits behind it, and lets a delete that comes
// later interrupt it. A delete itself is not superseded.
func (a *Agent) superseding(command *commandRecord, line *queue, interrupt context.CancelCauseFunc) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if command.Command.Verb == proto.VerbDelete {
		return false
	}
	line.interrupt = interrupt
	return slices.ContainsFunc(line.waiting, func(later *commandRecord) bool { return later.Command.Verb == proto.VerbDelete })
}

// settled lets a queue's command be interrupted no more.
func (a *Agent) settled(line *queue) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	line.interrupt = nil
}

// claim keeps commands to a resource waiting until release, if nobody is at work on it and its record is still the one
// that the caller saw.
func (a *Agent) claim(record *resourceRecord) (*queue, bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.queues[record.Key] != nil || a.resources[record.Key] != record {
		return nil, false
	}
	line := &queue{}
	a.queues[record.Key] = line
	return line, true
}

// release ends a claim, and begins with the commands that came meanwhile.
func (a *Agent) release(key string, line *queue) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if len(line.waiting) == 0 {
		delete(a.queues, key)
		return
	}
	a.work(key, line)
}
