// Package patience waits for what a cloud does later than it answers: for the few calls that must not return before, for
// want of a resource whose state would show it.
package patience

import (
	"context"
	"fmt"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// The first pause between two looks, and the longest.
const (
	first  = 50 * time.Millisecond
	slower = 2 * time.Second
)

// Until looks again and again until something has come about, at least once. The error is that of the look, or of the
// context; ErrTransient, with what was waited for, when it has not come about in the time that it is given.
func Until(ctx context.Context, within time.Duration, what string, look func() (done bool, err error)) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for pause := first; ; pause = min(pause*3/2, slower) {
		done, err := look()
		if done || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-limited.Done():
			timer.Stop()
			if err := ctx.Err(); err != nil {
				return err
			}
			return fmt.Errorf("%s: not within %s: %w", what, within, vendormodules.ErrTransient)
		}
	}
}
