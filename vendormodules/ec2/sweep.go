package ec2

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/vendormodules"
)

// sweep deletes what is no resource and nothing needs any more, after a complete listing that began when creations were at
// that count. What could not be deleted is looked for again at the next listing.
func (m *Module) sweep(ctx context.Context, listed []vendormodules.Resource, creations int64) {
	if !m.unswept.Load() {
		return
	}
	if err := m.holdGroups(ctx); err != nil {
		return
	}
	defer m.releaseGroups()
	if m.creations.Load() != creations {
		return // the listing knows nothing of what was created meanwhile
	}
	going := slices.ContainsFunc(listed, func(one vendormodules.Resource) bool { return one.State == vendormodules.ResourceDeleting })
	listed = slices.Concat(listed, m.youngOnes()) // what the listing may not show yet
	pending, err := m.releaseAddresses(ctx, listed)
	err = errors.Join(err, m.deleteTargetGroups(ctx, listed), m.deleteGroups(ctx, listed))
	m.unswept.Store(going || pending || err != nil)
	if err == nil || ctx.Err() != nil {
		return
	}
	if said := err.Error(); said != m.unsweepable {
		m.unsweepable = said
		m.environment.Log.Warn("something that nothing needs is still there", zap.Error(err))
	}
}
