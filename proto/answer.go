package proto

import "github.com/cloud-agency/agency/sla"

// Answer makes the reply to message with a content. A content that cannot be encoded is a fault of the one who answers,
// and is said as such.
func Answer[C Content](message Message, performative Performative, content C) Message {
	reply := message.Reply(performative)
	if err := Encode(&reply, content); err != nil {
		return Refusing(message, Failure, sla.Refusal{Code: sla.RefusedInternal, Message: err.Error()})
	}
	return reply
}

// Refusing makes the reply to message that says why it is not done: refuse when it was not begun, failure when it was
// and did not work.
func Refusing(message Message, performative Performative, refusal sla.Refusal) Message {
	reply := message.Reply(performative)
	if err := Encode(&reply, refusal); err != nil {
		reply.Performative = NotUnderstood
	}
	return reply
}

// Misunderstood makes the reply to a message that makes no sense.
func Misunderstood(message Message, err error) Message {
	return Refusing(message, NotUnderstood, sla.Refusal{Code: sla.RefusedBadRequest, Message: err.Error()})
}

// Ended makes the reply to a repeated command: agree while it has no outcome, then inform or failure.
func Ended(message Message, outcome *Outcome) Message {
	switch {
	case outcome == nil:
		return message.Reply(Agree)
	case outcome.Refusal != nil:
		return Answer(message, Failure, *outcome)
	}
	return Answer(message, Inform, *outcome)
}
