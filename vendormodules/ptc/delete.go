package ptc

import (
	"context"
	"fmt"

	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// Delete implements vendormodules.Module. It returns when the resource is gone; when it ends before, the resource is
// shown as deleting and another Delete goes on.
func (m *Module) Delete(ctx context.Context, id string) error {
	of, end, err := m.hold(ctx, id)
	if err == nil {
		defer end()
		err = m.remove(ctx, of)
	}
	if err != nil {
		return fmt.Errorf("ptc: delete %s: %w", id, err)
	}
	return nil
}

func (m *Module) remove(ctx context.Context, of record.Record) error {
	if !of.Deleting {
		if err := m.ledger.retire(of); err != nil {
			return err
		}
		of.Deleting = true
		if err := m.at(of.Key).Write(of); err != nil {
			return err
		}
	}
	if kept(of) {
		if err := m.launcher.Stop(ctx, m.at(of.Key)); err != nil {
			return err
		}
	}
	if err := m.settleVolumes(of); err != nil {
		return err
	}
	if err := m.clear(of.Key); err != nil {
		return err
	}
	m.ledger.release(of.Key)
	m.usage.forget(of.Key)
	return nil
}
