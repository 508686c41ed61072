package vendor

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// crowd is a cloud of very many resources, which counts how it is asked.
type crowd struct {
	vendormodules.Module
	size  int
	mutex sync.Mutex
	lists int
	gets  int
}

func (c *crowd) List(context.Context) ([]vendormodules.Resource, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.lists++
	resources := make([]vendormodules.Resource, c.size)
	for i := range resources {
		resources[i] = vendormodules.Resource{ID: fmt.Sprint(i), State: vendormodules.ResourceCreating}
	}
	return resources, nil
}

func (c *crowd) Get(_ context.Context, id string) (vendormodules.Resource, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.gets++
	return vendormodules.Resource{ID: id, State: vendormodules.ResourceRunning}, nil
}

// Those who wait for a few of very many resources do not have all of them listed again and again.
func TestAFewAreLookedAtOneByOne(t *testing.T) {
	for _, one := range []struct{ size, waiters, lists, gets int }{
		{size: 50, waiters: 1, gets: 1}, {size: 50, waiters: 2, lists: 1}, {size: 1000, waiters: 11, gets: 11}, {size: 1000, waiters: 12, lists: 1},
	} {
		cloud := &crowd{size: one.size}
		watcher := newWatcher(cloud, time.Now)
		watcher.listed = one.size
		for i := range one.waiters {
			waiting := &waiting{id: fmt.Sprint(i), satisfied: settledCreate, result: make(chan seen, 1)}
			watcher.waiters[waiting] = struct{}{}
		}
		watcher.look(t.Context())
		if cloud.lists != one.lists || cloud.gets != one.gets {
			t.Errorf("%d of %d: %d listings and %d looks, want %d and %d", one.waiters, one.size, cloud.lists, cloud.gets, one.lists, one.gets)
		}
	}
}
