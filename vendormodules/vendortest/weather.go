package vendortest

import "sync"

// Weather is what the suite has made of a line, which has it in itself and asks it what becomes of each request. The zero
// value is fair.
type Weather struct {
	mutex     sync.Mutex
	stalled   chan struct{}
	throttle  int
	drop      int // counts down to the request whose answer is lost, 0 for none
	happening bool
}

// Stall implements Line.
func (w *Weather) Stall() func() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	stalled := make(chan struct{})
	w.stalled = stalled
	return func() {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.stalled = nil
		close(stalled)
	}
}

// Throttle implements Line.
func (w *Weather) Throttle(requests int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.throttle = requests
}

// Drop implements Line.
func (w *Weather) Drop(nth int) func() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.drop, w.happening = nth, false
	return func() bool {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.drop = 0
		return w.happening
	}
}

// Stalled is closed when answers come again; nil while they do.
func (w *Weather) Stalled() <-chan struct{} {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.stalled
}

// Meets decides what becomes of a request: the cloud refuses it, or does it and its answer is lost, or neither. Whether it
// changes something is asked of one that is not refused.
func (w *Weather) Meets(changes func() bool) (throttled, lost bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.throttle > 0 {
		w.throttle--
		return true, false
	}
	if changes() && w.drop > 0 {
		w.drop--
		w.happening = w.drop == 0
		lost = w.happening
	}
	return false, lost
}
