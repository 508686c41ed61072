package balancer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// dialLimit is how long a connection to a target may take to be made.
const dialLimit = time.Second

// failuresToDown is how many checks in a row fail before a target counts as unhealthy. One that succeeds is enough for
// the other way, and so is one connection that cannot be made for this one.
const failuresToDown = 2

type health int

const (
	unknown health = iota
	healthy
	// late targets have not answered checks in time; unhealthy ones have answered badly, or take no connections.
	late
	unhealthy
)

// backend is one target. What changes is guarded by the pool's lock.
type backend struct {
	target    vendormodules.Target
	address   string
	transport *http.Transport
	// ctx ends when the target is gone and has finished, checks when it is gone.
	ctx        context.Context
	end        context.CancelFunc
	checks     context.Context
	stopChecks context.CancelFunc

	health   health
	failures int
	fault    error // of the last check, nil for one that succeeded
	active   int
	gone     bool
}

func newBackend(ctx context.Context, target vendormodules.Target) *backend {
	b := &backend{target: target, address: net.JoinHostPort(target.Address, strconv.Itoa(target.Port))}
	b.ctx, b.end = context.WithCancel(ctx)
	b.checks, b.stopChecks = context.WithCancel(b.ctx)
	dialer := net.Dialer{Timeout: dialLimit}
	b.transport = &http.Transport{
		DialContext: dialer.DialContext, DisableCompression: true,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second,
	}
	return b
}

func (b *backend) String() string { return fmt.Sprintf("target %s at %s", b.target.Name, b.address) }

// close cuts what is still under way.
func (b *backend) close() {
	b.end()
	b.transport.CloseIdleConnections()
}

// watch checks a backend until it is gone.
func (p *pool) watch(b *backend) {
	ticker := time.NewTicker(time.Duration(p.check.Every))
	defer ticker.Stop()
	for {
		err := p.probe(b)
		if b.checks.Err() != nil {
			return
		}
		if err == nil {
			p.sound(b)
		} else {
			p.failed(b, err, 1)
		}
		select {
		case <-ticker.C:
		case <-b.checks.Done():
			return
		}
	}
}

// probe asks a backend once whether it is healthy.
func (p *pool) probe(b *backend) error {
	ctx, cancel := context.WithTimeout(b.checks, time.Duration(p.check.Timeout))
	defer cancel()
	if p.check.Path == "" {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.address)
		if err != nil {
			return err
		}
		return connection.Close()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.address+p.check.Path, nil)
	if err != nil {
		return err
	}
	response, err := b.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() // only the status counts
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", p.check.Path, response.Status)
	}
	return nil
}

func (p *pool) sound(b *backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.failures, b.fault = 0, nil
	if b.health != healthy {
		p.report("%s is healthy", b)
		p.turn(b, healthy)
	}
}

// failed counts failures, of which failuresToDown in a row make a target unhealthy, or late.
func (p *pool) failed(b *backend, err error, weight int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.failures, b.fault = b.failures+weight, err
	becomes := unhealthy
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		becomes = late
	}
	if b.health != becomes && b.failures >= failuresToDown && !b.gone {
		p.report("%s is unhealthy: %v", b, err)
		p.turn(b, becomes)
	}
}

// turn changes the health of a target. The caller holds the lock.
func (p *pool) turn(b *backend, to health) {
	b.health = to
	close(p.turned)
	p.turned = make(chan struct{})
}
