package libvirt

import (
	"context"
	"sync"
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
			m.stops.expect(id, time.Duration(m.configuration.StopWithin), func(ctx context.Context) { where.destroy(ctx, of) })
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

// destroy ends the run of a machine that has not ended it itself. That it has, or is gone, is as good.
func (h *host) destroy(ctx context.Context, of machine) {
	_ = h.call(ctx, func(daemon *libvirt.Libvirt) error { return daemon.DomainDestroyFlags(of.domain, 0) })
}

// stops are the machines that were asked to power off. The zero value is ready.
type stops struct {
	mutex   sync.Mutex
	pending map[string]*pendingStop
	running sync.WaitGroup
	closed  bool
}

type pendingStop struct{ cancel context.CancelFunc }

// expect lets something happen after a time, unless it is forgotten before. The first that is expected of a name counts.
func (s *stops) expect(name string, after time.Duration, do func(ctx context.Context)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, expected := s.pending[name]; expected || s.closed {
		return
	}
	if s.pending == nil {
		s.pending = map[string]*pendingStop{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	mine := &pendingStop{cancel}
	s.pending[name] = mine
	s.running.Go(func() {
		defer cancel()
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			do(ctx)
		case <-ctx.Done():
		}
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if s.pending[name] == mine {
			delete(s.pending, name)
		}
	})
}

func (s *stops) forget(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if one, expected := s.pending[name]; expected {
		one.cancel()
		delete(s.pending, name)
	}
}

// close forgets all and waits for what happens already.
func (s *stops) close() {
	s.mutex.Lock()
	s.closed = true
	for _, one := range s.pending {
		one.cancel()
	}
	s.mutex.Unlock()
	s.running.Wait()
}
