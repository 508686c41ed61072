package balancer

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// acceptPause is how long a relay waits when it cannot accept connections, mostly for want of descriptors.
const acceptPause = 50 * time.Millisecond

// relay passes TCP connections of one listener on to targets.
type relay struct {
	pool  *pool
	meter *meter
}

// serve accepts connections until the listener is closed, and returns when those under way have ended. They are cut when
// ctx ends.
func (r *relay) serve(ctx context.Context, listener net.Listener) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		tasks.Go(func() {
			began := time.Now()
			err := r.pass(ctx, connection)
			r.meter.request(time.Since(began), err != nil)
		})
	}
}

// pass connects to the first target that takes it, and copies both ways until both have ended.
func (r *relay) pass(ctx context.Context, client net.Conn) error {
	defer client.Close() // both sides are done
	dialer := net.Dialer{Timeout: dialLimit}
	var tried []*backend
	for {
		backend := r.pool.pick(tried)
		if backend == nil {
			return errNoTarget
		}
		tried = append(tried, backend)
		target, err := dialer.DialContext(ctx, "tcp", backend.address)
		if err != nil {
			r.pool.release(backend)
			r.pool.failed(backend, err, failuresToDown)
			continue
		}
		defer r.pool.release(backend)
		join(backend.ctx, client, target) //nolint:contextcheck // the target has a context, which ends with the balancer
		return nil
	}
}

// join copies between two connections until both directions have ended, or ctx has.
func join(ctx context.Context, client, target net.Conn) {
	defer target.Close() // both sides are done
	stop := context.AfterFunc(ctx, func() {
		client.Close() // the copies end by it
		target.Close() // the copies end by it
	})
	defer stop()
	var back sync.WaitGroup
	back.Go(func() { copyHalf(client, target) })
	copyHalf(target, client)
	back.Wait()
}

// copyHalf copies one direction and passes its end on. Where that is not possible any more, both directions are over.
func copyHalf(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, can := to.(interface{ CloseWrite() error })
	if err == nil && can && half.CloseWrite() == nil {
		return
	}
	to.Close()   // it failed already
	from.Close() // nothing more can be passed on
}
