package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/outbox"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// publisher remembers what it was given, and fails as it is told.
type publisher struct {
	fail func(proto.Event) error

	mutex     sync.Mutex
	published []string
	told      chan struct{}
}

func newPublisher(fail func(proto.Event) error) *publisher {
	return &publisher{fail: fail, told: make(chan struct{}, 1000)}
}

// Publish implements outbox.Publisher.
func (p *publisher) Publish(_ context.Context, event proto.Event) error {
	if p.fail != nil {
		if err := p.fail(event); err != nil {
			return err
		}
	}
	p.mutex.Lock()
	p.published = append(p.published, event.Message)
	p.mutex.Unlock()
	p.told <- struct{}{}
	return nil
}

func (p *publisher) wait(t *testing.T, count int) []string {
	t.Helper()
	for range count {
		select {
		case <-p.told:
		case <-time.After(30 * time.Second):
			t.Fatal("not published")
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Clone(p.published)
}

func open(t *testing.T, path string) services.Store {
	t.Helper()
	records, err := store.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { records.Close() })
	return records
}

// run runs an outbox until stop.
func run(t *testing.T, records services.Store, bus outbox.Publisher) (box *outbox.Outbox, stop func()) {
	t.Helper()
	box = outbox.New(records, bus, zap.NewNop(), time.Now)
	if err := box.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return box, stop
}

func commit(t *testing.T, records services.Store, box *outbox.Outbox, from, to int) []outbox.Entry {
	t.Helper()
	var entries []outbox.Entry
	for number := from; number < to; number++ {
		entry := box.Entry(proto.Event{Kind: proto.EventResourceChanged, Message: fmt.Sprint(number)})
		if err := records.Commit(t.Context(), entry.Change); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	return entries
}

func numbers(from, to int) (all []string) {
	for number := from; number < to; number++ {
		all = append(all, fmt.Sprint(number))
	}
	return all
}

func left(t *testing.T, records services.Store) int {
	t.Helper()
	entries, err := records.List(t.Context(), "outbox.")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestEventsArePublishedInOrderAndForgotten(t *testing.T) {
	records, bus := open(t, filepath.Join(t.TempDir(), "a.db")), newPublisher(nil)
	box, stop := run(t, records, bus)
	for number := range 50 {
		box.Committed(commit(t, records, box, number, number+1)...)
	}
	if got := bus.wait(t, 50); !slices.Equal(got, numbers(0, 50)) {
		t.Errorf("published %v", got)
	}
	stop()
	if count := left(t, records); count != 0 {
		t.Errorf("%d are left in the store", count)
	}
}

func TestWhatACrashLeftIsPublished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	records := open(t, path)
	absent := errors.New("no bus")
	box, stop := run(t, records, newPublisher(func(event proto.Event) error {
		if event.Message >= "3" {
			return absent
		}
		return nil
	}))
	box.Committed(commit(t, records, box, 0, 6)...)
	commit(t, records, box, 6, 8) // committed, and then the crash
	stop()
	if err := records.Close(); err != nil {
		t.Fatal(err)
	}
	records = open(t, path)
	waiting := left(t, records)
	if waiting < 5 {
		t.Fatalf("%d of those that were not published are left", waiting)
	}
	bus := newPublisher(nil)
	box, _ = run(t, records, bus)
	box.Committed(commit(t, records, box, 8, 9)...)
	if got := bus.wait(t, waiting+1); !slices.Equal(got, numbers(8-waiting, 9)) {
		t.Errorf("published %v", got)
	}
}

func TestAPublisherThatFailsForAWhile(t *testing.T) {
	failures := 3
	bus := newPublisher(func(event proto.Event) error {
		if event.Message == "1" && failures > 0 {
			failures--
			return errors.New("no bus")
		}
		return nil
	})
	records := open(t, filepath.Join(t.TempDir(), "a.db"))
	box, _ := run(t, records, bus)
	box.Committed(commit(t, records, box, 0, 3)...)
	if got := bus.wait(t, 3); !slices.Equal(got, numbers(0, 3)) {
		t.Errorf("published %v", got)
	}
}

func TestAnEventThatCannotBeSentKeepsNobodyBack(t *testing.T) {
	bus := newPublisher(func(event proto.Event) error {
		if event.Message == "0" {
			return fmt.Errorf("publish: %w", proto.ErrMalformed)
		}
		return nil
	})
	records := open(t, filepath.Join(t.TempDir(), "a.db"))
	box, stop := run(t, records, bus)
	box.Committed(commit(t, records, box, 0, 2)...)
	if got := bus.wait(t, 1); !slices.Equal(got, numbers(1, 2)) {
		t.Errorf("published %v", got)
	}
	stop()
	if count := left(t, records); count != 0 {
		t.Errorf("%d are left in the store", count)
	}
}
