package store

import (
	"fmt"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// group is the commits of one transaction.
type group struct {
	requests []request
	// faults are the requests' own: expectations that did not hold.
	faults []error
	// revision is the last one given out.
	revision uint64
	// changed is every change of the requests without a fault, in order.
	changed []services.Entry
}

// keys returns all keys of the group, some of them perhaps more than once.
func (g *group) keys() []string {
	var keys []string
	for _, request := range g.requests {
		for i := range request.changes {
			keys = append(keys, request.changes[i].Key)
		}
	}
	return keys
}

// decide goes through the requests in order, each on the state that those before it leave. It updates the revisions
// standing, which it is given as they are before.
func (g *group) decide(standing map[string]uint64) {
	for i, request := range g.requests {
		if g.faults[i] = expect(request.changes, standing); g.faults[i] == nil {
			g.apply(request.changes, standing)
		}
	}
}

// expect says which expectation of one commit does not hold.
func expect(changes []services.Change, standing map[string]uint64) error {
	for i := range changes {
		change := &changes[i]
		if found := standing[change.Key]; !change.Any && found != change.Expect {
			return fmt.Errorf("%s: expected revision %d, found %d: %w", change.Key, change.Expect, found, services.ErrRevision)
		}
	}
	return nil
}

func (g *group) apply(changes []services.Change, standing map[string]uint64) {
	for i := range changes {
		change := &changes[i]
		if change.Delete && standing[change.Key] == 0 {
			continue
		}
		g.revision++
		entry := services.Entry{Key: change.Key, Revision: g.revision, Deleted: change.Delete}
		if change.Delete {
			delete(standing, change.Key)
		} else {
			standing[change.Key], entry.Value = entry.Revision, change.Value
		}
		g.changed = append(g.changed, entry)
	}
}

// outcome returns what the transaction has to write: the last change of each key.
func (g *group) outcome() (puts []services.Entry, deletes []string) {
	last := make(map[string]int, len(g.changed))
	for i := range g.changed {
		last[g.changed[i].Key] = i
	}
	for i, entry := range g.changed {
		switch {
		case last[entry.Key] != i:
		case entry.Deleted:
			deletes = append(deletes, entry.Key)
		default:
			puts = append(puts, entry)
		}
	}
	return puts, deletes
}

// size is about how many bytes the group adds to the log.
func (g *group) size() int {
	const page = 4096
	size := page
	for i := range g.changed {
		size += page + len(g.changed[i].Value)
	}
	return size
}
