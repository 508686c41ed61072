package simulated

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// onMachine does work on a machine that is neither on its way in nor out.
func (m *Module) onMachine(ctx context.Context, name operation, id string, work func(machine *record, now time.Time) error) error {
	return m.call(ctx, name, id, func(now time.Time) error {
		machine, err := m.account.findType(id, descriptors.Compute, now)
		if err != nil {
			return err
		}
		switch state := machine.state(now); state {
		case vendormodules.ResourceRunning, vendormodules.ResourceStopped:
			m.account.changed[id] = true
			return work(machine, now)
		default:
			return fmt.Errorf("machine %s is %s: %w", id, state, vendormodules.ErrConflict)
		}
	})
}

// Start implements vendormodules.Power.
func (m *Module) Start(ctx context.Context, id string) error {
	return m.onMachine(ctx, opStart, id, func(machine *record, now time.Time) error {
		if !machine.Stopped.IsZero() {
			machine.Stopped, machine.Started = time.Time{}, now
		}
		return nil
	})
}

// Stop implements vendormodules.Power.
func (m *Module) Stop(ctx context.Context, id string) error {
	return m.onMachine(ctx, opStop, id, func(machine *record, now time.Time) error {
		if machine.Stopped.IsZero() {
			machine.Stopped = now
		}
		return nil
	})
}

// Reboot implements vendormodules.Power.
func (m *Module) Reboot(ctx context.Context, id string) error {
	return m.onMachine(ctx, opReboot, id, func(machine *record, now time.Time) error {
		machine.Stopped, machine.Started = time.Time{}, now
		return nil
	})
}

// Attach implements vendormodules.Attacher.
func (m *Module) Attach(ctx context.Context, volume, machine, mount string) error {
	return m.onMachine(ctx, opAttach, machine, func(user *record, now time.Time) error {
		if _, has := user.Volumes[volume]; !has {
			if err := m.mountable(volume, now); err != nil {
				return err
			}
			m.account.holders[volume]++
		}
		if user.Volumes == nil {
			user.Volumes = map[string]string{}
		}
		user.Volumes[volume] = mount
		return nil
	})
}

// Detach implements vendormodules.Attacher.
func (m *Module) Detach(ctx context.Context, volume, machine string) error {
	return m.onMachine(ctx, opDetach, machine, func(user *record, now time.Time) error {
		if _, err := m.account.findType(volume, descriptors.Volume, now); err != nil {
			return err
		}
		if _, has := user.Volumes[volume]; has {
			delete(user.Volumes, volume)
			m.account.release(volume)
		}
		return nil
	})
}

// SetTargets implements vendormodules.Balancer.
func (m *Module) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	return m.call(ctx, opSetTargets, id, func(now time.Time) error {
		balancer, err := m.account.findType(id, descriptors.LoadBalancer, now)
		if err != nil {
			return err
		}
		balancer.Targets = slices.Clone(targets)
		m.account.changed[id] = true
		return nil
	})
}

// Serve lets one request come to a balancer, and returns the target that it would have gone to, each in its turn.
func (m *Module) Serve(ctx context.Context, balancer string) (vendormodules.Target, error) {
	var target vendormodules.Target
	err := m.call(ctx, opAny, balancer, func(now time.Time) error {
		found, err := m.account.findType(balancer, descriptors.LoadBalancer, now)
		if err != nil {
			return err
		}
		if state := found.state(now); state != vendormodules.ResourceRunning || len(found.Targets) == 0 {
			return fmt.Errorf("balancer %s is %s and has %d targets: %w",
				balancer, state, len(found.Targets), vendormodules.ErrConflict)
		}
		m.requests[balancer]++
		target = found.Targets[m.requests[balancer]%uint64(len(found.Targets))]
		return nil
	})
	return target, err
}

// Measure implements vendormodules.Meter. What does not run has no measurements.
func (m *Module) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	var measured []sla.Measurement
	err := m.call(ctx, opMeasure, id, func(now time.Time) error {
		found, err := m.account.find(id, now)
		if err != nil || found.state(now) != vendormodules.ResourceRunning {
			return err
		}
		add := func(metric string, value float64) {
			measured = append(measured, sla.Measurement{Metric: metric, Value: value, At: now})
		}
		uptime := now.Sub(found.Started).Seconds()
		switch found.Type {
		case descriptors.Compute:
			add("cpu-seconds", uptime*found.Load*float64(found.Use.Cores))
			add("memory-bytes", float64(found.Use.Memory)*found.Load)
		case descriptors.LoadBalancer:
			add("requests", float64(m.requests[id]))
			add("targets", float64(len(found.Targets)))
			add("healthy-targets", float64(len(found.Targets)))
		case descriptors.Volume:
			add("size-bytes", float64(found.Use.Storage))
		case descriptors.Network:
			add("members", float64(m.account.holders[id]))
		}
		add("uptime-seconds", uptime)
		return nil
	})
	return measured, err
}

// Console implements vendormodules.Console: the commands that a real machine would run, one a line.
func (m *Module) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	var lines []string
	err := m.call(ctx, opConsole, id, func(now time.Time) error {
		machine, err := m.account.findType(id, descriptors.Compute, now)
		if err != nil || now.Before(machine.Runs) {
			return err
		}
		lines = append([]string{warning}, machine.Run...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader(strings.Join(lines, "\n"))), nil
}
