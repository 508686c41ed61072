package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/digitalocean/go-libvirt"
)

// ErrLost says that there is no connection, or none any more: the daemon is not there, or went away.
var ErrLost = errors.New("no connection to libvirt")

// errClosed says that the link is of no more use.
var errClosed = errors.New("the link is closed")

// Link is a connection to one daemon, kept.
type Link struct {
	address Address
	// identity is asked for at every attempt, so that a new credential needs no new link.
	identity func(ctx context.Context) (Identity, error)
	ctx      context.Context
	cancel   context.CancelFunc
	calls    sync.WaitGroup

	// dialing holds a token while nobody makes a connection.
	dialing chan struct{}
	mutex   sync.Mutex
	current *connection
	closed  bool
}

// New makes a link to an address. Nothing is connected before the first call.
func New(address Address, identity func(ctx context.Context) (Identity, error)) *Link {
	l := &Link{address: address, identity: identity, dialing: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.dialing <- struct{}{}
	return l
}

// Call makes calls to the daemon, on the connection that all share.
func (l *Link) Call(ctx context.Context, do func(daemon *libvirt.Libvirt) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	shared, err := l.shared(ctx)
	if err != nil {
		return err
	}
	return l.run(ctx, func() error { return lost(shared, do(shared.daemon)) })
}

// Stream makes a call that moves data, on a connection of its own, which ends with it: a reader that is slow would hold
// up all others on a shared one. A call that moves data may outlive Close, for the client can fail to see its end.
func (l *Link) Stream(ctx context.Context, do func(daemon *libvirt.Libvirt) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	own, err := l.connect(ctx, func(raw net.Conn) net.Conn { return newOrderly(raw) })
	if err != nil {
		return err
	}
	defer own.raw.Close()
	outcome := make(chan error, 1)
	go func() { outcome <- lost(own, do(own.daemon)) }()
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ctx.Done():
		return errClosed
	}
}

// run lets a caller go when its context ends, and knows of the call until that has ended too.
func (l *Link) run(ctx context.Context, call func() error) error {
	l.mutex.Lock()
	if l.closed {
		l.mutex.Unlock()
		return errClosed
	}
	l.calls.Add(1)
	l.mutex.Unlock()
	outcome := make(chan error, 1)
	go func() {
		defer l.calls.Done()
		outcome <- call()
	}()
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the connection and waits for the calls on it.
func (l *Link) Close() {
	l.cancel()
	l.mutex.Lock()
	l.closed = true
	if l.current != nil {
		l.current.raw.Close()
	}
	l.mutex.Unlock()
	l.calls.Wait()
}

// connection is one that was made.
type connection struct {
	daemon *libvirt.Libvirt
	raw    net.Conn
}

// shared is the connection that all calls share, made if there is none.
func (l *Link) shared(ctx context.Context) (*connection, error) {
	if usable, err := l.usable(); usable != nil || err != nil {
		return usable, err
	}
	select {
	case <-l.dialing:
		defer func() { l.dialing <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if usable, err := l.usable(); usable != nil || err != nil {
		return usable, err
	}
	made, err := l.connect(ctx, func(raw net.Conn) net.Conn { return raw })
	if err != nil {
		return nil, err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed {
		made.raw.Close()
		return nil, errClosed
	}
	l.current = made
	return made, nil
}

func (l *Link) usable() (*connection, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed {
		return nil, errClosed
	}
	if l.current != nil && l.current.daemon.IsConnected() {
		return l.current, nil
	}
	return nil, nil
}

// connect makes a connection and opens the driver on it, which it reaches through something.
func (l *Link) connect(ctx context.Context, through func(net.Conn) net.Conn) (*connection, error) {
	identity, err := l.identity(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := dial(ctx, l.address, identity)
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err != nil && !errors.Is(err, ErrIdentity):
		err = fmt.Errorf("%w: %w", ErrLost, err)
	}
	if err != nil {
		if raw != nil {
			raw.Close()
		}
		return nil, err
	}
	made := &connection{daemon: libvirt.NewWithDialer(given{through(raw)}), raw: raw}
	stop := context.AfterFunc(l.ctx, func() { raw.Close() })
	err = l.run(ctx, func() error {
		defer stop()
		return made.daemon.ConnectToURI(libvirt.ConnectURI(l.address.Driver))
	})
	if err != nil {
		raw.Close()
		if ctx.Err() == nil && !isAnswer(err) {
			err = fmt.Errorf("%w: %w", ErrLost, err)
		}
		return nil, err
	}
	return made, nil
}

// given is a dialer that has dialled already.
type given struct{ connection net.Conn }

// Dial implements socket.Dialer.
func (g given) Dial() (net.Conn, error) { return g.connection, nil }

// isAnswer says whether an error is the daemon's own, rather than the connection's.
func isAnswer(err error) bool {
	var answer libvirt.Error
	return errors.As(err, &answer) || errors.Is(err, libvirt.ErrUnsupported)
}

// lost tells an error of the connection from one that the daemon answered.
func lost(on *connection, err error) error {
	if err == nil || isAnswer(err) || on.daemon.IsConnected() && !errors.Is(err, libvirt.ErrInterrupted) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
