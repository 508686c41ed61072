package ec2

import (
	"context"
	"fmt"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// Between two looks.
const (
	lookFirst  = 50 * time.Millisecond
	lookSlower = 2 * time.Second
)

// shows looks again and again until listings show what was made: for the few things that others are made of at once. It
// gives up when listings should have settled.
func (m *Module) shows(ctx context.Context, what string, look func() (bool, error)) error {
	limited, cancel := context.WithTimeout(ctx, time.Duration(m.configuration.Settle))
	defer cancel()
	for pause := lookFirst; ; pause = min(pause*3/2, lookSlower) {
		shown, err := look()
		if shown || err != nil {
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
			return fmt.Errorf("ec2: %s does not show yet: %w", what, vendormodules.ErrTransient)
		}
	}
}
