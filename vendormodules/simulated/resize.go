package simulated

import (
	"context"
	"fmt"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Resize implements vendormodules.Resizer, at once and whether a machine runs or a volume is attached: it is a matter of
// what they take of the account. A machine has the flavor that a new one would have.
func (m *Module) Resize(ctx context.Context, id string, class descriptors.Class) error {
	return m.call(ctx, opResize, id, func(now time.Time) error {
		found, err := m.account.find(id, now)
		if err != nil {
			return err
		}
		if state := found.state(now); state != vendormodules.ResourceRunning && state != vendormodules.ResourceStopped {
			return fmt.Errorf("%s %s is %s: %w", found.Type, id, state, vendormodules.ErrConflict)
		}
		if found.Type != descriptors.Compute && found.Type != descriptors.Volume {
			return fmt.Errorf("a %s has no size to change: %w", found.Type, vendormodules.ErrUnsupported)
		}
		if found.Type == descriptors.Volume && class.Size < found.Use.Storage {
			return fmt.Errorf("volume %s has %s and does not shrink to %s: %w", id, found.Use.Storage, class.Size, vendormodules.ErrUnsupported)
		}
		class.Type = found.Type
		wanted, refusal := m.configuration.size(class)
		if refusal != nil {
			return fmt.Errorf("%w: %w", refusal, vendormodules.ErrUnsupported)
		}
		difference := wanted.use.Plus(found.Use.Times(-1))
		if err := m.room(difference); err != nil {
			return err
		}
		m.account.used = m.account.used.Plus(difference)
		found.Use = wanted.use
		m.account.changed[id] = true
		return nil
	})
}
