package libvirt

import (
	"context"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// settleEvery is how often a machine that powers off is looked at.
const settleEvery = 200 * time.Millisecond

// powerOff asks a machine to power off, waits for as long as a stop may take, and then ends it.
func (m *Module) powerOff(ctx context.Context, where *host, of machine) error {
	if !of.active() {
		return nil
	}
	err := where.call(ctx, func(daemon *libvirt.Libvirt) error { return daemon.DomainShutdownFlags(of.domain, 0) })
	if err != nil && !answers(err, libvirt.ErrOperationInvalid, libvirt.ErrNoSupport) {
		return err
	}
	within, cancel := context.WithTimeout(ctx, time.Duration(m.configuration.StopWithin))
	defer cancel()
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for {
		found, err := where.machine(within, of.metadata.Key)
		if err == nil && !found.active() {
			return nil
		}
		if err != nil && within.Err() == nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-within.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return where.end(ctx, of)
		}
	}
}

// end ends the run of a machine, as pulling its plug would.
func (h *host) end(ctx context.Context, of machine) error {
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error { return daemon.DomainDestroyFlags(of.domain, 0) })
	if answers(err, libvirt.ErrOperationInvalid) { // it has ended already
		return nil
	}
	return err
}

// hasVolumes says whether a machine has disks that outlive it.
func (m machine) hasVolumes() bool {
	if m.definition.Devices == nil {
		return false
	}
	for _, one := range m.definition.Devices.Disks {
		if strings.HasPrefix(one.Serial, serialPrefix) {
			return true
		}
	}
	return false
}

// deleteMachine ends a machine and removes what is its own, last of all its definition: until then it is listed.
func (m *Module) deleteMachine(ctx context.Context, where *host, of id) error {
	found, err := where.machine(ctx, of.key)
	if err != nil {
		return err
	}
	m.stops.forget(of.String())
	m.since.forget(of.String())
	if found.hasVolumes() { // what it has not written to them yet would be lost
		err = m.powerOff(ctx, where, found)
	} else if found.active() {
		err = where.end(ctx, found)
	}
	if err != nil {
		return err
	}
	if err := where.removeParts(ctx, of.key); err != nil {
		return err
	}
	err = where.call(ctx, func(daemon *libvirt.Libvirt) error {
		err := daemon.DomainUndefineFlags(found.domain, libvirt.DomainUndefineManagedSave|libvirt.DomainUndefineSnapshotsMetadata|
			libvirt.DomainUndefineCheckpointsMetadata|libvirt.DomainUndefineNvram)
		if answers(err, libvirt.ErrInvalidArg) { // a driver that has none of these
			err = daemon.DomainUndefineFlags(found.domain, 0)
		}
		if answers(err, libvirt.ErrNoDomain) { // by a repeat of the same delete
			return nil
		}
		return err
	})
	if err != nil || !m.lacks.has(rulesCapability) {
		return err
	}
	return m.sweepFilters(ctx, where)
}
