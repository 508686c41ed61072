// Package outbox tells the world what an agent has committed, at least once and in order.
//
// An event is a key in the commit that makes it true, so that state and event never part; an owned goroutine publishes
// what was committed and deletes it afterwards. What a crash left behind is published at the next start.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Publisher puts an event on the bus and returns when the bus has it.
type Publisher interface {
	Publish(ctx context.Context, event proto.Event) error
}

// Outbox holds events between their commit and their publication.
type Outbox struct {
	store  services.Store
	events services.Table[proto.Event]
	bus    Publisher
	log    *zap.Logger
	now    func() time.Time

	mutex   sync.Mutex
	pending []Entry
	wake    chan struct{}
}

// Entry is an event on its way: commit its Change, then hand it to Committed.
type Entry struct {
	Event  proto.Event
	Change services.Change
}

// New makes an outbox in an agent's store.
func New(store services.Store, bus Publisher, log *zap.Logger, now func() time.Time) *Outbox {
	return &Outbox{
		store: store, events: services.NewTable[proto.Event](store, "outbox", "event", 1), bus: bus, log: log, now: now,
		wake: make(chan struct{}, 1),
	}
}

// Entry gives the event an id and a time and makes the change that keeps it.
func (o *Outbox) Entry(event proto.Event) Entry {
	event.ID, event.At = ulid.Make().String(), o.now().UTC()
	return Entry{event, o.events.Put(event.ID, event, 0)}
}

// Committed hands over entries whose changes have been committed.
func (o *Outbox) Committed(entries ...Entry) {
	o.mutex.Lock()
	o.pending = append(o.pending, entries...)
	o.mutex.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Load takes up what an earlier run committed and did not publish. Call it once, before anything is committed.
func (o *Outbox) Load(ctx context.Context) error {
	left, err := o.events.List(ctx)
	if err != nil {
		return fmt.Errorf("list unpublished events: %w", err)
	}
	for _, row := range left {
		o.Committed(Entry{Event: row.Value})
	}
	return nil
}

// Run publishes until the context ends. What was published is deleted a little later and several at a time, so that the
// deletions do not stand in the way of whoever commits now.
func (o *Outbox) Run(ctx context.Context) error {
	var published []services.Change
	forget := time.NewTimer(forgetAfter)
	forget.Stop()
	defer forget.Stop()
	for {
		select {
		case <-ctx.Done():
			o.forget(ctx, published)
			return nil
		case <-forget.C:
			published = o.forget(ctx, published)
		case <-o.wake:
		}
		o.mutex.Lock()
		entries := o.pending
		o.pending = nil
		o.mutex.Unlock()
		for _, entry := range entries {
			if err := o.insist(ctx, entry.Event); err != nil {
				break // the context has ended; what is left is in the store
			}
			if len(published) == 0 {
				forget.Reset(forgetAfter)
			}
			if published = append(published, o.events.Discard(entry.Event.ID)); len(published) == services.MaxChanges {
				published = o.forget(ctx, published)
			}
		}
	}
}

// forget deletes events that were published, also when the context has ended meanwhile, and returns none.
func (o *Outbox) forget(ctx context.Context, published []services.Change) []services.Change {
	if len(published) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
	defer cancel()
	if err := o.store.Commit(ctx, published...); err != nil {
		// Published and not forgotten: they are published once more at the next start, which events allow for.
		o.log.Warn("published events not forgotten", zap.Int("events", len(published)), zap.Error(err))
	}
	return nil
}

// The bounds of the time between two tries to publish an event, and of when and how long those published are forgotten.
const (
	againFirst   = 50 * time.Millisecond
	againMost    = 5 * time.Second
	forgetAfter  = 100 * time.Millisecond
	forgetWithin = 10 * time.Second
)

// insist publishes an event, however often it takes, until the context ends. One that can never be sent is given up, so
// that it does not keep back those behind it.
func (o *Outbox) insist(ctx context.Context, event proto.Event) error {
	pause := &backoff.ExponentialBackOff{
		InitialInterval: againFirst, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: againMost,
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := o.bus.Publish(ctx, event)
		if errors.Is(err, proto.ErrMalformed) || errors.Is(err, proto.ErrContent) {
			o.log.Error("event given up: it cannot be sent", zap.String("kind", string(event.Kind)), zap.Error(err))
			err = nil
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, pause time.Duration) {
		o.log.Warn("event not published yet", zap.String("kind", string(event.Kind)), zap.Error(err),
			zap.Duration("again-in", pause))
	}))
	return err
}
