package openstack

import (
	"context"
	"time"

	"github.com/cloud-agency/agency/vendormodules/patience"
)

// lookWithin is how long something may take that a call waits for.
const lookWithin = 2 * time.Minute

// until waits until something has come about.
func until(ctx context.Context, what string, look func() (done bool, err error)) error {
	return patience.Until(ctx, lookWithin, what, look)
}
