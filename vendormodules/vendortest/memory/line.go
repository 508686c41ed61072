package memory

import (
	"context"
	"errors"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// line is the way to whichever cloud is the current one.
type line struct{ cloud **Cloud }

var _ vendortest.Line = line{}

// trouble is what is wrong with the way to a cloud.
type trouble struct {
	stalled chan struct{} // closed when answers come again; nil while they come
	refuse  int           // calls to come
	drop    int           // counts down to the create whose answer is lost; 0 for none
	dropped bool
}

// Stall implements vendortest.Line.
func (l line) Stall() func() {
	cloud, stalled := *l.cloud, make(chan struct{})
	cloud.mutex.Lock()
	defer cloud.mutex.Unlock()
	cloud.trouble.stalled = stalled
	return func() {
		cloud.mutex.Lock()
		defer cloud.mutex.Unlock()
		cloud.trouble.stalled = nil
		close(stalled)
	}
}

// Throttle implements vendortest.Line.
func (l line) Throttle(calls int) {
	cloud := *l.cloud
	cloud.mutex.Lock()
	defer cloud.mutex.Unlock()
	cloud.trouble.refuse = calls
}

// Drop implements vendortest.Line.
func (l line) Drop(nth int) func() bool {
	cloud := *l.cloud
	cloud.mutex.Lock()
	defer cloud.mutex.Unlock()
	cloud.trouble.drop, cloud.trouble.dropped = nth, false
	return func() bool {
		cloud.mutex.Lock()
		defer cloud.mutex.Unlock()
		cloud.trouble.drop = 0
		return cloud.trouble.dropped
	}
}

var (
	errThrottled = errors.Join(errors.New("asked too often"), vendormodules.ErrTransient)
	errDropped   = errors.Join(errors.New("the connection broke"), vendormodules.ErrTransient)
)

// meets lets a call meet whatever is wrong with the way to the cloud.
func (c *Cloud) meets(ctx context.Context, operation string) (Fault, error) {
	c.mutex.Lock()
	var fault Fault
	stalled := c.trouble.stalled
	if c.trouble.refuse > 0 {
		c.trouble.refuse--
		fault.Err = errThrottled
	} else if operation == "create" && c.trouble.drop > 0 {
		if c.trouble.drop--; c.trouble.drop == 0 {
			c.trouble.dropped, fault = true, Fault{Err: errDropped, Done: true}
		}
	}
	c.mutex.Unlock()
	if stalled == nil {
		return fault, nil
	}
	select {
	case <-stalled:
		return fault, nil
	case <-ctx.Done():
		return fault, ctx.Err()
	}
}
