package libvirt

import (
	"context"
	"errors"
	"sync"
	"time"
)

// stops are the machines that were asked to power off. The zero value is ready.
type stops struct {
	mutex   sync.Mutex
	pending map[string]*pendingStop
	running sync.WaitGroup
	closed  bool
}

type pendingStop struct{ cancel context.CancelFunc }

// expect lets something happen after a time, unless it is forgotten before. The first that is expected of a name counts.
func (s *stops) expect(name string, after time.Duration, do func(ctx context.Context)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, expected := s.pending[name]; expected || s.closed {
		return
	}
	if s.pending == nil {
		s.pending = map[string]*pendingStop{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	mine := &pendingStop{cancel}
	s.pending[name] = mine
	s.running.Go(func() {
		defer cancel()
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			do(ctx)
		case <-ctx.Done():
		}
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if s.pending[name] == mine {
			delete(s.pending, name)
		}
	})
}

func (s *stops) forget(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if one, expected := s.pending[name]; expected {
		one.cancel()
		delete(s.pending, name)
	}
}

// close forgets all and waits for what happens already.
func (s *stops) close() {
	s.mutex.Lock()
	s.closed = true
	for _, one := range s.pending {
		one.cancel()
	}
	s.mutex.Unlock()
	s.running.Wait()
}

// tasks are what goes on when whoever asked for it has gone, until the module closes.
type tasks struct {
	ctx     context.Context // of the module's life
	cancel  context.CancelFunc
	mutex   sync.Mutex
	running sync.WaitGroup
	closed  bool
}

func newTasks() *tasks {
	ctx, cancel := context.WithCancel(context.Background())
	return &tasks{ctx: ctx, cancel: cancel}
}

// errClosed says that a module is of no more use.
var errClosed = errors.New("the module is closed")

// do does something and waits for it, or for the end of the caller's context, which does not end it.
func (t *tasks) do(ctx context.Context, work func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mutex.Lock()
	if t.closed {
		t.mutex.Unlock()
		return errClosed
	}
	outcome := make(chan error, 1)
	t.running.Go(func() { outcome <- work(t.ctx) })
	t.mutex.Unlock()
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends all and waits for it.
func (t *tasks) close() {
	t.mutex.Lock()
	t.closed = true
	t.mutex.Unlock()
	t.cancel()
	t.running.Wait()
}
