package decorators

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/cloud-agency/agency/vendormodules"
)

// RetryOptions say how patient Retry is; each has a default for zero.
type RetryOptions struct {
	// First is the mean of the first pause (200ms); each that follows is twice as long, up to Longest (10s). A pause is
	// chosen at random up to half off its mean, so that callers who failed together do not come back together.
	First, Longest time.Duration
	// Within is how long after its beginning a call may be tried again (1m).
	Within time.Duration
}

func (o RetryOptions) withDefaults() RetryOptions {
	o.First = cmp.Or(o.First, 200*time.Millisecond)
	o.Longest = cmp.Or(o.Longest, 10*time.Second)
	o.Within = cmp.Or(o.Within, time.Minute)
	return o
}

// Retry tries again after vendormodules.ErrTransient, and after nothing else: reads always, and writes of which a repeat
// makes no difference. A Create is such a write only where the description says CreateToken; elsewhere whoever asked
// must first look whether it had its effect. A Reboot never is. The cloud's own hint (vendormodules.RetryAfter) makes a
// pause longer, and the call ends at once, with the failure it has, when the pause would outlast its context or Within.
func Retry(module vendormodules.Module, options RetryOptions, clock Clock) vendormodules.Module {
	retry := retry{options.withDefaults(), clock}
	return &layer{Module: module, surround: retry.surround}
}

type retry struct {
	options RetryOptions
	clock   Clock
}

func (r retry) surround(ctx context.Context, call call, do func(context.Context) error) error {
	if call.unrepeatable {
		return do(ctx)
	}
	began := r.clock.Now()
	pauses := backoff.ExponentialBackOff{
		InitialInterval: r.options.First, MaxInterval: r.options.Longest,
		Multiplier: 2, RandomizationFactor: 0.5,
	}
	pauses.Reset()
	for tries := 1; ; tries++ {
		err := do(ctx)
		if !again(ctx, err) {
			return err
		}
		pause := max(pauses.NextBackOff(), hint(err))
		late := r.clock.Now().Add(pause).Sub(began) > r.options.Within
		if late || r.clock.outlasts(ctx, pause) {
			return fmt.Errorf("%w (tried %d times)", err, tries)
		}
		if ended := r.clock.Sleep(ctx, pause); ended != nil {
			return fmt.Errorf("%w (tried %d times, then: %w)", err, tries, ended)
		}
	}
}

// again says whether a failure is worth another try. An open circuit is not: it is there so that callers hear at once.
func again(ctx context.Context, err error) bool {
	return ctx.Err() == nil && errors.Is(err, vendormodules.ErrTransient) && !errors.Is(err, ErrCircuitOpen)
}

// hint is how long the cloud wants to be left alone; 0 if it did not say.
func hint(err error) time.Duration {
	var hinted vendormodules.RetryAfter
	if errors.As(err, &hinted) {
		return hinted.RetryAfter()
	}
	return 0
}
