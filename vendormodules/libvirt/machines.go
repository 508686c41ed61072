package libvirt

import (
	"context"
	"errors"

	"github.com/digitalocean/go-libvirt"

	"github.com/cloud-agency/agency/vendormodules"
)

// createMachine defines a machine under its key, so that it is listed before anything is made for it, then makes its
// disks, and starts it. A repeat goes on where the earlier one ended.
func (m *Module) createMachine(ctx context.Context, of label, request vendormodules.Request) (vendormodules.Resource, error) {
	where, err := m.earlier(ctx, of)
	if err == nil && where == nil {
		where, err = m.place(ctx, of, request)
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	found, err := where.machine(ctx, of.Key)
	if err != nil && !errors.Is(classify(err), vendormodules.ErrNotFound) {
		return vendormodules.Resource{}, err
	}
	if err != nil || !found.metadata.Complete {
		if err := m.build(ctx, where, of, request, err == nil); err != nil {
			return vendormodules.Resource{}, err
		}
	}
	return m.show(ctx, where, id{where.name, of.Type, of.Key})
}

// build makes everything of a machine that is not there yet, and starts it.
func (m *Module) build(ctx context.Context, where *host, of label, request vendormodules.Request, defined bool) error {
	plan, err := m.plan(ctx, where, of, request)
	if err != nil {
		return err
	}
	if !defined {
		text, err := plan.define()
		if err != nil {
			return err
		}
		err = where.call(ctx, func(daemon *libvirt.Libvirt) error {
			_, err := daemon.DomainDefineXMLFlags(text, 0)
			return err
		})
		if err != nil {
			return err
		}
	}
	if m.filters() { // from its first breath on
		if err := m.letIn(ctx, of.Tags.Deployment); err != nil {
			return err
		}
	}
	if err := where.makeDisks(ctx, plan); err != nil {
		return err
	}
	return where.begin(ctx, plan.metadata)
}

// begin starts a machine for the first time, and then says that everything of it is there.
func (h *host) begin(ctx context.Context, of metadata) error {
	of.Complete = true
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		domain, err := daemon.DomainLookupByUUID(uuid(of.Key))
		if err != nil {
			return err
		}
		return start(daemon, domain)
	})
	if err != nil {
		return err
	}
	found, err := h.machine(ctx, of.Key)
	if err != nil {
		return err
	}
	return h.note(ctx, found, of)
}

// note keeps something with a machine.
func (h *host) note(ctx context.Context, at machine, of metadata) error {
	encoded, err := of.encode()
	if err != nil {
		return err
	}
	return h.call(ctx, func(daemon *libvirt.Libvirt) error {
		return daemon.DomainSetMetadata(at.domain, int32(libvirt.DomainMetadataElement), libvirt.OptString{encoded},
			libvirt.OptString{metadataPrefix}, libvirt.OptString{metadataURI}, libvirt.DomainModificationImpact(at.affected()))
	})
}

// start starts a domain unless it runs.
func start(daemon *libvirt.Libvirt, domain libvirt.Domain) error {
	state, _, err := daemon.DomainGetState(domain, 0)
	if err != nil {
		return err
	}
	switch libvirt.DomainState(state) {
	case libvirt.DomainShutoff, libvirt.DomainCrashed:
		_, err = daemon.DomainCreateWithFlags(domain, 0)
	case libvirt.DomainPaused:
		err = daemon.DomainResume(domain)
	}
	if answers(err, libvirt.ErrOperationInvalid) { // by somebody else, meanwhile
		return nil
	}
	return err
}
