package bus_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agency is an authority and a server with agents enrolled.
type agency struct {
	authority   *bus.Authority
	server      *bus.Server
	directory   string
	credentials map[string]bus.Credentials
}

// startAgency enrols agents and starts a server for them.
func startAgency(t testing.TB, agents ...string) *agency {
	t.Helper()
	directory := t.TempDir()
	authority, err := bus.OpenAuthority(filepath.Join(directory, "authority"))
	if err != nil {
		t.Fatal(err)
	}
	a := &agency{authority: authority, directory: directory, credentials: make(map[string]bus.Credentials)}
	for _, agent := range agents {
		a.enrol(t, agent)
	}
	a.start(t, 0)
	t.Cleanup(func() { a.server.Close() })
	return a
}

func (a *agency) start(t testing.TB, port int) {
	t.Helper()
	server, err := bus.StartServer(t.Context(), bus.ServerOptions{
		Authority: a.authority, Directory: filepath.Join(a.directory, "streams"), Port: port,
	})
	if err != nil {
		t.Fatal(err)
	}
	a.server = server
}

func (a *agency) enrol(t testing.TB, agent string) bus.Credentials {
	t.Helper()
	identity, err := proto.ParseIdentity(agent)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := a.authority.Enrol(identity)
	if err != nil {
		t.Fatal(err)
	}
	a.credentials[agent] = credentials
	return credentials
}

// connect connects an enrolled agent in process.
func (a *agency) connect(t testing.TB, agent string) *bus.Peer {
	t.Helper()
	return a.connectWith(t, agent, bus.Options{Server: a.server})
}

func (a *agency) connectWith(t testing.TB, agent string, options bus.Options) *bus.Peer {
	t.Helper()
	options.Credentials = a.credentials[agent]
	if register, err := a.authority.Register(); err == nil {
		options.Credentials.Register = register
	}
	if test, is := t.(*testing.T); is && options.Log == nil {
		options.Log = zaptest.NewLogger(test, zaptest.WrapOptions()).Named(agent)
	}
	peer, err := bus.Connect(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	return peer
}

// serve answers on subject with handle, for cleanup to close.
func serve(t testing.TB, peer *bus.Peer, subject string, accepts map[proto.Performative][]proto.Role,
	handle func(context.Context, proto.Message) proto.Message) *bus.Service {
	t.Helper()
	service, err := peer.Serve(t.Context(), bus.Endpoint{Name: "test", Subject: subject, Accepts: accepts, Handle: handle})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	return service
}

// question is a query-ref about a topic.
func question(t testing.TB, topic proto.Topic) proto.Message {
	t.Helper()
	message := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol}
	if err := proto.Encode(&message, proto.Question{Topic: topic}); err != nil {
		t.Fatal(err)
	}
	return message
}

// status answers with a vendor status of that name.
func status(name string) func(context.Context, proto.Message) proto.Message {
	return func(_ context.Context, message proto.Message) proto.Message {
		answer := message.Reply(proto.Inform)
		if err := proto.Encode(&answer, proto.VendorStatus{Name: name, Present: true}); err != nil {
			panic(err)
		}
		return answer
	}
}

var (
	queries = map[proto.Performative][]proto.Role{proto.QueryRef: proto.Roles[:]}
	calls   = map[proto.Performative][]proto.Role{proto.CallForProposal: {proto.RoleBroker}}
)

func TestAskIsAnsweredByWhomItWasSentTo(t *testing.T) {
	a := startAgency(t, "broker", "vendor.ptc-athens", "client.ada")
	athens, ada := a.connect(t, "vendor.ptc-athens"), a.connect(t, "client.ada")
	serve(t, athens, proto.SubjectQuery("ptc-athens"), queries, status("ptc-athens"))

	answer, err := ada.Ask(t.Context(), proto.SubjectQuery("ptc-athens"), question(t, proto.TopicVendor))
	if err != nil {
		t.Fatal(err)
	}
	got, err := proto.Decode[proto.VendorStatus](answer)
	if err != nil || got.Name != "ptc-athens" || answer.Sender != proto.Vendor("ptc-athens") {
		t.Fatalf("got %+v from %s, %v", got, answer.Sender, err)
	}
}

func TestAskingNobodyIsAbsentAtOnce(t *testing.T) {
	a := startAgency(t, "client.ada")
	began := time.Now()
	_, err := a.connect(t, "client.ada").Ask(t.Context(), proto.SubjectBrokerQuery, question(t, proto.TopicCalls))
	if !errors.Is(err, bus.ErrAbsent) {
		t.Fatalf("got %v, want ErrAbsent", err)
	}
	if waited := time.Since(began); waited > 10*time.Second {
		t.Fatalf("took %s", waited)
	}
}

func TestGatherGivesOneReplyPerSubject(t *testing.T) {
	a := startAgency(t, "broker", "vendor.one", "vendor.two", "vendor.three")
	broker := a.connect(t, "broker")
	for _, name := range []string{"one", "two"} {
		serve(t, a.connect(t, "vendor."+name), proto.SubjectCall(name), calls, status(name))
	}
	var subjects []string
	for _, name := range []string{"one", "two", "three"} {
		subjects = append(subjects, proto.SubjectCall(name))
	}
	replies := make(map[string]bus.Reply)
	for reply := range broker.Gather(t.Context(), proto.Message{Performative: proto.CallForProposal}, subjects, time.Second) {
		replies[reply.Subject] = reply
	}
	if len(replies) != 3 || !errors.Is(replies["vendor.three.cfp"].Err, bus.ErrAbsent) {
		t.Fatalf("got %+v", replies)
	}
	for _, name := range []string{"one", "two"} {
		reply := replies[proto.SubjectCall(name)]
		if reply.Err != nil || reply.Message.Sender != proto.Vendor(name) {
			t.Errorf("%s: %+v", name, reply)
		}
	}
}

func TestOnlyWantedEndsAreHeard(t *testing.T) {
	a := startAgency(t, "vendor.one", "client.ada")
	one, ada := a.connect(t, "vendor.one"), a.connect(t, "client.ada")
	heard := make(chan proto.Event, 10)
	stop, err := ada.ListenIf(t.Context(), "evt.>", func(command string) bool { return command == "mine" },
		func(_ proto.Message, event proto.Event) { heard <- event })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, event := range []proto.Event{
		{Kind: proto.EventCommandDone, Message: "not mine", Outcome: &proto.Outcome{Command: "theirs"}},
		{Kind: proto.EventCommandDone, Message: "mine", Outcome: &proto.Outcome{Command: "mine"}},
		{Kind: proto.EventResourceChanged, Message: "about no command"},
	} {
		if err := one.Publish(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"mine", "about no command"} {
		if event := <-heard; event.Message != want {
			t.Errorf("heard %q, want %q", event.Message, want)
		}
	}
}

func TestEventsAreHeardLiveAndReadLater(t *testing.T) {
	a := startAgency(t, "vendor.one", "client.ada")
	one, ada := a.connect(t, "vendor.one"), a.connect(t, "client.ada")
	heard := make(chan proto.Event, 10)
	stop, err := ada.Listen(t.Context(), "evt.>", func(_ proto.Message, event proto.Event) { heard <- event })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, name := range []string{"shop", "blog", "shop"} {
		event := proto.Event{Kind: proto.EventResourceChanged, Name: name, Message: "web-1 runs"}
		if err := one.Publish(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if event := <-heard; event.Source != "vendor.one" || event.ID == "" || event.At.IsZero() {
			t.Errorf("heard %+v", event)
		}
	}
	var stored []proto.Event
	err = ada.Follow(t.Context(), bus.FollowOptions{Name: "shop"}, func(event proto.Event) error {
		stored = append(stored, event)
		return nil
	})
	if err != nil || len(stored) != 2 {
		t.Fatalf("read %+v, %v", stored, err)
	}
}
