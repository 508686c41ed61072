package libvirt

import (
	"context"

	"github.com/digitalocean/go-libvirt"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
)

// Measure implements vendormodules.Meter. What does not run has no measurements of its running.
func (m *Module) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	where, read, err := m.locate(id)
	var values []value
	if err == nil {
		values, err = where.measure(ctx, read)
	}
	if err != nil {
		return nil, failed("measure", id, err)
	}
	now := m.now().UTC()
	measurements := make([]sla.Measurement, 0, len(values))
	for _, one := range values {
		measurements = append(measurements, sla.Measurement{Metric: one.metric, Value: one.value, At: now})
	}
	return measurements, nil
}

type value struct {
	metric string
	value  float64
}

func (h *host) measure(ctx context.Context, of id) ([]value, error) {
	switch of.kind {
	case descriptors.Compute:
		found, err := h.machine(ctx, of.key)
		if err != nil || !found.active() {
			return nil, err
		}
		var values []value
		err = h.call(ctx, func(daemon *libvirt.Libvirt) (err error) {
			values, err = measureMachine(daemon, found)
			return err
		})
		return values, err
	case descriptors.Network:
		_, err := h.network(ctx, of.key)
		return nil, err
	}
	found, err := h.volume(ctx, of)
	if err != nil {
		return nil, err
	}
	var values []value
	err = h.call(ctx, func(daemon *libvirt.Libvirt) error {
		_, capacity, allocated, err := daemon.StorageVolGetInfo(found.volume)
		values = []value{{"size-bytes", float64(capacity)}, {"used-bytes", float64(allocated)}}
		return err
	})
	return values, err
}

// measureMachine measures a machine that runs. What its driver cannot tell is left out.
func measureMachine(daemon *libvirt.Libvirt, of machine) ([]value, error) {
	_, _, given, _, processor, err := daemon.DomainGetInfo(of.domain)
	if err != nil {
		return nil, err
	}
	memory := float64(given * 1024)
	stats, err := daemon.DomainMemoryStats(of.domain, uint32(libvirt.DomainMemoryStatNr), 0)
	if err = tolerate(err); err != nil {
		return nil, err
	}
	tags := map[int32]uint64{}
	for _, one := range stats {
		tags[one.Tag] = one.Val
	}
	available, tellsAvailable := tags[int32(libvirt.DomainMemoryStatAvailable)]
	usable, tellsUsable := tags[int32(libvirt.DomainMemoryStatUsable)]
	if tellsAvailable && tellsUsable && usable <= available {
		memory = float64(available-usable) * 1024
	}
	values := []value{{"cpu-seconds", float64(processor) / 1e9}, {"memory-bytes", memory}}
	moved, err := measureDevices(daemon, of)
	return append(values, moved...), err
}

// measureDevices sums up what went through the disks and the network cards of a machine.
func measureDevices(daemon *libvirt.Libvirt, of machine) ([]value, error) {
	var read, written, received, sent int64
	for _, disk := range of.definition.Devices.Disks {
		if disk.Target == nil {
			continue
		}
		_, in, _, out, _, err := daemon.DomainBlockStats(of.domain, disk.Target.Dev)
		if err = tolerate(err); err != nil {
			return nil, err
		}
		read, written = read+max(in, 0), written+max(out, 0)
	}
	for _, card := range of.definition.Devices.Interfaces {
		if card.Target == nil {
			continue
		}
		in, _, _, _, out, _, _, _, err := daemon.DomainInterfaceStats(of.domain, card.Target.Dev)
		if err = tolerate(err); err != nil {
			return nil, err
		}
		received, sent = received+max(in, 0), sent+max(out, 0)
	}
	return []value{
		{"disk-read-bytes", float64(read)}, {"disk-written-bytes", float64(written)},
		{"network-received-bytes", float64(received)}, {"network-sent-bytes", float64(sent)},
	}, nil
}

// tolerate is an error unless it says that the driver cannot tell, or that the machine went off meanwhile.
func tolerate(err error) error {
	if answers(err, libvirt.ErrNoSupport, libvirt.ErrOperationUnsupported, libvirt.ErrOperationInvalid) {
		return nil
	}
	return err
}
