package catalogue_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

func TestOneFetchServesAllWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		cache := catalogue.NewCache(func(context.Context) (int32, error) {
			time.Sleep(time.Second)
			return fetches.Add(1), nil
		}, catalogue.CacheOptions{Keep: time.Minute})
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if value, age, err := cache.Get(t.Context()); value != 1 || age != 0 || err != nil {
					t.Errorf("the value is %d, %s old, %v", value, age, err)
				}
			})
		}
		callers.Wait()
		time.Sleep(59 * time.Second)
		if value, age, err := cache.Get(t.Context()); value != 1 || age != 59*time.Second || err != nil {
			t.Errorf("within its time the value is %d, %s old, %v", value, age, err)
		}
		time.Sleep(time.Second)
		if value, age, err := cache.Get(t.Context()); value != 2 || age != 0 || err != nil {
			t.Errorf("after its time the value is %d, %s old, %v", value, age, err)
		}
		cache.Forget()
		if value, _, err := cache.Get(t.Context()); value != 3 || err != nil {
			t.Errorf("once forgotten the value is %d, %v", value, err)
		}
	})
}

func TestACallerWhoGivesUpLetsOthersFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		cache := catalogue.NewCache(func(ctx context.Context) (int32, error) {
			count := fetches.Add(1)
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(time.Minute):
				return count, nil
			}
		}, catalogue.CacheOptions{Keep: time.Hour, Failure: time.Hour})
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, _, err := cache.Get(hasty); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the hasty caller gets %v", err)
			}
		})
		synctest.Wait()
		callers.Go(func() {
			if value, _, err := cache.Get(t.Context()); value != 2 || err != nil {
				t.Errorf("the patient caller gets %d, %v", value, err)
			}
		})
		synctest.Wait()
		waiting, giveUp := context.WithCancel(t.Context())
		giveUp()
		if _, _, err := cache.Get(waiting); !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up before gets %v", err)
		}
		callers.Wait()
	})
}

func TestAValueServesInFailureUntilItIsStale(t *testing.T) {
	down, count := errors.New("the cloud is down"), 0
	now := time.Unix(0, 0)
	var failure error
	cache := catalogue.NewCache(func(context.Context) (int, error) {
		count++
		return count, failure
	}, catalogue.CacheOptions{Keep: time.Minute, Failure: 10 * time.Second, Stale: time.Hour, Now: func() time.Time { return now }})
	wants := func(what string, value, fetched int, age time.Duration, err error) {
		t.Helper()
		gotten, old, gottenErr := cache.Get(t.Context())
		if gotten != value || old != age || !errors.Is(gottenErr, err) || count != fetched {
			t.Errorf("%s: %d, %s old, %v, after %d fetches; should be %d, %s, %v, %d", what, gotten, old, gottenErr, count, value, age, err, fetched)
		}
	}
	failure = down
	wants("down from the beginning", 0, 1, 0, down)
	wants("at once again", 0, 1, 0, down)
	now, failure = now.Add(10*time.Second), nil
	wants("after a while", 2, 2, 0, nil)
	now, failure = now.Add(2*time.Minute), down
	wants("down again", 2, 3, 2*time.Minute, nil)
	now = now.Add(time.Hour)
	wants("down for long", 0, 4, 0, down)
}
