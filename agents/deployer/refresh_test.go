package deployer

import (
	"testing"
	"time"
)

// Looking for changes whose events were lost takes a tenth of the time at most.
func TestLooksLeaveTimeForTheRest(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: 30 * time.Second, 3 * time.Second: 30 * time.Second, 20 * time.Second: 3 * time.Minute,
	} {
		if got := refreshPause(took); got != want {
			t.Errorf("after a look of %s the pause is %s, want %s", took, got, want)
		}
	}
}
