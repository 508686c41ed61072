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

	mu       sync.Mutex
	backends []*backend
	next     int
}

func newPool(ctx context.Context, check descriptors.Check, log io.Writer) *pool {
	return &pool{ctx: ctx, check: check, log: log}
}

// set replaces the targets. Those that stay, by name, address and port, are left in peace.
func (p *pool) set(targets []vendormodules.Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.backends
	p.backends = make([]*backend, 0, len(targets))
	for _, target := range targets {
		same := func(b *backend) bool { return b.target == target }
		if slices.ContainsFunc(p.backends, same) {
			continue
		}
		if index := slices.IndexFunc(old, same); index >= 0 {
			p.backends = append(p.backends, old[index])
			old = slices.Delete(slices.Clone(old), index, index+1)
			continue
		}
		p.backends = append(p.backends, p.join(target))
	}
	for _, gone := range old {
		p.leave(gone)
	}
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

// pick takes the target with the least to do among the healthy ones, else among those that nothing is known of; nil if
// there is none that has not been tried. The caller gives it back by release.
func (p *pool) pick(tried []*backend) *backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, health := range []health{healthy, unknown} {
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
