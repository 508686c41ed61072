package conformance

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cloud-agency/agency/proto"
)

// listener hears every event of the vendor, the bad ones too.
type listener struct {
	vendor     proto.Identity
	connection *nats.Conn
	verifier   *proto.Verifier
	guard      *proto.ReplayGuard

	mutex  sync.Mutex
	events []proto.Event
	faults []string
	// fresh is closed and made anew when an event comes.
	fresh chan struct{}
}

func newListener(bench *Bench) (*listener, error) {
	credentials := bench.credentials[client]
	verifier, err := proto.NewVerifier(client, credentials.Account, credentials.Register, time.Now)
	if err != nil {
		return nil, err
	}
	connection, err := dial(bench, client, "_INBOX_client_"+client.Name)
	if err != nil {
		return nil, err
	}
	l := &listener{
		vendor: bench.vendor, connection: connection, verifier: verifier, guard: proto.NewReplayGuard(), fresh: make(chan struct{}),
	}
	_, err = connection.Subscribe("evt."+bench.vendor.Name+".>", l.hear)
	if err == nil {
		err = connection.Flush()
	}
	if err != nil {
		connection.Close()
		return nil, fmt.Errorf("listen to events: %w", err)
	}
	return l, nil
}

func (l *listener) close() error {
	l.connection.Close()
	return nil
}

func (l *listener) hear(raw *nats.Msg) {
	event, err := l.open(raw)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if err != nil {
		l.faults = append(l.faults, fmt.Sprintf("%s: %s", raw.Subject, err))
		return
	}
	l.events = append(l.events, event)
	close(l.fresh)
	l.fresh = make(chan struct{})
}

// open reads an event and says what is wrong with it.
func (l *listener) open(raw *nats.Msg) (proto.Event, error) {
	message, err := l.verifier.VerifyPublished(raw.Header, raw.Data, l.guard)
	if err != nil {
		return proto.Event{}, err
	}
	event, err := proto.Decode[proto.Event](message)
	if err != nil {
		return event, err
	}
	kind := strings.TrimPrefix(raw.Subject, "evt."+l.vendor.Name+".")
	switch {
	case message.Performative != proto.Inform:
		err = fmt.Errorf("is %s, not inform", message.Performative)
	case message.Sender != l.vendor || event.Source != l.vendor.String():
		err = fmt.Errorf("is told by %s of source %q", message.Sender, event.Source)
	case string(event.Kind) != kind:
		err = fmt.Errorf("has kind %q", event.Kind)
	case event.ID == "" || raw.Header.Get(nats.MsgIdHdr) != event.ID:
		err = fmt.Errorf("has id %q and %s %q", event.ID, nats.MsgIdHdr, raw.Header.Get(nats.MsgIdHdr))
	case event.At.IsZero() || event.Message == "":
		err = fmt.Errorf("says not when (at) or not what (message)")
	case raw.Reply == "" && event.Kind != proto.EventRefused: // of what was refused not every event need be kept
		err = fmt.Errorf("was published without a reply subject for the stream's acknowledgement")
	}
	return event, err
}

// find waits for an event.
func (l *listener) find(t *trial, is func(proto.Event) bool) (proto.Event, bool) {
	timer := time.NewTimer(t.Patience)
	defer timer.Stop()
	for {
		l.mutex.Lock()
		fresh := l.fresh
		for _, event := range l.events {
			if is(event) {
				l.mutex.Unlock()
				return event, true
			}
		}
		l.mutex.Unlock()
		select {
		case <-fresh:
		case <-timer.C:
			return proto.Event{}, false
		case <-t.ctx.Done():
			return proto.Event{}, false
		}
	}
}

func (l *listener) heard() (events []proto.Event, faults []string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return append([]proto.Event(nil), l.events...), append([]string(nil), l.faults...)
}
