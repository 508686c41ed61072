package catalogue

import (
	"context"
	"errors"
	"sync"
	"time"
)

// CacheOptions say how long a Cache keeps what it fetched.
type CacheOptions struct {
	// Keep is how long a value serves before it is fetched anew.
	Keep time.Duration
	// Failure is how long the error of a fetch serves; at once fetched anew if zero.
	Failure time.Duration
	// Stale is how old a value may be that serves while it cannot be fetched; none does if zero.
	Stale time.Duration
	Now   func() time.Time
}

// Cache fetches a value once for all who ask within a time. It starts no goroutine: one of those who ask fetches, with
// its own context, and if it gives up another does.
type Cache[T any] struct {
	fetch   func(context.Context) (T, error)
	options CacheOptions

	mutex sync.Mutex
	// busy is open while one of the callers fetches; nil otherwise.
	busy    chan struct{}
	value   T
	fetched time.Time // zero before the first value
	err     error
	failed  time.Time
	forgot  int
}

// NewCache makes a cache of what fetch returns. A fetch has the context of one of those who wait for it.
func NewCache[T any](fetch func(context.Context) (T, error), options CacheOptions) *Cache[T] {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Cache[T]{fetch: fetch, options: options}
}

// Get returns the value and how old it is. The error is that of the fetch, or of the caller's context.
func (c *Cache[T]) Get(ctx context.Context) (value T, age time.Duration, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return value, 0, err
		}
		c.mutex.Lock()
		if value, age, served, err := c.kept(); served {
			c.mutex.Unlock()
			return value, age, err
		}
		if c.busy == nil {
			return c.renew(ctx)
		}
		busy := c.busy
		c.mutex.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return value, 0, ctx.Err()
		}
	}
}

// kept answers from what is there, if that may serve. The mutex is held.
func (c *Cache[T]) kept() (value T, age time.Duration, served bool, err error) {
	now := c.options.Now()
	if age := now.Sub(c.fetched); !c.fetched.IsZero() && age < c.options.Keep {
		return c.value, age, true, nil
	}
	if c.err != nil && now.Sub(c.failed) < c.options.Failure {
		value, age, err = c.fallBack(now, c.err)
		return value, age, true, err
	}
	return value, 0, false, nil
}

// fallBack answers with a value that is stale if one may serve, else with the error. The mutex is held.
func (c *Cache[T]) fallBack(now time.Time, err error) (T, time.Duration, error) {
	if age := now.Sub(c.fetched); !c.fetched.IsZero() && age < c.options.Stale {
		return c.value, age, nil
	}
	var none T
	return none, 0, err
}

// renew fetches for everybody. The mutex is held at first, and not at the end.
func (c *Cache[T]) renew(ctx context.Context) (T, time.Duration, error) {
	busy, forgot := make(chan struct{}), c.forgot
	c.busy = busy
	c.mutex.Unlock()
	ended := false
	var value T
	var err error
	defer func() {
		if !ended { // the fetch panicked: nobody may wait for it for ever
			c.mutex.Lock()
			c.busy = nil
			c.mutex.Unlock()
		}
		close(busy)
	}()
	value, err = c.fetch(ctx)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	ended, c.busy = true, nil
	now := c.options.Now()
	switch {
	case err == nil && forgot == c.forgot:
		c.value, c.fetched, c.err = value, now, nil
		return value, 0, nil
	case err == nil:
		return value, 0, nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return value, 0, err // says nothing of the cloud
	}
	c.err, c.failed = err, now
	return c.fallBack(now, err)
}

// Forget lets the next who asks fetch anew, such as after a change of what was fetched.
func (c *Cache[T]) Forget() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var none T
	c.value, c.fetched, c.err = none, time.Time{}, nil
	c.forgot++
}
