package vendortest

import (
	"testing"
	"time"
)

// pollEvery is how often Eventually looks again.
const pollEvery = 20 * time.Millisecond

// Eventually looks again and again until check returns nil, and fails the test with check's last error when that has not
// come about within wait. It must be called from the test's own goroutine.
func Eventually(t testing.TB, wait time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for last := false; ; {
		err := check()
		if err == nil {
			return
		}
		if last {
			t.Fatalf("%s: not within %s: %v", what, wait, err)
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			last = true // one more look, lest a test that was kept waiting itself blames the cloud
		}
	}
}
