package ptc

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/balancer"
	"github.com/cloud-agency/agency/vendormodules/ptc/keeper"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"

	"github.com/cloud-agency/agency/descriptors"
)

// Start implements vendormodules.Power; a balancer that was lost with its host can be started too.
func (m *Module) Start(ctx context.Context, id string) error {
	return m.power(ctx, "start", id, m.launch)
}

// Stop implements vendormodules.Power. It returns when everything has ended.
func (m *Module) Stop(ctx context.Context, id string) error {
	return m.power(ctx, "stop", id, m.halt)
}

// Reboot implements vendormodules.Power.
func (m *Module) Reboot(ctx context.Context, id string) error {
	return m.power(ctx, "reboot", id, func(ctx context.Context, of record.Record) error {
		if err := m.halt(ctx, of); err != nil {
			return err
		}
		return m.launch(ctx, of)
	})
}

func (m *Module) halt(ctx context.Context, of record.Record) error {
	return m.launcher.Stop(ctx, m.at(of.Key))
}

func (m *Module) power(ctx context.Context, verb, id string, act func(context.Context, record.Record) error) error {
	of, end, err := m.hold(ctx, id)
	if err == nil {
		defer end()
		switch {
		case !kept(of):
			err = fmt.Errorf("a %s has no power: %w", of.Class.Type, vendormodules.ErrUnsupported)
		default:
			if err = m.steady(of, of.Class.Type); err == nil {
				err = act(ctx, of)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("ptc: %s %s: %w", verb, id, err)
	}
	return nil
}

// SetTargets implements vendormodules.Balancer. The targets are durable before the balancer hears of them.
func (m *Module) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	of, end, err := m.hold(ctx, id)
	if err == nil {
		defer end()
		err = m.setTargets(ctx, of, targets)
	}
	if err != nil {
		return fmt.Errorf("ptc: set targets of %s: %w", id, err)
	}
	return nil
}

func (m *Module) setTargets(ctx context.Context, of record.Record, targets []vendormodules.Target) error {
	if err := m.steady(of, descriptors.LoadBalancer); err != nil {
		return err
	}
	before := of.Targets
	of.Targets = targets
	if err := m.at(of.Key).Write(of); err != nil {
		return err
	}
	status, alive, err := keeper.Look(m.at(of.Key))
	if err != nil || !alive || status.Phase != record.Running {
		return err // it reads them when it starts
	}
	switch err := balancer.Reload(ctx, m.at(of.Key), balancer.Patience); {
	case errors.Is(err, balancer.ErrNeeded):
		of.Targets = before
		return errors.Join(fmt.Errorf("%w: %w", err, vendormodules.ErrConflict), m.at(of.Key).Write(of))
	case err != nil:
		return fmt.Errorf("%w: %w", err, vendormodules.ErrTransient)
	}
	return nil
}
