package memory

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
	"github.com/cloud-agency/agency/vendormodules/services"
)

var (
	_ vendormodules.Module   = (*Module)(nil)
	_ vendormodules.Power    = (*Module)(nil)
	_ vendormodules.Attacher = (*Module)(nil)
	_ vendormodules.Balancer = (*Module)(nil)
	_ vendormodules.Meter    = (*Module)(nil)
	_ vendormodules.Console  = (*Module)(nil)
	_ vendormodules.Executor = (*Module)(nil)
	_ vendormodules.Files    = (*Module)(nil)

	_ vendormodules.Snapshotter       = (*Module)(nil)
	_ vendormodules.Imager            = (*Module)(nil)
	_ vendormodules.Resizer           = (*Module)(nil)
	_ vendormodules.CredentialChecker = (*Module)(nil)
)

// Start implements vendormodules.Power.
func (m *Module) Start(ctx context.Context, id string) error {
	return m.power(ctx, "start", id, vendormodules.ResourceRunning)
}

// Stop implements vendormodules.Power.
func (m *Module) Stop(ctx context.Context, id string) error {
	return m.power(ctx, "stop", id, vendormodules.ResourceStopped)
}

// Reboot implements vendormodules.Power.
func (m *Module) Reboot(ctx context.Context, id string) error {
	return m.power(ctx, "reboot", id, vendormodules.ResourceRunning)
}

func (m *Module) power(ctx context.Context, operation, id string, state vendormodules.ResourceState) error {
	return m.cloud.call(ctx, operation, func() error {
		machine, err := m.cloud.findType(id, descriptors.Compute)
		if err != nil {
			return err
		}
		switch machine.resource.State {
		case vendormodules.ResourceRunning, vendormodules.ResourceStopped:
			machine.resource.State = state
			return nil
		}
		return fmt.Errorf("machine %s is %s: %w", id, machine.resource.State, vendormodules.ErrConflict)
	})
}

// Attach implements vendormodules.Attacher.
func (m *Module) Attach(ctx context.Context, volume, machine, mount string) error {
	return m.cloud.call(ctx, "attach", func() error {
		found, err := m.cloud.findType(machine, descriptors.Compute)
		if err != nil {
			return err
		}
		if _, err := m.cloud.findType(volume, descriptors.Volume); err != nil {
			return err
		}
		found.mounts[volume] = mount
		return nil
	})
}

// Detach implements vendormodules.Attacher.
func (m *Module) Detach(ctx context.Context, volume, machine string) error {
	return m.cloud.call(ctx, "detach", func() error {
		found, err := m.cloud.findType(machine, descriptors.Compute)
		if err != nil {
			return err
		}
		if _, err := m.cloud.findType(volume, descriptors.Volume); err != nil {
			return err
		}
		delete(found.mounts, volume)
		return nil
	})
}

// SetTargets implements vendormodules.Balancer.
func (m *Module) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	return m.cloud.call(ctx, "set-targets", func() error {
		balancer, err := m.cloud.findType(id, descriptors.LoadBalancer)
		if err != nil {
			return err
		}
		balancer.targets = slices.Clone(targets)
		return nil
	})
}

// Measure implements vendormodules.Meter.
func (m *Module) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	var measured []sla.Measurement
	err := m.cloud.call(ctx, "measure", func() error {
		found, err := m.cloud.find(id)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		uptime := now.Sub(found.resource.Created).Seconds()
		measured = []sla.Measurement{{Metric: "uptime-seconds", Value: uptime, At: now}}
		return nil
	})
	return measured, err
}

// Console implements vendormodules.Console.
func (m *Module) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	var printed string
	err := m.cloud.call(ctx, "console", func() error {
		machine, err := m.cloud.findType(id, descriptors.Compute)
		if err != nil {
			return err
		}
		printed = machine.console.String()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader(printed)), nil
}

// Resize implements vendormodules.Resizer.
func (m *Module) Resize(ctx context.Context, id string, class descriptors.Class) error {
	return m.cloud.call(ctx, "resize", func() error {
		found, err := m.cloud.find(id)
		if err != nil {
			return err
		}
		switch {
		case found.resource.Type == descriptors.Compute:
			found.request.Class.Cores, found.request.Class.Memory = class.Cores, class.Memory
			return nil
		case found.resource.Type != descriptors.Volume:
			return fmt.Errorf("a %s has no size: %w", found.resource.Type, vendormodules.ErrUnsupported)
		case class.Size < found.resource.Size:
			return fmt.Errorf("volume %s has %s already: %w", id, found.resource.Size, vendormodules.ErrUnsupported)
		}
		found.request.Class.Size, found.resource.Size = class.Size, class.Size
		return nil
	})
}

// CheckCredential implements vendormodules.CredentialChecker.
func (m *Module) CheckCredential(ctx context.Context, scope services.Scope) error {
	return m.cloud.call(ctx, "check-credential", func() error {
		if m.cloud.locked {
			return fmt.Errorf("credential for %s: %w", scope, vendormodules.ErrAuthentication)
		}
		return nil
	})
}
