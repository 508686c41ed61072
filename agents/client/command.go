package client

import (
	"context"
	"errors"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/command"
	"github.com/cloud-agency/agency/proto"
)

// begin gives a command once and returns what was said to it: agree, or a terminal answer.
func (c *Client) begin(ctx context.Context, message proto.Message) (proto.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answer, err := c.peer.Ask(ctx, commandSubject(message.Receiver), message)
	if err != nil {
		return answer, unanswered(message.Receiver, true, err)
	}
	return answer, nil
}

// finish waits for the end of a command that was begun, asking again where an answer is lost.
func (c *Client) finish(ctx context.Context, message proto.Message) (proto.Message, error) {
	initiator, err := command.NewInitiator(ctx, c.peer)
	if err != nil {
		return proto.Message{}, unanswered(message.Receiver, true, err)
	}
	defer initiator.Close()
	answer, err := initiator.Do(ctx, commandSubject(message.Receiver), message)
	if err != nil {
		return answer, unanswered(message.Receiver, true, err)
	}
	return answer, nil
}

// do gives a command and waits for its end. Nobody being there is an error at once; any other silence is asked again
// until the context ends, when the outcome is unknown.
func (c *Client) do(ctx context.Context, message proto.Message) (proto.Message, error) {
	answer, err := c.begin(ctx, message)
	switch {
	case errors.Is(err, bus.ErrAbsent):
		return answer, err
	case err == nil && answer.Performative != proto.Agree:
		return answer, nil
	}
	return c.finish(ctx, message)
}

// command is do for those who want the content of the answer.
func execute[C, A proto.Content](
	ctx context.Context, c *Client, receiver proto.Identity, performative proto.Performative, content C,
) (A, error) {
	var none A
	message, err := newMessage(receiver, performative, proto.RequestProtocol, content)
	if err != nil {
		return none, err
	}
	answer, err := c.do(ctx, message)
	if err != nil {
		return none, err
	}
	return contentOf[A](receiver, answer)
}
