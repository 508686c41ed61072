package vendor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// The bounds of the time between two looks at resources that are on their way. It starts small, because some clouds are
// done at once, and grows by lookGrowth as long as nothing has changed: it is a seventh then, on average, that waiting takes
// longer than what is waited for.
const (
	lookGrowth = 1.4
	lookFirst  = time.Millisecond
	lookMost   = time.Second
	// lookWithin bounds one look, so that a cloud that hangs does not keep it from being looked at again.
	lookWithin = 30 * time.Second
)

// watcher looks at resources for everybody who waits for one: one listing serves all waiters, a look at each resource
// itself a few of them.
type watcher struct {
	module vendormodules.Module
	now    func() time.Time
	wake   chan struct{}

	// listed is how long the last listing was. Only run uses it.
	listed int

	mutex   sync.Mutex
	waiters map[*waiting]struct{}
}

// aPage is how many resources clouds tell of in about one call: a listing takes as many calls as it has pages.
const aPage = 100

// waiting is somebody's wait for a resource to satisfy a condition.
type waiting struct {
	id        string
	satisfied func(vendormodules.Resource) bool
	state     vendormodules.ResourceState
	// absentUntil is until when not finding it means nothing: a cloud may be slow to show what it has just made.
	absentUntil time.Time
	result      chan seen
}

// seen is a resource, or why it cannot be seen.
type seen struct {
	resource vendormodules.Resource
	err      error
}

func newWatcher(module vendormodules.Module, now func() time.Time) *watcher {
	return &watcher{module: module, now: now, wake: make(chan struct{}, 1), waiters: map[*waiting]struct{}{}}
}

// await returns the resource as soon as it satisfies the condition; ErrNotFound when it is gone, which it is not before
// absentUntil.
func (w *watcher) await(
	ctx context.Context, resource vendormodules.Resource, absentUntil time.Time,
	satisfied func(vendormodules.Resource) bool,
) (vendormodules.Resource, error) {
	if satisfied(resource) {
		return resource, nil
	}
	one := &waiting{
		id: resource.ID, satisfied: satisfied, state: resource.State, absentUntil: absentUntil, result: make(chan seen, 1),
	}
	w.mutex.Lock()
	w.waiters[one] = struct{}{}
	w.mutex.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	select {
	case result := <-one.result:
		return result.resource, result.err
	case <-ctx.Done():
		w.mutex.Lock()
		delete(w.waiters, one)
		w.mutex.Unlock()
		return resource, context.Cause(ctx)
	}
}

// run looks for the waiters until the context ends.
func (w *watcher) run(ctx context.Context) error {
	interval := lookFirst
	timer := time.NewTimer(interval)
	defer timer.Stop()
	next := time.Now().Add(interval)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
			interval = lookFirst
			if soon := time.Now().Add(interval); !next.IsZero() && next.Before(soon) {
				continue // a look is near already, and who comes must not put it off
			}
		case <-timer.C:
			if w.look(ctx) {
				interval = lookFirst
			} else {
				interval = min(time.Duration(lookGrowth*float64(interval)), lookMost)
			}
		}
		timer.Stop()
		next = time.Time{}
		if w.any() {
			timer.Reset(interval)
			next = time.Now().Add(interval)
		}
	}
}

func (w *watcher) any() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return len(w.waiters) > 0
}

// look shows every waiter its resource, and says whether any of them has changed. A resource that a listing lacks is
// looked at by its id before it counts as gone; what cannot be seen just now is looked at again.
func (w *watcher) look(ctx context.Context) (changed bool) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	w.mutex.Lock()
	waiters := make([]*waiting, 0, len(w.waiters))
	for one := range w.waiters {
		waiters = append(waiters, one)
	}
	w.mutex.Unlock()
	listed := map[string]vendormodules.Resource{}
	if len(waiters) > 1+w.listed/aPage {
		listing, err := w.module.List(ctx)
		if err != nil {
			return false
		}
		w.listed = len(listing)
		for _, resource := range listing {
			listed[resource.ID] = resource
		}
	}
	for _, one := range waiters {
		resource, found := listed[one.id]
		var err error
		if !found {
			resource, err = w.module.Get(ctx, one.id)
		}
		switch {
		case errors.Is(err, vendormodules.ErrNotFound) && w.now().Before(one.absentUntil):
		case errors.Is(err, vendormodules.ErrNotFound), err == nil && one.satisfied(resource):
			w.mutex.Lock()
			delete(w.waiters, one)
			w.mutex.Unlock()
			one.result <- seen{resource, err}
			changed = true
		case err == nil && resource.State != one.state:
			one.state, changed = resource.State, true
		}
	}
	return changed
}
