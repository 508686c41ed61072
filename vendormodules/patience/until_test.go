package patience_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/patience"
)

func TestUntilSomethingHasComeAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, looks := time.Now(), 0
		err := patience.Until(t.Context(), time.Minute, "a flower", func() (bool, error) {
			looks++
			return time.Since(began) > 10*time.Second, nil
		})
		if err != nil || looks < 5 || looks > 20 || time.Since(began) > 13*time.Second {
			t.Errorf("after %d looks and %s: %v", looks, time.Since(began), err)
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := func() (bool, error) { return false, nil }
		began := time.Now()
		err := patience.Until(t.Context(), time.Minute, "a flower", never)
		if !errors.Is(err, vendormodules.ErrTransient) || !strings.Contains(err.Error(), "a flower") || time.Since(began) != time.Minute {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := patience.Until(ctx, time.Minute, "a flower", never); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("when the caller has had enough: %v", err)
		}
		withered := errors.New("it withered")
		if err := patience.Until(t.Context(), 0, "a flower", func() (bool, error) { return false, withered }); !errors.Is(err, withered) {
			t.Errorf("when the look fails: %v", err)
		}
	})
}
