package decorators

import (
	"context"
	"time"
)

// Clock is the time as decorators see it.
type Clock struct {
	Now func() time.Time
	// Sleep waits, or returns the context's error when that ends before.
	Sleep func(ctx context.Context, duration time.Duration) error
}

// SystemClock is the machine's.
func SystemClock() Clock { return Clock{Now: time.Now, Sleep: sleep} }

func sleep(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outlasts says whether a pause that begins now would end after the context.
func (c Clock) outlasts(ctx context.Context, pause time.Duration) bool {
	deadline, bounded := ctx.Deadline()
	return bounded && c.Now().Add(pause).After(deadline)
}
