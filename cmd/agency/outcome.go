package main

import (
	"errors"

	"github.com/cloud-agency/agency/agents/client"
)

// told is the error of a verb that has said all there is to say, and whose answer is an exit code too.
type told struct{}

// Error implements error.
func (t told) Error() string { return "see what was printed" }

// Unwrap sorts it.
func (t told) Unwrap() error { return &client.Error{Code: client.CodeFailed, Message: t.Error()} }

// hasTold says whether an error needs no more words.
func hasTold(err error) bool {
	var answer told
	return errors.As(err, &answer)
}
