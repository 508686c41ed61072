package conformance

import (
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

const (
	sectionEnvelope  = "The envelope"
	sectionSignature = "The signature"
)

// forgery is a cancellation that must not be taken: were it, the offer could not be accepted any more.
type forgery struct {
	name, section string
	// before changes the message, after what it has become once it was signed.
	before func(*proto.Message)
	after  func(*nats.Msg)
	// signer whose key is used; the broker's by default.
	signer proto.Identity
	// answered is the performative to be answered with, of one of the codes; none for silence.
	answered proto.Performative
	code     sla.RefusalCode
}

func forgeries() []forgery {
	nobody := proto.Identity{Role: proto.RoleClient, Name: "nobody"}
	from := func(sender proto.Identity) func(*proto.Message) {
		return func(message *proto.Message) { message.Sender = sender }
	}
	set := func(name string, values ...string) func(*nats.Msg) {
		return func(message *nats.Msg) { message.Header[name] = values }
	}
	return []forgery{
		{name: "an unsigned message has no effect", after: func(m *nats.Msg) { delete(m.Header, proto.HeaderSignature) }},
		{name: "a message with another's signature has no effect", signer: deployer},
		{name: "a message of an unknown sender has no effect", signer: nobody, before: from(nobody)},
		{name: "a message of a revoked sender has no effect", signer: stranger, before: from(stranger)},
		{name: "a message with an altered body has no effect", after: func(m *nats.Msg) { m.Data = append(m.Data, ' ') }},
		{name: "a message with an altered header has no effect", after: set(proto.HeaderCommand, "another")},
		{
			name:   "a message to another receiver has no effect",
			before: func(m *proto.Message) { m.Receiver = proto.Vendor("another") },
		},
		{
			name:   "a message that lives too long has no effect",
			before: func(m *proto.Message) { m.Expires = time.Now().Add(time.Hour) },
		},
		{
			name:   "an expired message has no effect and is refused",
			before: func(m *proto.Message) { m.Expires = time.Now().Add(-time.Minute) }, answered: proto.Refuse, code: sla.RefusedExpired,
		},
		{
			name: "an unknown performative is not understood", section: sectionEnvelope,
			after: set(proto.HeaderPerformative, "shout"), answered: proto.NotUnderstood,
		},
		{
			name: "a header that cannot be read is not understood", section: sectionEnvelope,
			after: set(proto.HeaderRound, "one"), answered: proto.NotUnderstood,
		},
		{
			name: "a header that is there twice is not understood", section: sectionEnvelope,
			after: set(proto.HeaderCommand, "one", "two"), answered: proto.NotUnderstood,
		},
	}
}

func envelopeChecks() []check {
	var all []check
	for _, one := range forgeries() {
		if one.section == "" {
			one.section = sectionSignature
		}
		all = append(all, check{one.name, one.section, func(t *trial) { t.forge(one) }})
	}
	return append(all,
		check{"a message that comes again has no effect", sectionSignature, replayed},
		check{"an answer belongs to its question", sectionEnvelope, answersBelong},
	)
}

// forge sends a bad cancellation of an offer, which must still stand afterwards.
func (t *trial) forge(one forgery) {
	proposal := t.propose(t.machines(1))
	message := made(t, proto.Cancel, proto.ContractNet, proto.Cancellation{Proposal: proposal.ID})
	message.Command = "forged"
	if one.before != nil {
		one.before(&message)
	}
	signer := broker
	if one.signer != (proto.Identity{}) {
		signer = one.signer
	}
	sealed, err := t.forger.seal(signer, message)
	if err != nil {
		t.fail("%s", err)
	}
	if one.after != nil {
		one.after(sealed)
	}
	within := t.Quiet
	if one.answered != "" {
		within = t.Patience
	}
	raw, err := t.forger.send(t.ctx, proto.SubjectCommand(t.name), sealed, within)
	t.judge(one, raw, err)
	if answer := t.accept(t.draft(proposal)); answer.Performative != proto.Inform {
		t.fail("it took effect: the offer that it cancels can be accepted no more, answered %s", said(answer))
	}
}

// judge looks at what a forgery was answered with.
func (t *trial) judge(one forgery, raw *nats.Msg, err error) {
	switch {
	case err != nil:
		t.fail("%s", err)
	case raw == nil && one.answered == "":
		return
	case raw == nil:
		t.fail("no answer within %s, not %s", t.Patience, one.answered)
	}
	answer, err := proto.Open(raw.Header, raw.Data)
	switch {
	case err != nil:
		t.fail("answered, and not readable: %s", err)
	case one.answered == "":
		t.fail("answered %s, should be silent", said(answer))
	case one.code == "":
		t.refused(answer, one.answered)
	default:
		t.refused(answer, one.answered, one.code)
	}
}

// replayed sends one message twice, byte by byte.
func replayed(t *trial) {
	proposal := t.propose(t.machines(1))
	sealed, err := t.forger.seal(broker, made(t, proto.RejectProposal, proto.ContractNet, proto.Cancellation{Proposal: proposal.ID}))
	if err != nil {
		t.fail("%s", err)
	}
	raw, err := t.forger.send(t.ctx, proto.SubjectCommand(t.name), sealed, t.Patience)
	if err != nil || raw == nil {
		t.fail("no answer to the first of two: %v", err)
	}
	raw, err = t.forger.send(t.ctx, proto.SubjectCommand(t.name), sealed, t.Quiet)
	t.judge(forgery{}, raw, err)
}

// answersBelong looks whether an answer takes over what it must.
func answersBelong(t *trial) {
	call := t.machines(1)
	question := t.callMessage(call)
	question.ReplyWith, question.Traceparent = proto.FreshID(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	answer := t.ask(t.broker, proto.SubjectCall(t.name), question)
	t.proposal(answer, call)
	t.belongs(answer, question, broker)

	question = made(t, proto.Request, proto.RequestProtocol, proto.ResourceCommand{Verb: proto.VerbDelete, Agreement: "none"})
	question.Command, question.Sequence, question.Conversation = proto.FreshID(), 7, "a-conversation"
	t.belongs(t.ask(t.deployer, proto.SubjectCommand(t.name), question), question, deployer)
}

func (t *trial) belongs(answer, question proto.Message, asker proto.Identity) {
	wanted := question.Reply(answer.Performative)
	wanted.Receiver = asker
	for _, header := range []struct {
		name       string
		is, should any
	}{
		{proto.HeaderProtocol, answer.Protocol, wanted.Protocol},
		{proto.HeaderConversation, answer.Conversation, wanted.Conversation},
		{proto.HeaderRound, answer.Round, wanted.Round},
		{proto.HeaderSequence, answer.Sequence, wanted.Sequence},
		{proto.HeaderTraceparent, answer.Traceparent, wanted.Traceparent},
		{proto.HeaderCommand, answer.Command, wanted.Command},
		{proto.HeaderReceiver, answer.Receiver, wanted.Receiver},
	} {
		if header.is != header.should {
			t.fail("%s has %s %v, not %v", answer.Performative, header.name, header.is, header.should)
		}
	}
}
