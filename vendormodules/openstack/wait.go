package openstack

import (
	"context"
	"fmt"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// Between two looks, and from the first to the last.
const (
	lookFirst  = 100 * time.Millisecond
	lookSlower = 2 * time.Second
	lookWithin = 2 * time.Minute
)

// until looks again and again until something has come about: for the few calls that must not return before, for want of
// a resource whose state would show it.
func until(ctx context.Context, what string, look func() (done bool, err error)) error {
	limited, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	for pause := lookFirst; ; pause = min(pause*3/2, lookSlower) {
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
			return fmt.Errorf("%s: not within %s: %w", what, lookWithin, vendormodules.ErrTransient)
		}
	}
}
