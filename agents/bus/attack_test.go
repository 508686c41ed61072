package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// target is vendor one serving commands one after another, and how many it has taken.
type target struct {
	*bus.Peer
	taken atomic.Int32
}

func (a *agency) target(t *testing.T) *target {
	t.Helper()
	target := &target{Peer: a.connect(t, "vendor.one")}
	service, err := target.Serve(t.Context(), bus.Endpoint{
		Name: "command", Subject: proto.SubjectCommand("one"), Workers: 1,
		Accepts: map[proto.Performative][]proto.Role{
			proto.Request: {proto.RoleClient, proto.RoleDeployer}, proto.AcceptProposal: {proto.RoleBroker},
		},
		Handle: func(_ context.Context, message proto.Message) proto.Message {
			target.taken.Add(1)
			return message.Reply(proto.Agree)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	return target
}

// request is a client's request to vendor one with every header.
func request() proto.Message {
	message := proto.Message{
		Performative: proto.Request, Protocol: proto.RequestProtocol, Conversation: "c1", ReplyWith: "r1", InReplyTo: "p1",
		ReplyBy: time.Now().Add(time.Minute), Sender: proto.Identity{Role: proto.RoleClient, Name: "ada"},
		Receiver: proto.Vendor("one"), Round: 1, Sequence: 1, Traceparent: "00-1", Command: "k1",
	}
	if err := proto.Encode(&message, proto.Question{Topic: "x"}); err != nil {
		panic(err)
	}
	return message
}

// send sends messages and then a good one, and returns the answers to them, the good one's last.
func (c *rawClient) send(t *testing.T, messages ...*nats.Msg) []*nats.Msg {
	t.Helper()
	prefix := c.inbox + ".answers." + proto.FreshID()
	inbox, err := c.SubscribeSync(prefix + ".*")
	if err != nil {
		t.Fatal(err)
	}
	last := c.sealed(t, proto.SubjectCommand("one"), request())
	lastReply := c.inbox + ".last." + proto.FreshID()
	end, err := c.SubscribeSync(lastReply)
	if err != nil {
		t.Fatal(err)
	}
	for i, message := range messages {
		message.Reply = prefix + "." + strconv.Itoa(i) // one answer is allowed on each
		if err := c.PublishMsg(message); err != nil {
			t.Fatal(err)
		}
	}
	last.Reply = lastReply
	if err := c.PublishMsg(last); err != nil {
		t.Fatal(err)
	}
	good, err := end.NextMsg(20 * time.Second)
	if err != nil {
		t.Fatalf("the good message got no answer: %v", err)
	}
	var answers []*nats.Msg
	for pending, _, _ := inbox.Pending(); pending > 0; pending-- {
		answer, err := inbox.NextMsg(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, answer)
	}
	return append(answers, good)
}

func TestAlteredMessagesAreNotTaken(t *testing.T) {
	a := everybody(t)
	target, ada := a.target(t), a.raw(t, "client.ada")
	others := map[string]string{
		proto.HeaderPerformative: string(proto.Inform), proto.HeaderProtocol: string(proto.QueryProtocol),
		proto.HeaderConversation: "c2", proto.HeaderReplyWith: "r2", proto.HeaderInReplyTo: "p2",
		proto.HeaderReplyBy: "2030-01-01T00:00:00Z", proto.HeaderSender: "deployer", proto.HeaderReceiver: "vendor",
		proto.HeaderContentType: proto.ContentType("event", 1), proto.HeaderRound: "2", proto.HeaderSequence: "2",
		proto.HeaderTraceparent: "00-2", proto.HeaderMessage: proto.FreshID(), proto.HeaderCommand: "k2",
		proto.HeaderExpires:   time.Now().Add(time.Minute).UTC().Format(time.RFC3339),
		proto.HeaderSignature: "AAAA" + ada.sealed(t, "x", request()).Header.Get(proto.HeaderSignature)[4:],
	}
	sealed := ada.sealed(t, proto.SubjectCommand("one"), request())
	if len(others) != len(sealed.Header) {
		t.Fatalf("%d headers are altered, the message has %d", len(others), len(sealed.Header))
	}
	bad := []*nats.Msg{{Subject: sealed.Subject, Header: sealed.Header, Data: append(sealed.Data, ' ')}}
	for name, other := range others {
		headers := maps.Clone(sealed.Header)
		headers[name] = []string{other}
		bad = append(bad, &nats.Msg{Subject: sealed.Subject, Header: headers, Data: sealed.Data})
	}
	if answers := ada.send(t, bad...); len(answers) != 1 || target.taken.Load() != 1 {
		t.Errorf("%d answers, %d taken; only the good message counts", len(answers), target.taken.Load())
	}
}

func TestReplayedMessagesAreNotTaken(t *testing.T) {
	a := everybody(t)
	target, ada := a.target(t), a.raw(t, "client.ada")
	sealed := ada.sealed(t, proto.SubjectCommand("one"), request())
	repeat := func() *nats.Msg { return &nats.Msg{Subject: sealed.Subject, Header: sealed.Header, Data: sealed.Data} }
	if answers := ada.send(t, repeat(), repeat(), repeat()); len(answers) != 2 || target.taken.Load() != 2 {
		t.Errorf("%d answers, %d taken; want the first and the good one", len(answers), target.taken.Load())
	}
	// Another who may send there, too, gains nothing from having seen it.
	if answers := a.raw(t, "deployer").sendAs(t, repeat()); len(answers) != 0 {
		t.Errorf("replayed by another: %d answers", len(answers))
	}
}

// sendAs sends a message and returns its answers once the server and the target have seen it.
func (c *rawClient) sendAs(t *testing.T, message *nats.Msg) []*nats.Msg {
	t.Helper()
	inbox, err := c.SubscribeSync(c.inbox + ".x." + proto.FreshID())
	if err != nil {
		t.Fatal(err)
	}
	message.Reply = inbox.Subject
	mine := request()
	mine.Sender = proto.Agent(proto.RoleDeployer)
	good := c.sealed(t, proto.SubjectCommand("one"), mine)
	end, err := c.SubscribeSync(c.inbox + ".y." + proto.FreshID())
	if err != nil {
		t.Fatal(err)
	}
	good.Reply = end.Subject
	if err := c.PublishMsg(message); err != nil {
		t.Fatal(err)
	}
	if err := c.PublishMsg(good); err != nil {
		t.Fatal(err)
	}
	if _, err := end.NextMsg(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	var answers []*nats.Msg
	for pending, _, _ := inbox.Pending(); pending > 0; pending-- {
		if answer, err := inbox.NextMsg(time.Second); err == nil {
			answers = append(answers, answer)
		}
	}
	return answers
}

func TestStaleMessagesAreRefusedWithTheReason(t *testing.T) {
	a := everybody(t)
	target, ada := a.target(t), a.raw(t, "client.ada")
	stale := request()
	stale.Expires = time.Now().Add(-proto.ClockSkew - time.Second)
	answers := ada.send(t, ada.sealed(t, proto.SubjectCommand("one"), stale))
	if len(answers) != 2 || target.taken.Load() != 1 {
		t.Fatalf("%d answers, %d taken; want a refusal and the good one", len(answers), target.taken.Load())
	}
	answer, err := proto.Open(answers[0].Header, answers[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if refusal, is := proto.AsRefusal(answer); !is || refusal.Code != sla.RefusedExpired {
		t.Errorf("got %+v", refusal)
	}
}

func TestForgedAndUnsignedMessagesAreNotTaken(t *testing.T) {
	a := everybody(t)
	target, ada := a.target(t), a.raw(t, "client.ada")
	subject := proto.SubjectCommand("one")
	asDeployer, toOther, unsigned := request(), request(), ada.sealed(t, subject, request())
	asDeployer.Sender = proto.Agent(proto.RoleDeployer)
	toOther.Receiver = proto.Vendor("two")
	delete(unsigned.Header, proto.HeaderSignature)
	answers := ada.send(t, ada.sealed(t, subject, asDeployer), ada.sealed(t, subject, toOther), unsigned)
	if len(answers) != 1 || target.taken.Load() != 1 {
		t.Errorf("%d answers, %d taken; only the good message counts", len(answers), target.taken.Load())
	}
}

func TestWhatARoleMayNotSendIsRefusedWithTheReason(t *testing.T) {
	a := everybody(t)
	target := a.target(t)
	accept := request()
	accept.Performative, accept.Sender, accept.Expires = proto.AcceptProposal, proto.Identity{}, time.Time{}
	answer, err := a.connect(t, "client.ada").Ask(t.Context(), proto.SubjectCommand("one"), accept)
	if err != nil {
		t.Fatal(err)
	}
	if refusal, is := proto.AsRefusal(answer); !is || refusal.Code != sla.RefusedPermission {
		t.Errorf("got %s %+v, want not-allowed", answer.Performative, refusal)
	}
	if taken := target.taken.Load(); taken != 0 {
		t.Errorf("%d taken", taken)
	}
}

func TestWhatCannotBeReadIsNotUnderstood(t *testing.T) {
	a := everybody(t)
	target, ada := a.target(t), a.raw(t, "client.ada")
	broken := ada.sealed(t, proto.SubjectCommand("one"), request())
	broken.Header[proto.HeaderExpires] = []string{"tomorrow"}
	answers := ada.send(t, broken, &nats.Msg{Subject: proto.SubjectCommand("one"), Data: []byte("hello")})
	if len(answers) != 3 || target.taken.Load() != 1 {
		t.Fatalf("%d answers, %d taken; want two not-understood and the good one", len(answers), target.taken.Load())
	}
	for _, raw := range answers[:2] {
		answer, err := proto.Open(raw.Header, raw.Data)
		if err != nil || answer.Performative != proto.NotUnderstood {
			t.Errorf("got %s, %v", answer.Performative, err)
		}
	}
}

// A vendor may publish under its own name only. Yet JetStream writes its acknowledgement wherever a publisher says, and a
// push consumer of the vendor's bucket delivers anywhere: what arrives so must not pass for another's event.
func TestAnotherVendorsEventsCannotBeForged(t *testing.T) {
	a := everybody(t)
	ada, two, evil := a.connect(t, "client.ada"), a.connect(t, "vendor.two"), a.raw(t, "vendor.one")
	heard := make(chan proto.Event, 100)
	stop, err := ada.Listen(t.Context(), "evt.two.>", func(_ proto.Message, event proto.Event) { heard <- event })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	forged := func(sender, source string) *nats.Msg {
		identity, err := proto.ParseIdentity(sender)
		if err != nil {
			t.Fatal(err)
		}
		message := proto.Message{Performative: proto.Inform, Sender: identity}
		event := proto.Event{ID: proto.FreshID(), Kind: proto.EventResourceChanged, Source: source, Message: "forged"}
		if err := proto.Encode(&message, event); err != nil {
			t.Fatal(err)
		}
		return evil.sealed(t, "$O.one.C.forged", message)
	}
	consumer, err := json.Marshal(map[string]any{"stream_name": "OBJ_one", "config": map[string]any{
		"name": "evil", "deliver_subject": "evt.two.resource.changed", "ack_policy": "none", "deliver_policy": "all",
		"filter_subject": "$O.one.C.forged",
	}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := evil.Request("$JS.API.CONSUMER.CREATE.OBJ_one.evil.$O.one.C.forged", consumer, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("consumer: %s", answer.Data)
	for _, message := range []*nats.Msg{forged("vendor.one", "vendor.two"), forged("vendor.two", "vendor.two"), forged("vendor.one", "vendor.one")} {
		if _, err := evil.RequestMsg(message, 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if err := evil.PublishRequest("evt.one.resource.changed", "evt.two.resource.changed", nil); err != nil {
		t.Fatal(err)
	}
	if refused := evil.flush(t); len(refused) != 0 {
		t.Fatalf("the trick no longer works, so this test shows nothing: %v", refused)
	}
	if err := two.Publish(t.Context(), proto.Event{Kind: proto.EventResourceChanged, Message: "genuine"}); err != nil {
		t.Fatal(err)
	}
	if event := <-heard; event.Message != "genuine" {
		t.Errorf("heard %+v", event)
	}
	err = ada.Follow(t.Context(), bus.FollowOptions{}, func(event proto.Event) error {
		if event.Message != "genuine" && event.Kind != proto.EventRefused {
			t.Errorf("read %+v", event)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.stored(t, "EVENTS"); got < 3 {
		t.Errorf("only %d messages are in EVENTS: the forged ones did not get there, so this test shows nothing", got)
	}
}

func TestAnswersCountOnlyFromWhomWasAsked(t *testing.T) {
	a := everybody(t)
	broker, one := a.connect(t, "broker"), a.raw(t, "vendor.one")
	for name, test := range map[string]struct {
		edit func(*proto.Message)
		want error
	}{
		"as another":          {func(m *proto.Message) { m.Sender = proto.Vendor("two") }, proto.ErrSignature},
		"to another question": {func(m *proto.Message) { m.InReplyTo = "another" }, bus.ErrWrongAnswer},
		"to another agent":    {func(m *proto.Message) { m.Receiver = proto.Agent(proto.RoleDeployer) }, proto.ErrNotForMe},
		"too late":            {func(m *proto.Message) { m.Expires = time.Now().Add(-time.Minute) }, proto.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			subscription, err := one.QueueSubscribe("vendor.one.cfp", "one", func(raw *nats.Msg) {
				question, err := proto.Open(raw.Header, raw.Data)
				if err != nil {
					t.Error(err)
				}
				answer := question.Reply(proto.Propose)
				answer.Sender = proto.Vendor("one")
				test.edit(&answer)
				if err := raw.RespondMsg(one.sealed(t, "", answer)); err != nil {
					t.Error(err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			one.flush(t)
			message := proto.Message{Performative: proto.CallForProposal}
			if _, err := broker.Ask(t.Context(), "vendor.one.cfp", message); !errors.Is(err, test.want) {
				t.Errorf("Ask: got %v, want %v", err, test.want)
			}
			for reply := range broker.Gather(t.Context(), message, []string{"vendor.one.cfp"}, 0) {
				if !errors.Is(reply.Err, test.want) {
					t.Errorf("Gather: got %v, want %v", reply.Err, test.want)
				}
			}
			if err := subscription.Unsubscribe(); err != nil {
				t.Fatal(err)
			}
			one.flush(t)
		})
	}
}
