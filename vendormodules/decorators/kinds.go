package decorators

import (
	"context"
	"errors"

	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// ErrorKind sorts errors for logs and figures; it never holds what an error says.
type ErrorKind string

// The kinds of errors that have no sentinel in the contract; those that have one are called as it reads.
const (
	NoError   ErrorKind = ""
	Refused   ErrorKind = "refused"
	Cancelled ErrorKind = "cancelled"
	TimedOut  ErrorKind = "timed out"
	OpenError ErrorKind = "circuit open"
	Unmapped  ErrorKind = "unmapped"
)

// transient is the kind of vendormodules.ErrTransient.
var transient = ErrorKind(vendormodules.ErrTransient.Error())

// KindOf sorts an error. The end of the caller's patience goes before whatever it cut short.
func KindOf(err error) ErrorKind {
	var refusal sla.Refusal
	switch {
	case err == nil:
		return NoError
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	case errors.Is(err, ErrCircuitOpen):
		return OpenError
	case errors.As(err, &refusal):
		return Refused
	}
	for _, sentinel := range []error{
		vendormodules.ErrNotFound, vendormodules.ErrQuota, vendormodules.ErrNoCapacity, vendormodules.ErrUnsupported,
		vendormodules.ErrAuthentication, vendormodules.ErrConflict, vendormodules.ErrInvalid, vendormodules.ErrTransient,
	} {
		if errors.Is(err, sentinel) {
			return ErrorKind(sentinel.Error())
		}
	}
	return Unmapped
}
