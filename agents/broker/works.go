package broker

import (
	"context"
	"sync"
)

// works are what the broker does in the background: attempts, endings and farewells, at most one by each key. They are
// begun from anywhere and run under the context of run, which outlives whoever began them.
type works struct {
	mutex sync.Mutex
	// known are the works that run or wait to, by key.
	known map[string]*work
	// waiting to be run.
	waiting []*work
	wake    chan struct{}
	// ended is why nothing is run any more.
	ended error
}

// work is one of them.
type work struct {
	key string
	do  func(ctx context.Context, changed <-chan struct{}) error
	// done is closed when it has come to an end; err says afterwards what was wrong with it.
	done chan struct{}
	err  error
	// changed tells it that somebody else changed its record.
	changed chan struct{}
}

func newWorks() *works { return &works{known: map[string]*work{}, wake: make(chan struct{}, 1)} }

// begin starts a work unless there is one by that key, and returns the one that there is.
func (w *works) begin(key string, do func(ctx context.Context, changed <-chan struct{}) error) *work {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if known := w.known[key]; known != nil {
		return known
	}
	begun := &work{key: key, do: do, done: make(chan struct{}), changed: make(chan struct{}, 1)}
	if w.ended != nil {
		begun.err = w.ended
		close(begun.done)
		return begun
	}
	w.known[key] = begun
	w.waiting = append(w.waiting, begun)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return begun
}

// tell says to the work that its record was changed.
func (w *work) tell() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// run runs what is begun until the context ends, and returns when everything has come to an end.
func (w *works) run(ctx context.Context) {
	var running sync.WaitGroup
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-w.wake:
		}
		for _, one := range w.take(nil) {
			running.Go(func() { w.end(one, one.do(ctx, one.changed)) })
		}
	}
	running.Wait()
	for _, one := range w.take(ctx.Err()) {
		w.end(one, ctx.Err())
	}
}

// take returns what waits to be run. With an error nothing more is let in.
func (w *works) take(ended error) []*work {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	waiting := w.waiting
	w.waiting, w.ended = nil, ended
	return waiting
}

func (w *works) end(one *work, err error) {
	w.mutex.Lock()
	delete(w.known, one.key)
	w.mutex.Unlock()
	one.err = err
	close(one.done)
}
