package simulated

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

const (
	kindName = "simulated"
	// version of the module.
	version = "1"
)

// Kind is the module's kind.
func Kind() vendormodules.Kind {
	return vendormodules.Kind{
		Name: kindName,
		New: func(_ context.Context, node *yaml.Node, environment vendormodules.Environment) (vendormodules.Module, error) {
			return New(node, environment, nil)
		},
	}
}

var (
	_ vendormodules.Module   = (*Module)(nil)
	_ vendormodules.Power    = (*Module)(nil)
	_ vendormodules.Attacher = (*Module)(nil)
	_ vendormodules.Balancer = (*Module)(nil)
	_ vendormodules.Meter    = (*Module)(nil)
	_ vendormodules.Console  = (*Module)(nil)

	_ vendormodules.Snapshotter = (*Module)(nil)
	_ vendormodules.Imager      = (*Module)(nil)
	_ vendormodules.Resizer     = (*Module)(nil)
	_ vendormodules.Executor    = (*Module)(nil)
	_ vendormodules.Files       = (*Module)(nil)
	_ vendormodules.Catalogue   = (*Module)(nil)
)

// Module is an account of a cloud made of numbers. One module at a time may be open on a store.
type Module struct {
	configuration configuration
	vendor        string
	agency        string
	store         services.Store
	now           func() time.Time
	wait          Wait
	chance        *chance
	account       *account
	closed        atomic.Bool

	// requests are those that balancers served since the module was opened. The account's mutex guards them.
	requests map[string]uint64
}

// New makes a module whose account is what the environment's store holds, which is read at the first call. Its clock is
// the environment's; wait is how time passes for a call, by a timer if it is nil.
func New(node *yaml.Node, environment vendormodules.Environment, wait Wait) (*Module, error) {
	configuration, err := configure(node)
	if err != nil {
		return nil, err
	}
	if environment.Store == nil {
		return nil, errors.New("simulated: a store is required: it is what the cloud is made of")
	}
	if environment.Now == nil {
		environment.Now = time.Now
	}
	if wait == nil {
		wait = realWait
	}
	m := &Module{
		configuration: configuration, vendor: environment.Vendor, agency: environment.Agency, store: environment.Store,
		now: environment.Now, wait: wait, chance: newChance(configuration.Seed),
		account: newAccount(environment.Store, environment.Now), requests: map[string]uint64{},
	}
	m.account.ended = func(gone *record) {
		delete(m.requests, gone.ID)
		m.chance.forget(gone.ID)
		m.chance.forget(gone.Key)
	}
	return m, nil
}

// Describe implements vendormodules.Module.
func (m *Module) Describe() vendormodules.Description {
	c := m.configuration
	return vendormodules.Description{
		Kind: kindName, Version: version, Region: c.Region, Country: c.Country, Types: slices.Clone(c.Types),
		Images: slices.Clone([]string(c.Images)), Isolation: c.Isolation, CreateToken: *c.CreateToken, Settle: *c.Settle,
		Public: map[descriptors.ResourceType][]sla.Public{
			descriptors.Compute: {sla.PublicAlways}, descriptors.LoadBalancer: {sla.PublicAlways},
		},
		Notes: []string{warning},
	}
}

var errClosed = errors.New("the module is closed")

// call lets chance decide on a call and does its work on the account, at a moment. The subject is what the call is
// about: an id, or the key of a create.
func (m *Module) call(ctx context.Context, name operation, subject string, work func(now time.Time) error) error {
	if err := m.attempt(ctx, name, subject, work); err != nil {
		return fmt.Errorf("simulated: %s %s: %w", name, subject, err)
	}
	return nil
}

func (m *Module) attempt(ctx context.Context, name operation, subject string, work func(now time.Time) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.closed.Load() {
		return errClosed
	}
	opened, err := m.account.open(ctx, m.store)
	if err != nil {
		return err
	}
	decided := m.configuration.fateOf(name, m.chance.next(name, subject, opened.Openings))
	if err := m.pause(ctx, decided.latency); err != nil {
		return err
	}
	if decided.failure != nil && !decided.lost {
		return fmt.Errorf("by chance: %w", decided.failure)
	}
	m.account.mutex.Lock()
	now := m.now().UTC()
	m.account.pass(now)
	err = work(now)
	m.account.pass(now)
	m.account.mutex.Unlock()
	if err != nil {
		return err
	}
	// A price shows nothing of what exists, and need not wait until that is written down.
	if name != opQuote && name != opCapacity {
		if err := m.account.save(ctx, m.store); err != nil {
			return err
		}
	}
	if decided.lost {
		if err := m.pause(ctx, decided.lostAfter); err != nil {
			return err
		}
		return fmt.Errorf("the answer was lost, by chance: %w", decided.failure)
	}
	return nil
}

func (m *Module) pause(ctx context.Context, length time.Duration) error {
	if length == 0 {
		return nil
	}
	return m.wait(ctx, length)
}

// Get implements vendormodules.Module.
func (m *Module) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	var shown vendormodules.Resource
	err := m.call(ctx, opGet, id, func(now time.Time) error {
		found, err := m.account.find(id, now)
		if err == nil {
			shown = found.resource(now)
		}
		return err
	})
	return shown, err
}

// List implements vendormodules.Module. It is as late as the configuration wants.
func (m *Module) List(ctx context.Context) ([]vendormodules.Resource, error) {
	var shown []vendormodules.Resource
	err := m.call(ctx, opList, "resources", func(now time.Time) error {
		for _, one := range m.account.records {
			if one.listed(now) && one.Tags.Agency == m.agency {
				shown = append(shown, one.resource(now))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(shown, func(one, other vendormodules.Resource) int {
		if order := one.Created.Compare(other.Created); order != 0 {
			return order
		}
		return strings.Compare(one.ID, other.ID)
	})
	return shown, nil
}

// Delete implements vendormodules.Module.
func (m *Module) Delete(ctx context.Context, id string) error {
	return m.call(ctx, opDelete, id, func(now time.Time) error {
		doomed, err := m.account.find(id, now)
		if err != nil || !doomed.Deleted.IsZero() {
			return err
		}
		if count := m.account.holders[id]; count > 0 {
			return fmt.Errorf("%s %s is in use by %d others: %w", doomed.Type, id, count, vendormodules.ErrConflict)
		}
		life := m.chance.next(opLife, doomed.Key, m.account.book.Openings)
		doomed.Deleted = now
		doomed.Gone = now.Add(m.configuration.Deletion.draw(life))
		doomed.Unlisted = doomed.Gone.Add(m.configuration.Listing.Lingers.draw(life))
		m.account.leaving[id], m.account.changed[id] = false, true
		return nil
	})
}

// Close implements vendormodules.Module.
func (m *Module) Close() error {
	m.closed.Store(true)
	return nil
}
