package libvirt

import (
	"context"
	"sync"
	"time"
)

// locks are as many as there are names. The zero value is ready.
type locks struct {
	mutex sync.Mutex
	held  map[string]chan struct{}
}

// lock waits until nobody else holds a name, or the context ends.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.mutex.Lock()
		busy, taken := l.held[name]
		if !taken {
			if l.held == nil {
				l.held = map[string]chan struct{}{}
			}
			mine := make(chan struct{})
			l.held[name] = mine
			l.mutex.Unlock()
			return func() {
				l.mutex.Lock()
				defer l.mutex.Unlock()
				delete(l.held, name)
				close(mine)
			}, nil
		}
		l.mutex.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// sightings remember when something was first seen. The zero value is ready.
type sightings struct {
	mutex sync.Mutex
	first map[string]time.Time
}

// see returns for how long something has been seen.
func (s *sightings) see(name string, now time.Time) time.Duration {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	first, seen := s.first[name]
	if !seen {
		if s.first == nil {
			s.first = map[string]time.Time{}
		}
		first = now
		s.first[name] = first
	}
	return now.Sub(first)
}

func (s *sightings) forget(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.first, name)
}
