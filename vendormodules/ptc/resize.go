package ptc

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	"github.com/cloud-agency/agency/vendormodules/ptc/keeper"
	"github.com/cloud-agency/agency/vendormodules/ptc/limits"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

var _ vendormodules.Resizer = (*Module)(nil)

// Resize implements vendormodules.Resizer. A machine has its new bounds at once, as far as machines are limited here at
// all, and goes on; one that uses more memory than it is to have must be stopped first. A volume, attached or not, has
// another size to be warned about.
func (m *Module) Resize(ctx context.Context, id string, class descriptors.Class) error {
	of, end, err := m.hold(ctx, id)
	if err == nil {
		defer end()
		switch of.Class.Type {
		case descriptors.Compute:
			err = m.resizeMachine(of, class.WithDefaults())
		case descriptors.Volume:
			err = m.resizeVolume(of, class)
		default:
			err = fmt.Errorf("a %s has no size to change: %w", of.Class.Type, vendormodules.ErrUnsupported)
		}
	}
	if err != nil {
		return fmt.Errorf("ptc: resize %s: %w", id, err)
	}
	return nil
}

// resizeMachine sets the bounds before it writes them down: a repeat does what a crash in between left undone.
func (m *Module) resizeMachine(of record.Record, class descriptors.Class) error {
	if err := m.steady(of, descriptors.Compute); err != nil {
		return err
	}
	of.Class.Cores, of.Class.Memory = class.Cores, class.Memory
	if refusal := m.refuseMachine(of.Class); refusal != nil {
		return fmt.Errorf("%w: %w", *refusal, vendormodules.ErrUnsupported)
	}
	status, alive, err := keeper.Look(m.at(of.Key))
	switch {
	case err != nil:
		return err
	case alive && status.Phase == record.Starting:
		return fmt.Errorf("it is starting: %w", vendormodules.ErrConflict)
	case alive:
		err = limits.Adjust(status.Groups, limits.Bounds{Memory: class.Memory, Cores: class.Cores})
	}
	if errors.Is(err, limits.ErrInUse) {
		return fmt.Errorf("stop it first: %w: %w", err, vendormodules.ErrConflict)
	}
	if err != nil {
		return err
	}
	return m.at(of.Key).Write(of)
}

func (m *Module) resizeVolume(of record.Record, class descriptors.Class) error {
	if err := m.steady(of, descriptors.Volume); err != nil {
		return err
	}
	switch {
	case class.Size < of.Class.Size:
		return fmt.Errorf("it has %s and does not shrink to %s: %w", of.Class.Size, class.Size, vendormodules.ErrUnsupported)
	case class.Size > m.capacity.Storage:
		refusal := catalogue.TooLarge("size", class.Size.String(), m.capacity.Storage.String())
		return fmt.Errorf("%w: %w", *refusal, vendormodules.ErrUnsupported)
	}
	of.Class.Size = class.Size
	return m.at(of.Key).Write(of)
}
