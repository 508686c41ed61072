package decorators_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

func TestLimitPerSecond(t *testing.T) {
	cloud, hand := memory.New(), newManual()
	options := decorators.LimitOptions{PerSecond: 10, Burst: 5}
	module := decorators.Limit(cloud.Open(memory.Agency), options, hand.clock())
	began := hand.Now()
	for range 25 {
		if _, err := module.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// Five at once, then one each tenth of a second; the limiter counts in floating point.
	if took := hand.Now().Sub(began).Round(time.Millisecond); took != 2*time.Second {
		t.Errorf("25 calls took %s, and should take 2s", took)
	}
}

func TestLimitRefusesWhatComesTooLate(t *testing.T) {
	cloud, hand := memory.New(), newManual()
	hand.now = time.Now()
	module := decorators.Limit(cloud.Open(memory.Agency), decorators.LimitOptions{PerSecond: 0.001}, hand.clock())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := module.List(ctx); err != nil {
		t.Fatal(err)
	}
	_, err := module.List(ctx)
	wants(t, err, context.DeadlineExceeded)
	if len(hand.slept) != 0 || cloud.Calls("list") != 1 {
		t.Errorf("slept %v, called %d times", hand.slept, cloud.Calls("list"))
	}
	gone, cancelGone := context.WithCancel(t.Context())
	cancelGone()
	_, err = module.List(gone)
	wants(t, err, context.Canceled)
}

// crowded counts the calls under way.
type crowded struct {
	vendormodules.Module
	now, most atomic.Int64
}

func (c *crowded) List(context.Context) ([]vendormodules.Resource, error) {
	c.most.Store(max(c.most.Load(), c.now.Add(1)))
	time.Sleep(time.Second) // of the bubble's time
	c.now.Add(-1)
	return nil, nil
}

func TestLimitConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside := &crowded{Module: memory.New().Open(memory.Agency)}
		module := decorators.Limit(inside, decorators.LimitOptions{Concurrent: 3}, decorators.SystemClock())
		began := time.Now()
		var calls sync.WaitGroup
		for range 12 {
			calls.Go(func() {
				if _, err := module.List(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if now := inside.now.Load(); now != 3 {
			t.Errorf("%d calls are under way, should be 3", now)
		}
		impatient, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := module.List(impatient)
		wants(t, err, context.Canceled)
		calls.Wait()
		if most, took := inside.most.Load(), time.Since(began); most != 3 || took != 4*time.Second {
			t.Errorf("at most %d at a time, %s in all; should be 3, 4s", most, took)
		}
	})
}
