package decorators_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

func TestBreakerOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := memory.New()
		options := decorators.BreakerOptions{Failures: 3, OpenFor: 10 * time.Second}
		module := decorators.Breaker(cloud.Open(memory.Agency), options)
		list := func() error {
			_, err := module.List(t.Context())
			return err
		}
		cloud.Inject("list", faults(4, errLost)...)
		for range 3 {
			if err := list(); errors.Is(err, decorators.ErrCircuitOpen) {
				t.Fatalf("open too soon: %v", err)
			}
		}
		err := list()
		wants(t, err, decorators.ErrCircuitOpen, vendormodules.ErrTransient)
		until := time.Now().Add(options.OpenFor).UTC().Format(time.RFC3339)
		if !strings.Contains(err.Error(), "circuit open until "+until) {
			t.Errorf("the error %q does not say until %s", err, until)
		}
		var hinted vendormodules.RetryAfter
		if !errors.As(err, &hinted) || hinted.RetryAfter() != options.OpenFor {
			t.Errorf("the error does not hint at %s: %v", options.OpenFor, err)
		}
		if calls := cloud.Calls("list"); calls != 3 {
			t.Errorf("the cloud was called %d times, should be 3", calls)
		}

		time.Sleep(options.OpenFor + 1) // of the bubble's time
		wants(t, list(), vendormodules.ErrTransient)
		wants(t, list(), decorators.ErrCircuitOpen)

		time.Sleep(options.OpenFor + 1)
		for range 5 {
			if err := list(); err != nil {
				t.Errorf("the cloud answers again, and the circuit does not close: %v", err)
			}
		}
	})
}

func TestBreakerCountsOnlyWhatIsNoAnswer(t *testing.T) {
	for _, answer := range []error{
		vendormodules.ErrNotFound, vendormodules.ErrQuota, vendormodules.ErrConflict, vendormodules.ErrInvalid,
		vendormodules.ErrNoCapacity, vendormodules.ErrAuthentication, errors.New("unmapped"), context.Canceled,
	} {
		cloud := memory.New()
		module := decorators.Breaker(cloud.Open(memory.Agency), decorators.BreakerOptions{Failures: 2})
		cloud.Inject("list", faults(20, answer)...)
		for range 20 {
			_, err := module.List(t.Context())
			wants(t, err, answer)
		}
		if calls := cloud.Calls("list"); calls != 20 {
			t.Errorf("%q opened the circuit after %d calls", answer, calls)
		}
	}
}

func TestBreakerCountsInARow(t *testing.T) {
	cloud := memory.New()
	module := decorators.Breaker(cloud.Open(memory.Agency), decorators.BreakerOptions{Failures: 2})
	no := memory.Fault{Err: vendormodules.ErrConflict}
	lost, cancelled := memory.Fault{Err: errLost}, memory.Fault{Err: context.Canceled}
	// A definite answer begins a new row, a caller's change of mind neither ends nor lengthens one.
	cloud.Inject("list", lost, no, lost, no, lost, cancelled, cancelled, lost)
	for range 8 {
		if _, err := module.List(t.Context()); errors.Is(err, decorators.ErrCircuitOpen) {
			t.Fatalf("open too soon: %v", err)
		}
	}
	_, err := module.List(t.Context())
	wants(t, err, decorators.ErrCircuitOpen)
}

func TestBreakerCountsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := memory.New()
		module := decorators.Breaker(cloud.Open(memory.Agency), decorators.BreakerOptions{Failures: 1})
		cloud.Inject("list", memory.Fault{Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := module.List(ctx)
		wants(t, err, context.DeadlineExceeded)
		_, err = module.List(t.Context())
		wants(t, err, decorators.ErrCircuitOpen)
	})
}
