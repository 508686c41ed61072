package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

func TestAFloodPushesOutOnlyItsOwn(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one", "vendor.two")
	if err := a.connect(t, "vendor.two").Publish(t.Context(), proto.Event{Kind: proto.EventResourceChanged, Message: "mine"}); err != nil {
		t.Fatal(err)
	}
	flood := a.raw(t, "vendor.one")
	const bound = 20_000
	for i := range bound + 500 {
		if err := flood.Publish(fmt.Sprintf("evt.one.kind.%d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	// The answer to one more, on the same connection, says that those before it are stored.
	if _, err := flood.Request("evt.one.kind.last", nil, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if got := a.stored(t, "EVENTS"); got != bound+1 {
		t.Errorf("%d events are stored, want the flood's last %d and the other vendor's", got, bound)
	}
	ada := a.connect(t, "client.ada")
	var told []string
	err := ada.Follow(t.Context(), bus.FollowOptions{}, func(event proto.Event) error {
		told = append(told, event.Message)
		return nil
	})
	if err != nil || len(told) != 1 || told[0] != "mine" {
		t.Errorf("the stream tells %q, %v", told, err)
	}
}

func TestAnEventSaidAgainIsStoredOnce(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	one := a.connect(t, "vendor.one")
	event := proto.Event{ID: "01KAKWFAB4S9E2K7N1Y5T8C0HW", Kind: proto.EventCommandDone, Message: "done"}
	for range 3 {
		if err := one.Publish(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.stored(t, "EVENTS"); got != 1 {
		t.Errorf("%d are stored, want 1", got)
	}
}

func TestAnEventTooLargeIsNotStoredAndSaysSo(t *testing.T) {
	a := startAgency(t, "vendor.one")
	event := proto.Event{Kind: proto.EventCommandDone, Message: string(make([]byte, 100<<10))}
	if err := a.connect(t, "vendor.one").Publish(t.Context(), event); !errors.Is(err, bus.ErrNotStored) {
		t.Errorf("got %v, want ErrNotStored", err)
	}
}

func TestFollowGoesOnLive(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	one, ada := a.connect(t, "vendor.one"), a.connect(t, "client.ada")
	say := func(text string) {
		if err := one.Publish(t.Context(), proto.Event{Kind: proto.EventResourceChanged, Message: text}); err != nil {
			t.Error(err)
		}
	}
	say("first")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told []string
	err := ada.Follow(ctx, bus.FollowOptions{Live: true}, func(event proto.Event) error {
		switch told = append(told, event.Message); event.Message {
		case "first":
			say("second")
		case "second":
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(told) != 2 {
		t.Errorf("told %q, %v", told, err)
	}
	enough := errors.New("enough")
	if err := ada.Follow(t.Context(), bus.FollowOptions{}, func(proto.Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v, want the handler's error", err)
	}
	err = ada.Follow(t.Context(), bus.FollowOptions{Since: time.Now().Add(time.Hour)}, func(event proto.Event) error {
		t.Errorf("told %+v, which is older than asked for", event)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEventsAreHeardInOrder(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	one, ada := a.connect(t, "vendor.one"), a.connect(t, "client.ada")
	heard := make(chan string, 200)
	stop, err := ada.Listen(t.Context(), "evt.one.>", func(_ proto.Message, event proto.Event) { heard <- event.Message })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := one.Publish(t.Context(), proto.Event{Kind: proto.EventResourceChanged, Message: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		if got := <-heard; got != fmt.Sprint(i) {
			t.Fatalf("heard %s, want %d", got, i)
		}
	}
	stop()
	if err := one.Publish(t.Context(), proto.Event{Kind: proto.EventResourceChanged, Message: "late"}); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 0 {
		t.Error("heard something after stop")
	}
}

func TestLogEntriesAreReadBack(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one", "vendor.two")
	one, two, ada := a.connect(t, "vendor.one"), a.connect(t, "vendor.two"), a.connect(t, "client.ada")
	one.Log("info", []byte(`{"message":"hello"}`))
	two.Log("info", []byte(`{"message":"other"}`))
	one.Log("warn", make([]byte, 17<<10)) // too large
	if one.LogsDropped() != 1 {
		t.Errorf("%d dropped, want 1", one.LogsDropped())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := ada.FollowLogs(ctx, bus.LogOptions{Source: "one", Live: true}, func(entry bus.LogEntry) error {
		if entry.Source != "one" || string(entry.Line) != `{"message":"hello"}` || entry.At.IsZero() {
			t.Errorf("read %+v", entry)
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
