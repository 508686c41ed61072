package libvirt

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// Quote implements vendormodules.Module. A machine may have any size up to that of the largest host.
func (m *Module) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	if refusal := m.configuration.Refuse(class, true); refusal != nil {
		return vendormodules.Quote{}, *refusal
	}
	if err := m.fits(ctx, class); err != nil {
		var refusal sla.Refusal
		if errors.As(err, &refusal) {
			return vendormodules.Quote{}, refusal
		}
		return vendormodules.Quote{}, failed("quote", string(class.Type), err)
	}
	sized := class.WithDefaults()
	return m.configuration.Quote(class, catalogue.Sized(sized.Cores, sized.Memory))
}

// fits refuses what no host can serve.
func (m *Module) fits(ctx context.Context, class descriptors.Class) error {
	var images []catalogue.Image
	var most vendormodules.Usage
	var architecture error
	for _, one := range m.hosts {
		known, _, err := one.facts.Get(ctx)
		if err != nil {
			return err
		}
		most.Cores, most.Memory = max(most.Cores, known.cores), max(most.Memory, quantity.Bytes(known.memory))
		most.Storage = max(most.Storage, quantity.Bytes(known.storage))
		if !class.Type.RunsMachines() {
			continue
		}
		if _, err := known.platform(class.Architecture, m.configuration.Virtualization); err != nil {
			architecture = cmp.Or(architecture, err)
		}
		found, err := one.images(ctx)
		if err != nil {
			return err
		}
		images = append(images, found...)
	}
	if class.Type.RunsMachines() {
		return m.machineFits(class, most, images, architecture)
	}
	if class.Type == descriptors.Volume && class.Size > most.Storage {
		return *catalogue.TooLarge("size", class.Size.String(), most.Storage.String())
	}
	return nil
}

func (m *Module) machineFits(class descriptors.Class, most vendormodules.Usage, images []catalogue.Image, architecture error) error {
	class = class.WithDefaults()
	switch {
	case architecture != nil:
		return sla.Refusal{Code: sla.RefusedUnsupported, Message: architecture.Error()}
	case class.Cores > most.Cores:
		return *catalogue.TooLarge("cores", strconv.Itoa(class.Cores), strconv.Itoa(most.Cores))
	case class.Memory > most.Memory:
		return *catalogue.TooLarge("memory", class.Memory.String(), most.Memory.String())
	}
	if _, direct, err := m.configuration.kernel(class); direct {
		if err != nil {
			return sla.Refusal{Code: sla.RefusedUnsupported, Message: err.Error()}
		}
		return nil
	}
	_, err := m.configuration.Resolve(class, images)
	return err
}

// Capacity implements vendormodules.Module: of all hosts together, or as configured.
func (m *Module) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	var all vendormodules.Usage
	for _, one := range m.hosts {
		known, _, err := one.facts.Get(ctx)
		if err != nil {
			return vendormodules.Usage{}, failed("capacity of", one.name, err)
		}
		all = all.Plus(vendormodules.Usage{
			Cores: known.cores * m.configuration.Overcommit, Memory: quantity.Bytes(known.memory), Storage: quantity.Bytes(known.storage),
		})
	}
	said := m.configuration.Capacity
	return vendormodules.Usage{
		Instances: cmp.Or(said.Instances, all.Instances), Cores: cmp.Or(said.Cores, all.Cores),
		Memory: cmp.Or(said.Memory, all.Memory), Storage: cmp.Or(said.Storage, all.Storage),
	}, nil
}
