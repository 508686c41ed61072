package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cloud-agency/agency/proto"
)

// ErrWrongAnswer is wrapped by the errors of answers that are genuine and not what was asked for.
var ErrWrongAnswer = errors.New("answer does not belong to the question")

// Ask sends a message and returns the verified answer of whom it was sent to. A refusal or failure is an answer; see
// proto.AsRefusal.
//
// It fills in the sender, the ids, the expiry (the context's deadline) and, where they are empty, the conversation and
// the receiver. Without a deadline it waits 30 s. ErrAbsent comes at once; after any other error but ErrForbidden the
// request may have arrived.
func (p *Peer) Ask(ctx context.Context, subject string, message proto.Message) (proto.Message, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	message = p.complete(ctx, message)
	if message.Receiver == (proto.Identity{}) {
		message.Receiver = owner(subject)
	}
	headers, err := message.Seal(p.signer)
	if err != nil {
		return proto.Message{}, fmt.Errorf("ask %s: %w", subject, err)
	}
	raw, err := p.exchange(ctx, &nats.Msg{Subject: subject, Header: headers, Data: message.Body})
	if err != nil {
		return proto.Message{}, fmt.Errorf("ask %s: %w", subject, err)
	}
	answer, err := p.openAnswer(ctx, raw, message)
	if err != nil {
		return proto.Message{}, fmt.Errorf("ask %s: %w", subject, err)
	}
	if !answers(answer.Sender, message.Receiver) {
		return proto.Message{}, fmt.Errorf("ask %s: %w: it is from %s", subject, ErrWrongAnswer, answer.Sender)
	}
	return answer, nil
}

// answers says whether an agent may answer what was sent to receiver: an agent, or all of a role.
func answers(sender, receiver proto.Identity) bool {
	return sender == receiver || receiver == proto.Identity{Role: sender.Role}
}

// complete fills in what every message of this agent has.
func (p *Peer) complete(ctx context.Context, message proto.Message) proto.Message {
	message.Sender, message.ID = p.identity, proto.FreshID()
	if message.ReplyWith == "" {
		message.ReplyWith = message.ID
	}
	if message.Conversation == "" {
		message.Conversation = message.ID
	}
	lifetime := defaultPatience
	if deadline, bounded := ctx.Deadline(); bounded {
		lifetime = max(0, min(time.Until(deadline), proto.MaxLifetime))
	}
	message.Expires = p.now().Add(lifetime)
	return message
}

// openAnswer verifies an answer, in a newer register if need be, and that it is one to the question.
func (p *Peer) openAnswer(ctx context.Context, raw *nats.Msg, question proto.Message) (proto.Message, error) {
	answer, err := p.verified(ctx, func() (proto.Message, error) { return p.verifier.VerifyAnswer(raw.Header, raw.Data) })
	if err != nil {
		return proto.Message{}, fmt.Errorf("answer: %w", err)
	}
	if answer.InReplyTo != question.ReplyWith {
		return proto.Message{}, fmt.Errorf("%w: it is in reply to %q", ErrWrongAnswer, answer.InReplyTo)
	}
	return answer, nil
}

// exchange publishes a message and waits for whatever comes back.
func (p *Peer) exchange(ctx context.Context, message *nats.Msg) (*nats.Msg, error) {
	type result struct {
		message *nats.Msg
		err     error
	}
	arrived := make(chan result, 1)
	message.Reply = p.answers.expect(message.Subject, func(message *nats.Msg, err error) { arrived <- result{message, err} })
	if err := p.send(message); err != nil {
		p.answers.forget(message.Reply)
		return nil, err
	}
	select {
	case result := <-arrived:
		return result.message, result.err
	case <-ctx.Done():
		p.answers.forget(message.Reply)
		return nil, ctx.Err()
	}
}

// send hands a message to the connection; ErrDisconnected when there is none just now.
func (p *Peer) send(message *nats.Msg) error {
	if p.closed.Load() {
		return ErrClosed
	}
	err := p.connection.PublishMsg(message)
	if errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, nats.ErrConnectionDraining) {
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return err
}

// owner is the agent that serves a subject; nobody for other subjects.
func owner(subject string) proto.Identity {
	role, rest, _ := strings.Cut(subject, ".")
	if proto.Role(role) == proto.RoleVendor {
		name, _, _ := strings.Cut(rest, ".")
		return proto.Vendor(name)
	}
	if proto.Role(role).Singleton() {
		return proto.Agent(proto.Role(role))
	}
	return proto.Identity{}
}

// bounded gives a context without a deadline one.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, defaultPatience)
}
