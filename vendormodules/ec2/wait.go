package ec2

import (
	"context"
	"time"

	"github.com/cloud-agency/agency/vendormodules/patience"
)

// shows waits until listings show what was made: for the few things that others are made of at once. It gives up when
// listings should have settled.
func (m *Module) shows(ctx context.Context, what string, look func() (bool, error)) error {
	return patience.Until(ctx, time.Duration(m.configuration.Settle), "ec2: wait for "+what+" to show", look)
}
