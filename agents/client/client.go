package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// Peer is what a client needs of the bus.
type Peer interface {
	Ask(ctx context.Context, subject string, message proto.Message) (proto.Message, error)
	ListenIf(
		ctx context.Context, subject string, wanted func(command string) bool, handle func(proto.Message, proto.Event),
	) (stop func(), err error)
	Follow(ctx context.Context, options bus.FollowOptions, handle func(proto.Event) error) error
	FollowLogs(ctx context.Context, options bus.LogOptions, handle func(bus.LogEntry) error) error
	PutObject(ctx context.Context, owner, name string, content io.Reader) (digest string, size int64, err error)
}

// Client uses an agency. It may be used from several goroutines.
type Client struct{ peer Peer }

// New makes a client of a connection to the bus, which stays the caller's to close.
func New(peer Peer) *Client { return &Client{peer} }

// answerWithin bounds the wait for the answer to a question. Those who are absent are known to be at once; this is for
// those who hang.
const answerWithin = 10 * time.Second

// question asks an agent for what it knows.
func question[C proto.Content](ctx context.Context, c *Client, receiver proto.Identity, asked proto.Question) (C, error) {
	var none C
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	message, err := newMessage(receiver, proto.QueryRef, proto.QueryProtocol, asked)
	if err != nil {
		return none, err
	}
	answer, err := c.peer.Ask(ctx, querySubject(receiver), message)
	if err != nil {
		return none, unanswered(receiver, false, err)
	}
	return contentOf[C](receiver, answer)
}

// listing asks an agent for a list, page by page as it is read. After an error there is nothing more: what came before
// is a part.
func listing[L proto.List[Item], Item any](
	ctx context.Context, c *Client, receiver proto.Identity, asked proto.Question,
) iter.Seq2[Item, error] {
	pages := proto.Items(asked, func(page proto.Question) (L, error) { return question[L](ctx, c, receiver, page) })
	return func(yield func(Item, error) bool) {
		for item, err := range pages {
			var known *Error
			if err != nil && !errors.As(err, &known) {
				err = unreadable(receiver, err)
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

// newMessage addresses a content to an agent, with a fresh conversation and command id.
func newMessage[C proto.Content](
	receiver proto.Identity, performative proto.Performative, protocol proto.Protocol, content C,
) (proto.Message, error) {
	id := ulid.Make().String()
	message := proto.Message{
		Performative: performative, Protocol: protocol, Conversation: id, Receiver: receiver,
	}
	if performative != proto.QueryRef {
		message.Command = id
	}
	if err := proto.Encode(&message, content); err != nil {
		return message, fmt.Errorf("write %s to %s: %w", performative, receiver, err)
	}
	return message, nil
}

// contentOf reads an inform, and makes an error of everything else.
func contentOf[C proto.Content](from proto.Identity, answer proto.Message) (C, error) {
	var none C
	if answer.Performative != proto.Inform {
		return none, refused(from.String(), refusalIn(answer))
	}
	content, err := proto.Decode[C](answer)
	if err != nil {
		return none, unreadable(from, err)
	}
	return content, nil
}

func unreadable(from proto.Identity, err error) *Error {
	return &Error{
		Code: CodeFailed, At: from.String(), Message: "the answer cannot be read: " + err.Error(), cause: err,
		Hint: "the agent may be of another version; compare `agency version` on both sides",
	}
}

// refusalIn is why an answer is no inform. A failure may also come as an outcome or an attempt that says why.
func refusalIn(answer proto.Message) sla.Refusal {
	if refusal, is := proto.AsRefusal(answer); is {
		return refusal
	}
	if outcome, err := proto.Decode[proto.Outcome](answer); err == nil && outcome.Refusal != nil {
		return *outcome.Refusal
	}
	return sla.Refusal{Code: sla.RefusedInternal, Message: fmt.Sprintf("answered %s without a reason", answer.Performative)}
}

func querySubject(receiver proto.Identity) string {
	switch receiver.Role {
	case proto.RoleBroker:
		return proto.SubjectBrokerQuery
	case proto.RoleDeployer:
		return proto.SubjectDeployerQuery
	case proto.RoleMonitor:
		return proto.SubjectMonitorQuery
	}
	return proto.SubjectQuery(receiver.Name)
}

func commandSubject(receiver proto.Identity) string {
	switch receiver.Role {
	case proto.RoleBroker:
		return proto.SubjectBrokerCommand
	case proto.RoleDeployer:
		return proto.SubjectDeployerCommand
	}
	return proto.SubjectCommand(receiver.Name)
}
