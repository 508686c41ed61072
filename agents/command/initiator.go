// Package command carries a command from the agent that gives it to its end, whatever is lost on the way.
//
// The initiator's own record is the outbox: it asks again with the same command id until it has a terminal answer. The
// receiver writes the command down before it agrees, and re-answers what it already knows, so asking again is harmless.
package command

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// The bounds of the time between two asks for one command, and how long one ask may take. The event that a command is
// done usually makes the second ask unnecessary; these matter when it is lost.
const (
	askAgainFirst = 250 * time.Millisecond
	askAgainMost  = 10 * time.Second
	askWithin     = 10 * time.Second
)

// Peer is what an initiator needs of the bus.
type Peer interface {
	Ask(ctx context.Context, subject string, message proto.Message) (proto.Message, error)
	ListenIf(
		ctx context.Context, subject string, wanted func(command string) bool, handle func(proto.Message, proto.Event),
	) (stop func(), err error)
}

// Initiator gives commands and waits for their ends. It may be used from several goroutines.
type Initiator struct {
	peer Peer
	stop func()

	mutex   sync.Mutex
	waiting map[waiter][]chan proto.Outcome
	// given is how many wait for each command, whoever it was given to.
	given map[string]int
}

// waiter is a command by its id and the one who was told: another agent's event about it means nothing.
type waiter struct {
	command  string
	receiver proto.Identity
}

// NewInitiator listens for the ends of commands until Close.
func NewInitiator(ctx context.Context, peer Peer) (*Initiator, error) {
	initiator := &Initiator{peer: peer, waiting: map[waiter][]chan proto.Outcome{}, given: map[string]int{}}
	stop, err := peer.ListenIf(ctx, "evt.*."+string(proto.EventCommandDone), initiator.waits, initiator.ended)
	if err != nil {
		return nil, fmt.Errorf("listen for the ends of commands: %w", err)
	}
	initiator.stop = stop
	return initiator, nil
}

// Close stops listening. Commands under way go on by asking.
func (i *Initiator) Close() { i.stop() }

// waits says whether anybody waits for the end of a command.
func (i *Initiator) waits(command string) bool {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.given[command] > 0
}

func (i *Initiator) ended(message proto.Message, event proto.Event) {
	if event.Outcome == nil {
		return
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	for _, channel := range i.waiting[waiter{event.Outcome.Command, message.Sender}] {
		select {
		case channel <- *event.Outcome:
		default:
		}
	}
}

// expect returns where the end of a command will be told, until forget.
func (i *Initiator) expect(key waiter) (ended chan proto.Outcome, forget func()) {
	ended = make(chan proto.Outcome, 1)
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.waiting[key] = append(i.waiting[key], ended)
	i.given[key.command]++
	return ended, func() {
		i.mutex.Lock()
		defer i.mutex.Unlock()
		if i.given[key.command]--; i.given[key.command] == 0 {
			delete(i.given, key.command)
		}
		left := slices.DeleteFunc(i.waiting[key], func(other chan proto.Outcome) bool { return other == ended })
		if len(left) == 0 {
			delete(i.waiting, key)
			return
		}
		i.waiting[key] = left
	}
}

// Do gives the command and returns its terminal answer: inform, failure, refuse or not-understood. A receiver that has
// too much to do refuses a command unread, and is asked again as one that does not answer is. message.Command is the
// command's id and message.Receiver who is told; both are required. Two Do with one id share nothing but the receiver's
// record. The only error is the context's, which says nothing about the command: it may be done, and doing it again with
// the same id tells.
func (i *Initiator) Do(ctx context.Context, subject string, message proto.Message) (proto.Message, error) {
	ended, forget := i.expect(waiter{message.Command, message.Receiver})
	defer forget()
	pause := &backoff.ExponentialBackOff{
		InitialInterval: askAgainFirst, RandomizationFactor: 0.2, Multiplier: 1.6, MaxInterval: askAgainMost,
	}
	pause.Reset()
	for {
		answer, outcome, err := i.ask(ctx, subject, message, ended)
		if outcome == nil && err == nil && final(answer) {
			return answer, nil
		}
		if outcome == nil {
			outcome = wait(ctx, pause.NextBackOff(), ended)
		}
		if outcome != nil {
			return terminal(message, *outcome)
		}
		if ctx.Err() != nil {
			return proto.Message{}, unfinished(ctx, message, err)
		}
	}
}

// wait returns an outcome that is told within a time; nil for none.
func wait(ctx context.Context, length time.Duration, ended <-chan proto.Outcome) *proto.Outcome {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case outcome := <-ended:
		return &outcome
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// final says whether an answer ends a command.
func final(answer proto.Message) bool {
	switch answer.Performative {
	case proto.Agree:
		return false
	case proto.Refuse:
		refusal, refused := proto.AsRefusal(answer)
		return !refused || refusal.Code != sla.RefusedUnavailable
	}
	return true
}

// ask asks once, unless the command's end is told before the answer comes.
func (i *Initiator) ask(
	ctx context.Context, subject string, message proto.Message, ended <-chan proto.Outcome,
) (answer proto.Message, outcome *proto.Outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		answer, err = i.peer.Ask(ctx, subject, message)
	}()
	select {
	case told := <-ended:
		cancel()
		<-answered
		return proto.Message{}, &told, nil
	case <-answered:
		return answer, nil, err
	}
}

func unfinished(ctx context.Context, message proto.Message, last error) error {
	if last != nil {
		return fmt.Errorf("command %s to %s: %w (last: %w)", message.Command, message.Receiver, context.Cause(ctx), last)
	}
	return fmt.Errorf("command %s to %s: under way, %w", message.Command, message.Receiver, context.Cause(ctx))
}

// terminal makes of an event's outcome the answer that another ask would have brought.
func terminal(message proto.Message, outcome proto.Outcome) (proto.Message, error) {
	performative := proto.Inform
	if outcome.Refusal != nil {
		performative = proto.Failure
	}
	answer := message.Reply(performative)
	answer.Sender, answer.Receiver = message.Receiver, message.Sender
	if err := proto.Encode(&answer, outcome); err != nil {
		return proto.Message{}, fmt.Errorf("outcome of command %s: %w", message.Command, err)
	}
	return answer, nil
}
