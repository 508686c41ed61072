package libvirt

import (
	"context"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// Start implements vendormodules.Power.
func (m *Module) Start(ctx context.Context, id string) error {
	return m.power(ctx, "start", id, func(where *host, of machine) error {
		m.stops.forget(id)
		return where.call(ctx, func(daemon *libvirt.Libvirt) error { return start(daemon, of.domain) })
	})
}

// Stop implements vendormodules.Power. The machine is asked to power off by ACPI, and made to if it has not within the
// time that the configuration says.
func (m *Module) Stop(ctx context.Context, id string) error {
	return m.power(ctx, "stop", id, func(where *host, of machine) error {
		if !of.active() {
			return nil
		}
		err := where.call(ctx, func(daemon *libvirt.Libvirt) error {
			err := daemon.DomainShutdownFlags(of.domain, 0)
			if answers(err, libvirt.ErrNoSupport) {
				err = daemon.DomainDestroyFlags(of.domain, 0)
			}
			return err
		})
		if answers(err, libvirt.ErrOperationInvalid) { // it went off meanwhile
			return nil
		}
		if err == nil {
			m.stops.expect(id, time.Duration(m.configuration.StopWithin), func(ctx context.Context) {
				_ = where.end(ctx, of) // that it is gone is as good
			})
		}
		return err
	})
}

// Reboot implements vendormodules.Power. One that is stopped is started.
func (m *Module) Reboot(ctx context.Context, id string) error {
	return m.power(ctx, "reboot", id, func(where *host, of machine) error {
		m.stops.forget(id)
		return where.call(ctx, func(daemon *libvirt.Libvirt) error {
			if !of.active() {
				return start(daemon, of.domain)
			}
			return daemon.DomainReboot(of.domain, 0)
		})
	})
}

func (m *Module) power(ctx context.Context, doing, id string, do func(where *host, of machine) error) error {
	where, read, err := m.locateMachine(id)
	if err == nil {
		err = m.withMachine(ctx, where, read.key, do)
	}
	if err != nil {
		return failed(doing, id, err)
	}
	return nil
}

// withMachine does something to a machine while nothing else happens to it.
func (m *Module) withMachine(ctx context.Context, where *host, key string, do func(where *host, of machine) error) error {
	unlock, err := m.busy.lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	found, err := where.machine(ctx, key)
	if err != nil {
		return err
	}
	return do(where, found)
}
