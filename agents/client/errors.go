package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// Class sorts errors by what the one who asked can do about them. The numbers are the exit codes of the command line.
type Class int

// The classes.
const (
	// Done is no error.
	Done Class = 0
	// Failed: it was tried, and did not work.
	Failed Class = 1
	// BadInput: what was asked for makes no sense; nothing was sent or nothing was begun.
	BadInput Class = 2
	// NotFound: no such call, deployment, vendor or operation.
	NotFound Class = 3
	// Refused by a vendor or by policy.
	Refused Class = 4
	// Unreachable: nobody answers; nothing was begun.
	Unreachable Class = 5
	// Unknown: the wait ended before the outcome was known; it may be done.
	Unknown Class = 6
)

// The codes of errors that come from no agent. An agent's are those of sla.Refusal.
const (
	CodeFailed      = "failed"
	CodeBadInput    = "bad-input"
	CodeNotFound    = string(sla.RefusedNotFound)
	CodeUnreachable = "unreachable"
	CodeTimedOut    = "timed-out"
)

// Error is why something was not done.
type Error struct {
	// Code is one of sla's refusal codes or of this package's codes.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Hint is the way out; empty if there is none.
	Hint string `json:"hint,omitempty"`
	// At says where: the agent that refused or did not answer, or file:line:column.
	At    string `json:"at,omitempty"`
	cause error
}

// Error implements error.
func (e *Error) Error() string {
	if e.At == "" {
		return e.Message
	}
	return e.At + ": " + e.Message
}

// Unwrap gives the transport's error, if there was one.
func (e *Error) Unwrap() error { return e.cause }

// Class sorts the error by its code.
func (e *Error) Class() Class {
	switch e.Code {
	case CodeBadInput, string(sla.RefusedBadRequest):
		return BadInput
	case CodeNotFound:
		return NotFound
	case CodeUnreachable, string(sla.RefusedUnavailable):
		return Unreachable
	case CodeTimedOut:
		return Unknown
	case CodeFailed, string(sla.RefusedInternal), "":
		return Failed
	}
	return Refused
}

// ClassOf sorts any error; one that is no *Error has simply failed.
func ClassOf(err error) Class {
	var known *Error
	switch {
	case err == nil:
		return Done
	case errors.As(err, &known):
		return known.Class()
	}
	return Failed
}

func refused(at string, refusal sla.Refusal) *Error {
	return &Error{Code: string(refusal.Code), Message: refusal.Message, Hint: refusal.Hint, At: at}
}

func notFound(format string, arguments ...any) *Error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf(format, arguments...)}
}

// unanswered is the error of a question or command that got no answer. Whether a command had an effect is known only
// if nobody was there to hear it.
func unanswered(receiver proto.Identity, command bool, err error) *Error {
	result := &Error{Code: CodeUnreachable, At: receiver.String(), cause: err}
	switch {
	case errors.Is(err, bus.ErrAbsent):
		result.Message = "nobody answers as " + receiver.String()
		result.Hint = "start it, or look at the agency's log"
	case errors.Is(err, bus.ErrForbidden):
		result.Code = string(sla.RefusedPermission)
		result.Message = "the bus does not let you ask that"
		result.Hint = "other credentials may"
	case command:
		result.Code = CodeTimedOut
		result.Message = "no answer in time; it may be done or under way"
		if errors.Is(err, context.Canceled) {
			result.Message = "the wait was given up; it may be done or under way"
		}
	case errors.Is(err, context.DeadlineExceeded):
		result.Message = "no answer in time"
	case errors.Is(err, context.Canceled):
		result.Message = "the wait was given up"
	default:
		result.Message = "no answer: " + err.Error()
	}
	return result
}
