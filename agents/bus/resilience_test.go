package bus_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

// silent subscribes a vendor's call subject and hands what arrives to got, without answering.
func (c *rawClient) silent(t *testing.T, vendor string, got func()) {
	t.Helper()
	_, err := c.QueueSubscribe(proto.SubjectCall(vendor), vendor, func(*nats.Msg) { got() })
	if err != nil {
		t.Fatal(err)
	}
	c.flush(t)
}

func TestGatherFindsOutThatASilentVendorDied(t *testing.T) {
	a := startAgency(t, "broker", "vendor.one", "vendor.two")
	broker, dying := a.connect(t, "broker"), a.raw(t, "vendor.two")
	serve(t, a.connect(t, "vendor.one"), proto.SubjectCall("one"), calls, status("one"))
	asked := 0
	dying.silent(t, "two", func() {
		if asked++; asked == 2 {
			dying.Close()
		}
	})
	subjects := []string{proto.SubjectCall("one"), proto.SubjectCall("two")}
	for reply := range broker.Gather(t.Context(), proto.Message{Performative: proto.CallForProposal}, subjects, 20*time.Millisecond) {
		want := map[string]error{"vendor.two.cfp": bus.ErrAbsent}[reply.Subject]
		if !errors.Is(reply.Err, want) {
			t.Errorf("%s: got %v, want %v", reply.Subject, reply.Err, want)
		}
	}
}

// frozen is a connection that stands still from some moment on, as that of a stopped process does.
type frozen struct {
	net.Conn
	freeze <-chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (f *frozen) Read(buffer []byte) (int, error) {
	count, err := f.Conn.Read(buffer)
	select {
	case <-f.freeze:
		<-f.closed
		return 0, net.ErrClosed
	default:
		return count, err
	}
}

func (f *frozen) Close() error {
	f.once.Do(func() { close(f.closed) })
	return f.Conn.Close()
}

type freezingDialer struct{ freeze <-chan struct{} }

func (d freezingDialer) Dial(network, address string) (net.Conn, error) {
	connection, err := net.Dial(network, address)
	return &frozen{Conn: connection, freeze: d.freeze, closed: make(chan struct{})}, err
}

func TestGatherFindsOutThatAVendorStandsStill(t *testing.T) {
	t.Parallel() // it takes the server some seconds
	a := startAgency(t, "broker", "vendor.one")
	broker := a.connect(t, "broker")
	freeze := make(chan struct{})
	credentials := a.credentials["vendor.one"]
	connection, err := nats.Connect(a.server.URL(), nats.UserJWTAndSeed(credentials.JWT, credentials.Seed.Reveal()),
		nats.SetCustomDialer(freezingDialer{freeze}), nats.PingInterval(time.Hour), nats.NoReconnect())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.QueueSubscribe(proto.SubjectCall("one"), "one", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := connection.Flush(); err != nil {
		t.Fatal(err)
	}
	close(freeze)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for reply := range broker.Gather(ctx, proto.Message{Performative: proto.CallForProposal}, []string{"vendor.one.cfp"}, 100*time.Millisecond) {
		if !errors.Is(reply.Err, bus.ErrAbsent) {
			t.Errorf("got %v, want ErrAbsent", reply.Err)
		}
	}
}

func TestGatherWaitsForWhoSaysThatItWorks(t *testing.T) {
	a := startAgency(t, "broker", "vendor.one")
	var asked int
	serve(t, a.connect(t, "vendor.one"), proto.SubjectCall("one"), calls, func(ctx context.Context, message proto.Message) proto.Message {
		if asked++; asked < 4 { // asked one after another
			return message.Reply(proto.Agree)
		}
		return status("one")(ctx, message)
	})
	broker := a.connect(t, "broker")
	for reply := range broker.Gather(t.Context(), proto.Message{Performative: proto.CallForProposal}, []string{"vendor.one.cfp"}, 10*time.Millisecond) {
		if reply.Err != nil || reply.Message.Performative != proto.Inform {
			t.Errorf("got %+v", reply)
		}
	}
}

func TestGatherEndsWithItsContext(t *testing.T) {
	a := startAgency(t, "broker", "vendor.one")
	ctx, cancel := context.WithCancel(t.Context())
	a.raw(t, "vendor.one").silent(t, "one", cancel)
	broker := a.connect(t, "broker")
	count := 0
	for reply := range broker.Gather(ctx, proto.Message{Performative: proto.CallForProposal}, []string{"vendor.one.cfp"}, 0) {
		if count++; !errors.Is(reply.Err, context.Canceled) {
			t.Errorf("got %v, want the context's error", reply.Err)
		}
	}
	if count != 1 {
		t.Errorf("%d replies, want 1", count)
	}
	for range broker.Gather(t.Context(), proto.Message{}, nil, 0) {
		t.Error("a reply where nobody was asked")
	}
}

func TestPeersComeBackWhenTheServerDoes(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	elsewhere := bus.Options{URL: a.server.URL()}
	one, ada := a.connectWith(t, "vendor.one", elsewhere), a.connectWith(t, "client.ada", elsewhere)
	serve(t, one, proto.SubjectQuery("one"), queries, status("one"))
	heard := make(chan proto.Event, 10)
	stop, err := ada.Listen(t.Context(), "evt.>", func(_ proto.Message, event proto.Event) { heard <- event })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := one.Publish(t.Context(), proto.Event{Kind: proto.EventResourceChanged, Message: "before"}); err != nil {
		t.Fatal(err)
	}
	<-heard

	address, err := url.Parse(a.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor)); !errors.Is(err, bus.ErrDisconnected) {
		t.Errorf("while it is down: got %v, want ErrDisconnected", err)
	}
	a.start(t, port)
	t.Cleanup(func() { a.server.Close() })
	until(t, func() error {
		_, err := ada.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor))
		return err
	})
	if err := one.Publish(t.Context(), proto.Event{Kind: proto.EventResourceChanged, Message: "after"}); err != nil {
		t.Fatal(err)
	}
	if event := <-heard; event.Message != "after" {
		t.Errorf("heard %+v", event)
	}
	var told []string
	err = ada.Follow(t.Context(), bus.FollowOptions{}, func(event proto.Event) error {
		told = append(told, event.Message)
		return nil
	})
	if err != nil || len(told) != 2 || told[0] != "before" || told[1] != "after" {
		t.Errorf("the stream tells %q, %v", told, err)
	}
}

// until tries again until work succeeds.
func until(t *testing.T, work func() error) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-again.C {
		err := work()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestAskEndsWhenTheConnectionIsLost(t *testing.T) {
	a := startAgency(t, "broker", "vendor.one")
	broker := a.connectWith(t, "broker", bus.Options{URL: a.server.URL()})
	a.raw(t, "vendor.one").silent(t, "one", func() { go a.server.Close() })
	_, err := broker.Ask(t.Context(), proto.SubjectCall("one"), proto.Message{Performative: proto.CallForProposal})
	if !errors.Is(err, bus.ErrDisconnected) {
		t.Errorf("got %v, want ErrDisconnected", err)
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	a := startAgency(t, "broker", "vendor.one")
	ctx, cancel := context.WithCancel(t.Context())
	a.raw(t, "vendor.one").silent(t, "one", cancel)
	_, err := a.connect(t, "broker").Ask(ctx, proto.SubjectCall("one"), proto.Message{Performative: proto.CallForProposal})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestWhatTheServerForbidsEndsAtOnce(t *testing.T) {
	a := startAgency(t, "vendor.one", "vendor.two")
	one := a.connect(t, "vendor.one")
	if _, err := one.Ask(t.Context(), proto.SubjectCommand("two"), question(t, "x")); !errors.Is(err, bus.ErrForbidden) {
		t.Errorf("got %v, want ErrForbidden", err)
	}
	if _, err := one.GetObject(t.Context(), "two", "archive"); !errors.Is(err, bus.ErrForbidden) {
		t.Errorf("another's bucket: got %v, want ErrForbidden", err)
	}
	for reply := range one.Gather(t.Context(), proto.Message{Performative: proto.CallForProposal}, []string{"vendor.two.cfp"}, 0) {
		if !errors.Is(reply.Err, bus.ErrForbidden) {
			t.Errorf("got %v, want ErrForbidden", reply.Err)
		}
	}
}

func TestAClosedPeerSaysSo(t *testing.T) {
	a := startAgency(t, "client.ada")
	ada := a.connect(t, "client.ada")
	if err := errors.Join(ada.Close(), ada.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Ask(t.Context(), proto.SubjectBrokerQuery, question(t, "x")); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Ask: got %v, want ErrClosed", err)
	}
	if err := ada.Follow(t.Context(), bus.FollowOptions{}, nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Follow: got %v, want ErrClosed", err)
	}
	ada.Log("info", []byte("{}"))
}

func TestConnectingToNobodyFailsUnlessItMayWait(t *testing.T) {
	a := startAgency(t, "client.ada")
	nowhere := bus.Options{URL: a.server.URL(), Credentials: a.credentials["client.ada"]}
	if err := a.server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Connect(t.Context(), nowhere); !errors.Is(err, bus.ErrDisconnected) {
		t.Errorf("got %v, want ErrDisconnected", err)
	}
	nowhere.Wait = true
	peer, err := bus.Connect(t.Context(), nowhere)
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Close(); err != nil {
		t.Error(err)
	}
}
