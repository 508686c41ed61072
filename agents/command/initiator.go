// Package command carries a command from the agent that gives it to its end, whatever is lost on the way.
//
// The initiator's own record is the outbox: it asks again with the same command id until it has a terminal answer. The
// receiver writes the command down before it agrees, and re-answers what it already knows, so asking again is harmless.
package command

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/cloud-agency/agency/proto"
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
	Listen(ctx context.Context, subject string, handle func(proto.Message, proto.Event)) (stop func(), err error)
}

// Initiator gives commands and waits for their ends. It may be used from several goroutines.
type Initiator struct {
	peer Peer
	stop func()

	mutex   sync.Mutex
	waiting map[waiter]chan proto.Outcome
}

// waiter is a command by its id and the one who was told: another agent's event about it means nothing.
type waiter struct {
	command  string
	receiver proto.Identity
}

// NewInitiator listens for the ends of commands until Close.
func NewInitiator(ctx context.Context, peer Peer) (*Initiator, error) {
	initiator := &Initiator{peer: peer, waiting: map[waiter]chan proto.Outcome{}}
	stop, err := peer.Listen(ctx, "evt.*."+string(proto.EventCommandDone), initiator.ended)
	if err != nil {
		return nil, fmt.Errorf("listen for the ends of commands: %w", err)
	}
	initiator.stop = stop
	return initiator, nil
}

// Close stops listening. Commands under way go on by asking.
func (i *Initiator) Close() { i.stop() }

func (i *Initiator) ended(message proto.Message, event proto.Event) {
	if event.Outcome == nil {
		return
	}
	i.mutex.Lock()
	channel := i.waiting[waiter{event.Outcome.Command, message.Sender}]
	i.mutex.Unlock()
	if channel == nil {
		return
	}
	select {
	case channel <- *event.Outcome:
	default:
	}
}

// Do gives the command and returns its terminal answer: inform, failure, refuse or not-understood. message.Command is
// the command's id; two Do with one id at the same time share nothing but the receiver's record. The only error is the
// context's, which says nothing about the command: it may be done, and doing it again with the same id tells.
func (i *Initiator) Do(ctx context.Context, subject string, message proto.Message) (proto.Message, error) {
	key := waiter{message.Command, message.Receiver}
	ended := make(chan proto.Outcome, 1)
	i.mutex.Lock()
	i.waiting[key] = ended
	i.mutex.Unlock()
	defer func() {
		i.mutex.Lock()
		if i.waiting[key] == ended {
			delete(i.waiting, key)
		}
		i.mutex.Unlock()
	}()

	pause := &backoff.ExponentialBackOff{
		InitialInterval: askAgainFirst, RandomizationFactor: 0.2, Multiplier: 1.6, MaxInterval: askAgainMost,
	}
	pause.Reset()
	var last error
	for {
		answer, err := i.ask(ctx, subject, message)
		if err == nil && answer.Performative != proto.Agree {
			return answer, nil
		}
		last = err
		timer := time.NewTimer(pause.NextBackOff())
		select {
		case outcome := <-ended:
			timer.Stop()
			return terminal(message, outcome)
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return proto.Message{}, unfinished(ctx, message, last)
		}
	}
}

func (i *Initiator) ask(ctx context.Context, subject string, message proto.Message) (proto.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return i.peer.Ask(ctx, subject, message)
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
