// Package outbox tells the world what an agent has committed, at least once and in order.
//
// An event is a key in the commit that makes it true, so that state and event never part; an owned goroutine publishes
// what was committed and deletes it afterwards. What a crash left behind is published at the next start.
package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

const prefix = "outbox."

// Publisher puts an event on the bus and returns when the bus has it.
type Publisher interface {
	Publish(ctx context.Context, event proto.Event) error
}

// Outbox holds events between their commit and their publication.
type Outbox struct {
	store services.Store
	bus   Publisher
	log   *zap.Logger
	now   func() time.Time

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
	return &Outbox{store: store, bus: bus, log: log, now: now, wake: make(chan struct{}, 1)}
}

// Entry gives the event an id and a time and makes the change that keeps it.
func (o *Outbox) Entry(event proto.Event) (Entry, error) {
	event.ID, event.At = ulid.Make().String(), o.now().UTC()
	value, err := json.Marshal(event)
	if err != nil {
		return Entry{}, fmt.Errorf("encode event %s: %w", event.Kind, err)
	}
	return Entry{event, services.Change{Key: prefix + event.ID, Value: value}}, nil
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
	left, err := o.store.List(ctx, prefix)
	if err != nil {
		return fmt.Errorf("list unpublished events: %w", err)
	}
	for _, entry := range left {
		var event proto.Event
		if err := json.Unmarshal(entry.Value, &event); err != nil {
			return fmt.Errorf("unpublished event %s: %w", entry.Key, err)
		}
		o.Committed(Entry{event, services.Change{Key: entry.Key}})
	}
	return nil
}

// Run publishes until the context ends.
func (o *Outbox) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.wake:
		}
		o.mutex.Lock()
		entries := o.pending
		o.pending = nil
		o.mutex.Unlock()
		for len(entries) > 0 {
			batch := entries[:min(len(entries), services.MaxChanges)]
			entries = entries[len(batch):]
			if err := o.publish(ctx, batch); err != nil {
				return nil // the context has ended; what is left is in the store
			}
		}
	}
}

func (o *Outbox) publish(ctx context.Context, batch []Entry) error {
	done := make([]services.Change, 0, len(batch))
	for _, entry := range batch {
		_, err := backoff.Retry(ctx, func() (struct{}, error) {
			return struct{}{}, o.bus.Publish(ctx, entry.Event)
		}, backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, pause time.Duration) {
			o.log.Warn("event not published yet", zap.String("kind", string(entry.Event.Kind)), zap.Error(err),
				zap.Duration("again-in", pause))
		}))
		if err != nil {
			return err
		}
		done = append(done, services.Change{Key: entry.Change.Key, Any: true, Delete: true})
	}
	if err := o.store.Commit(ctx, done...); err != nil {
		// Published and not forgotten: it is published once more at the next start, which events allow for.
		o.log.Warn("published events not forgotten", zap.Int("events", len(done)), zap.Error(err))
	}
	return ctx.Err()
}
