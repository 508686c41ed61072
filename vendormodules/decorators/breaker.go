package decorators

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/cloud-agency/agency/vendormodules"
)

// ErrCircuitOpen is wrapped, beside vendormodules.ErrTransient, by the error of a call that was not made because those
// before it failed. The error is a vendormodules.RetryAfter too.
var ErrCircuitOpen = errors.New("circuit open")

// BreakerOptions say when Breaker opens; each has a default for zero.
type BreakerOptions struct {
	// Failures in a row that open the circuit (5).
	Failures uint32
	// OpenFor is how long no call is made then (30s); after it one is, which closes the circuit or keeps it open.
	OpenFor time.Duration
}

// Breaker leaves alone a cloud that does not answer. Failures are vendormodules.ErrTransient, broken connections and
// answers that did not come in time. A definite answer, yes or no, shows that the cloud is there; errors that say
// nothing about it, such as a caller's change of mind, do not count. The time is the machine's.
func Breaker(module vendormodules.Module, options BreakerOptions) vendormodules.Module {
	failures, openFor := cmp.Or(options.Failures, 5), cmp.Or(options.OpenFor, 30*time.Second)
	b := &breaker{}
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      openFor,
		ReadyToTrip:  func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= failures },
		IsSuccessful: func(err error) bool { return !unanswered(err) },
		IsExcluded:   func(err error) bool { return !unanswered(err) && !definite(err) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				until := time.Now().Add(openFor)
				b.until.Store(&until)
			}
		},
	})
	return &layer{Module: module, surround: b.surround}
}

type breaker struct {
	circuit *gobreaker.CircuitBreaker[struct{}]
	until   atomic.Pointer[time.Time] // when the circuit that opened last may be tried
}

func (b *breaker) surround(ctx context.Context, call call, do func(context.Context) error) error {
	_, err := b.circuit.Execute(func() (struct{}, error) { return struct{}{}, do(ctx) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return openCircuit{call.operation, *b.until.Load()}
	}
	return err
}

// unanswered says whether an error shows that the cloud could not be reached.
func unanswered(err error) bool {
	if errors.Is(err, errNotAsked) {
		return false
	}
	switch KindOf(err) {
	case TimedOut, transient:
		return true
	case Unmapped:
		var network net.Error
		return errors.As(err, &network)
	}
	return false
}

// definite says whether an outcome shows that the cloud was reached.
func definite(err error) bool {
	switch KindOf(err) {
	case Cancelled, TimedOut, Unmapped:
		return false
	}
	return true
}

// openCircuit is the error of a call that was not made.
type openCircuit struct {
	operation Operation
	until     time.Time
}

func (o openCircuit) Error() string {
	return fmt.Sprintf("%s: circuit open until %s after repeated failures", o.operation,
		o.until.UTC().Format(time.RFC3339))
}

func (o openCircuit) Unwrap() []error { return []error{ErrCircuitOpen, vendormodules.ErrTransient} }

// RetryAfter implements vendormodules.RetryAfter.
func (o openCircuit) RetryAfter() time.Duration { return max(0, time.Until(o.until)) }
