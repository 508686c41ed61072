package vendormodules

import (
	"errors"
	"time"
)

// What can go wrong at a cloud, as far as an agent decides on it. A module maps its SDK's errors to these in one place
// and wraps them with what was being done and to what.
var (
	// ErrNotFound: there is no such thing, or no longer.
	ErrNotFound = errors.New("not found")
	// ErrQuota: the account may not have more.
	ErrQuota = errors.New("quota exceeded")
	// ErrNoCapacity: the cloud has no more just now.
	ErrNoCapacity = errors.New("no capacity")
	// ErrUnsupported: the cloud has no such thing at all.
	ErrUnsupported = errors.New("unsupported")
	// ErrAuthentication: the credential is missing, wrong, or lacks a right.
	ErrAuthentication = errors.New("authentication failed")
	// ErrConflict: not in the state that the thing is in; another look may help, a plain retry does not.
	ErrConflict = errors.New("conflict")
	// ErrTransient: worth another try; whether the call had an effect is not known.
	ErrTransient = errors.New("transient failure")
	// ErrInvalid: the request itself is wrong, and will be at every try.
	ErrInvalid = errors.New("invalid request")
)

// RetryAfter is an error that knows how long the cloud wants to be left alone before the next try.
type RetryAfter interface {
	error
	RetryAfter() time.Duration
}
