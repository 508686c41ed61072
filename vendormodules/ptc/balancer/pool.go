package balancer

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// drainLimit is how long a target that goes may take to finish what it has.
const drainLimit = 30 * time.Second

// pool holds the targets. Its goroutines end with the context that it is made with.
type pool struct {
	ctx   context.Context
	check descriptors.Check
	log   io.Writer
	tasks sync.WaitGroup

	// changing is held while targets change, which may take a while.
	changing sync.Mutex

	mu       sync.Mutex
	backends []*backend
	next     int
	// turned is closed, and made anew, when the health of a target changes.
	turned chan struct{}
}

func newPool(ctx context.Context, check descriptors.Check, log io.Writer) *pool {
	return &pool{ctx: ctx, check: check, log: log, turned: make(chan struct{})}
}

// join makes a backend and begins to check it. The caller holds the lock.
func (p *pool) join(target vendormodules.Target) *backend {
	b := newBackend(p.ctx, target)
	p.report("%s joins", b)
	p.tasks.Go(func() { p.watch(b) })
	return b
}

// leave lets a backend finish what it has. The caller holds the lock.
func (p *pool) leave(b *backend) {
	p.report("%s leaves, with %d under way", b, b.active)
	b.stopChecks()
	b.gone = true
	if b.active == 0 {
		b.close()
		return
	}
	p.tasks.Go(func() {
		limit := time.NewTimer(drainLimit)
		defer limit.Stop()
		select {
		case <-b.ctx.Done(): // finished, or the balancer ends
		case <-limit.C:
			p.report("%s had not finished after %s", b, drainLimit)
		}
		b.close()
	})
}

// pick takes the target with the least to do among the healthy ones, else among those that nothing is known of, else
// among those that are late, which may only be busy; nil if there is none that has not been tried. The caller gives it
// back by release.
func (p *pool) pick(tried []*backend) *backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, health := range []health{healthy, unknown, late} {
		var best *backend
		for i := range p.backends {
			b := p.backends[(p.next+i)%len(p.backends)]
			if b.health == health && (best == nil || b.active < best.active) && !slices.Contains(tried, b) {
				best = b
			}
		}
		if best != nil {
			p.next = (slices.Index(p.backends, best) + 1) % len(p.backends)
			best.active++
			return best
		}
	}
	return nil
}

func (p *pool) release(b *backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.active--
	if b.gone && b.active == 0 {
		b.close()
	}
}

// count is how many targets there are, and how many of them are healthy.
func (p *pool) count() (all, sound int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.backends {
		if b.health == healthy {
			sound++
		}
	}
	return len(p.backends), sound
}

// close waits for everything that the pool has begun; its context has ended.
func (p *pool) close() {
	p.changing.Lock() // a change under way begins tasks
	defer p.changing.Unlock()
	p.tasks.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.backends {
		b.close()
	}
}

func (p *pool) report(format string, arguments ...any) {
	fmt.Fprintf(p.log, "%s %s\n", time.Now().UTC().Format(time.RFC3339), fmt.Sprintf(format, arguments...)) // best effort
}
