package bus

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go/micro"
)

// pool works off requests on a fixed number of goroutines, with a bounded queue before them.
type pool struct {
	mutex    sync.Mutex
	closed   bool
	requests chan micro.Request
	workers  sync.WaitGroup
}

func startPool(ctx context.Context, workers, queue int, serve func(context.Context, micro.Request)) *pool {
	pool := &pool{requests: make(chan micro.Request, queue)}
	for range workers {
		pool.workers.Go(func() {
			for request := range pool.requests {
				serve(ctx, request)
			}
		})
	}
	return pool
}

// submit says whether there was room for the request. It never blocks.
func (p *pool) submit(request micro.Request) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.closed {
		return false
	}
	select {
	case p.requests <- request:
		return true
	default:
		return false
	}
}

// close waits until what was submitted is done.
func (p *pool) close() {
	p.mutex.Lock()
	if !p.closed {
		p.closed = true
		close(p.requests)
	}
	p.mutex.Unlock()
	p.workers.Wait()
}
