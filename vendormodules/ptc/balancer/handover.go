package balancer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// ErrNeeded says that targets were to go without which nobody would serve.
var ErrNeeded = errors.New("targets that are to go are needed")

// Patience is how long a new target may take to pass its first check, where it is waited for.
const Patience = time.Minute

// set replaces the targets. Those that stay, by name, address and port, are left in peace. Those that go serve on until one
// of those that are to stay is healthy, if that is what it takes for anybody to serve; ErrNeeded, and the targets are what
// they were, if none is within the time.
func (p *pool) set(ctx context.Context, targets []vendormodules.Target, within time.Duration) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	before, wanted := p.admit(targets)
	err := p.await(ctx, wanted, within)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.backends = wanted
	} else {
		p.backends, before = before, wanted
	}
	for _, one := range before {
		if !slices.Contains(p.backends, one) {
			p.leave(one)
		}
	}
	return err
}

// admit lets the targets that are new join those that there were before, and returns those and the wanted ones.
func (p *pool) admit(targets []vendormodules.Target) (before, wanted []*backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.backends
	for _, target := range targets {
		same := func(b *backend) bool { return b.target == target }
		if slices.ContainsFunc(wanted, same) {
			continue
		}
		if index := slices.IndexFunc(before, same); index >= 0 {
			wanted = append(wanted, before[index])
			continue
		}
		joined := p.join(target)
		p.backends, wanted = append(slices.Clip(p.backends), joined), append(wanted, joined)
	}
	return before, wanted
}

// await waits until the wanted targets can do without those that go.
func (p *pool) await(ctx context.Context, wanted []*backend, within time.Duration) error {
	limit := time.NewTimer(within)
	defer limit.Stop()
	for {
		needed, why, turned := p.needed(wanted)
		if len(needed) == 0 {
			return nil
		}
		select {
		case <-turned:
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit.C:
			return fmt.Errorf("%w: %s within %s; %s serves on", ErrNeeded, why, within, strings.Join(needed, ", "))
		}
	}
}

// needed are the names of the targets that serve and that none of the wanted ones can stand in for, and why not. The channel
// is closed when that may have changed.
func (p *pool) needed(wanted []*backend) (names []string, why string, turned <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range wanted {
		if one.health == healthy {
			return nil, "", p.turned
		}
		why = fmt.Sprintf("%s passes no check", one.target.Name)
		if one.fault != nil {
			why += fmt.Sprintf(" (%v)", one.fault)
		}
	}
	if len(wanted) == 0 { // nobody is to serve
		return nil, "", p.turned
	}
	for _, one := range p.backends {
		if (one.health == healthy || one.health == late) && !slices.Contains(wanted, one) {
			names = append(names, one.target.Name)
		}
	}
	return names, why, p.turned
}
