package broker

import (
	"context"
	"sync"
)

// works are what the broker does in the background: attempts, endings and farewells, at most one by each key.
type works struct {
	mutex   sync.Mutex
	running map[string]*work
	group   sync.WaitGroup
	// lifetime is that of the agent; works end with it.
	lifetime context.Context
}

// work is one of them.
type work struct {
	// done is closed when it has come to an end; err says afterwards what was wrong with it.
	done chan struct{}
	err  error
	// changed tells it that somebody else changed its record.
	changed chan struct{}
}

func newWorks() *works { return &works{running: map[string]*work{}} }

// open allows works to begin, for as long as the context lasts.
func (w *works) open(ctx context.Context) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.lifetime = ctx
}

// begin starts a work unless one is running by that key, and returns the one that is.
func (w *works) begin(key string, do func(ctx context.Context, changed <-chan struct{}) error) *work {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if running := w.running[key]; running != nil {
		return running
	}
	started := &work{done: make(chan struct{}), changed: make(chan struct{}, 1)}
	w.running[key] = started
	ctx := w.lifetime
	w.group.Go(func() {
		started.err = do(ctx, started.changed)
		w.mutex.Lock()
		delete(w.running, key)
		w.mutex.Unlock()
		close(started.done)
	})
	return started
}

// tell says to the work that its record was changed.
func (w *work) tell() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// wait returns when all works have ended, after the context has.
func (w *works) wait() { w.group.Wait() }
