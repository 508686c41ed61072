package store

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// watchers are all who watch a store. It owns the goroutines that serve them.
type watchers struct {
	mutex sync.Mutex
	all   map[*watcher]struct{}

	closed  chan struct{}
	serving sync.WaitGroup
}

func newWatchers() *watchers {
	return &watchers{all: make(map[*watcher]struct{}), closed: make(chan struct{})}
}

// add returns a watcher that gathers changes from now on.
func (w *watchers) add(prefix string) *watcher {
	added := &watcher{prefix: prefix, latest: make(map[string]services.Entry), changed: make(chan struct{}, 1)}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.all[added] = struct{}{}
	return added
}

func (w *watchers) remove(gone *watcher) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	delete(w.all, gone)
}

// publish tells all watchers of changes that were made, in order. It waits for none of them.
func (w *watchers) publish(changed []services.Entry) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for watcher := range w.all {
		watcher.put(changed)
	}
}

// serve hands a watcher's entries over until the context ends or close is called.
func (w *watchers) serve(ctx context.Context, watcher *watcher) <-chan services.Entry {
	entries := make(chan services.Entry)
	w.serving.Go(func() {
		defer close(entries)
		defer w.remove(watcher)
		for {
			for entry, found := watcher.take(); found; entry, found = watcher.take() {
				select {
				case entries <- entry:
				case <-ctx.Done():
					return
				case <-w.closed:
					return
				}
			}
			select {
			case <-watcher.changed:
			case <-ctx.Done():
				return
			case <-w.closed:
				return
			}
		}
	})
	return entries
}

// close ends all watching and waits until it has ended.
func (w *watchers) close() {
	close(w.closed)
	w.serving.Wait()
}

// watcher holds what one who watches has not been told yet: for each key its newest entry, in the order in which the
// keys were first changed. A newer entry takes the place of the older, so that a key which changes all the time is not
// put off for ever.
type watcher struct {
	prefix  string
	changed chan struct{}

	mutex  sync.Mutex
	keys   []string
	latest map[string]services.Entry
	// shown is the last revision among the entries given to start: the changes up to it are in them.
	shown uint64
}

// start puts the entries as they are, read after add, before the changes gathered since. Changes that the entries show
// already are left out; a deletion may come for a key that was never shown.
func (w *watcher) start(entries []services.Entry) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	gathered, keys := w.latest, w.keys
	w.latest, w.keys = make(map[string]services.Entry, len(entries)), nil
	for _, entry := range entries {
		w.shown = max(w.shown, entry.Revision)
		w.queue(entry)
	}
	for _, key := range keys {
		if entry := gathered[key]; entry.Revision > w.shown {
			w.queue(entry)
		}
	}
}

// put adds changes below the prefix, with values of their own.
func (w *watcher) put(changed []services.Entry) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, entry := range changed {
		if entry.Revision > w.shown && strings.HasPrefix(entry.Key, w.prefix) {
			entry.Value = bytes.Clone(entry.Value)
			w.queue(entry)
		}
	}
}

func (w *watcher) queue(entry services.Entry) {
	if _, waiting := w.latest[entry.Key]; !waiting {
		w.keys = append(w.keys, entry.Key)
	}
	w.latest[entry.Key] = entry
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// take removes the entry that waits longest.
func (w *watcher) take() (entry services.Entry, found bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.keys) == 0 {
		w.keys = nil
		return services.Entry{}, false
	}
	key := w.keys[0]
	w.keys = w.keys[1:]
	entry = w.latest[key]
	delete(w.latest, key)
	return entry, true
}
