package simulated_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/simulated"
)

// clock goes on when somebody waits by it, or when a test says so.
type clock struct {
	mutex sync.Mutex
	time  time.Time
}

func newClock() *clock { return &clock{time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.time
}

func (c *clock) later(length time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.time = c.time.Add(length)
}

// wait is a simulated.Wait that takes no time but the clock's.
func (c *clock) wait(ctx context.Context, length time.Duration) error {
	c.later(length)
	return ctx.Err()
}

// cloud is a module with a clock of its own.
type cloud struct {
	*simulated.Module
	*clock
	t       testing.TB
	account services.Store
}

func newCloud(t testing.TB, configuration string) *cloud {
	t.Helper()
	c := &cloud{clock: newClock(), t: t, account: openStore(t)}
	c.open(configuration)
	return c
}

// open opens the account, again if it was open before, with another configuration.
func (c *cloud) open(configuration string) {
	c.t.Helper()
	if c.Module != nil {
		must(c.t, c.Close())
	}
	var err error
	c.Module, err = simulated.New(parsed(c.t, configuration), environment(c.account, c.now), c.wait)
	must(c.t, err)
}

func machine(key string) vendormodules.Request {
	return vendormodules.Request{
		Key: key, Name: key, Tags: vendormodules.Tags{Agency: agencyID},
		Class: descriptors.Class{Type: descriptors.Compute, Image: "shell", Cores: 1},
	}
}

func (c *cloud) create(request vendormodules.Request) vendormodules.Resource {
	c.t.Helper()
	made, err := c.Create(c.t.Context(), request)
	must(c.t, err)
	return made
}

func (c *cloud) listed() int {
	c.t.Helper()
	shown, err := c.List(c.t.Context())
	must(c.t, err)
	return len(shown)
}
