package decorators

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/time/rate"

	"github.com/cloud-agency/agency/vendormodules"
)

// LimitOptions say how much an account may be asked; zeros are no limit.
type LimitOptions struct {
	// PerSecond is the mean number of calls in a second.
	PerSecond float64
	// Burst is how many calls may come at once after a quiet time; by default those of one second, at least 1.
	Burst int
	// Concurrent is the most calls under way at a time.
	Concurrent int
}

// errNotAsked marks a call that ended while it waited for its turn, of which the cloud never heard.
var errNotAsked = errors.New("the cloud was not asked")

// Limit makes calls wait until the account may be asked. A call that could not have its turn before its context's
// deadline fails at once, wrapping context.DeadlineExceeded.
func Limit(module vendormodules.Module, options LimitOptions, clock Clock) vendormodules.Module {
	limit := limit{clock: clock}
	if options.PerSecond > 0 {
		burst := options.Burst
		if burst < 1 {
			burst = max(1, int(math.Ceil(options.PerSecond)))
		}
		limit.rate = rate.NewLimiter(rate.Limit(options.PerSecond), burst)
	}
	if options.Concurrent > 0 {
		limit.places = make(chan struct{}, options.Concurrent)
	}
	return &layer{Module: module, surround: limit.surround}
}

type limit struct {
	clock  Clock
	rate   *rate.Limiter // nil without a limit
	places chan struct{} // nil without a limit
}

// surround takes a place before its turn, so that the turns it is given are used when they come.
func (l limit) surround(ctx context.Context, call call, do func(context.Context) error) error {
	if l.places != nil && !call.long { // what may last would keep others waiting
		select {
		case l.places <- struct{}{}:
			defer func() { <-l.places }()
		case <-ctx.Done():
			return fmt.Errorf("%s: wait for a place: %w: %w", call.operation, errNotAsked, ctx.Err())
		}
	}
	if l.rate != nil {
		if err := l.turn(ctx); err != nil {
			return fmt.Errorf("%s: wait for a turn: %w: %w", call.operation, errNotAsked, err)
		}
	}
	return do(ctx)
}

// turn waits until the rate allows a call.
func (l limit) turn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := l.clock.Now()
	reservation := l.rate.ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay <= 0 {
		return nil
	}
	if l.clock.outlasts(ctx, delay) {
		reservation.CancelAt(now)
		return fmt.Errorf("the turn comes in %s: %w", delay, context.DeadlineExceeded)
	}
	if err := l.clock.Sleep(ctx, delay); err != nil {
		reservation.CancelAt(l.clock.Now())
		return err
	}
	return nil
}
