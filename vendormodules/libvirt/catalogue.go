package libvirt

import (
	"cmp"
	"context"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// Flavors implements vendormodules.Catalogue. Machines may be of any size that a host has; these are doublings, up to the
// largest host's.
func (m *Module) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	var largest []vendormodules.Usage
	for _, one := range m.hosts {
		known, _, err := one.facts.Get(ctx)
		if err != nil {
			return nil, failed("list flavors of", one.name, err)
		}
		largest = append(largest, vendormodules.Usage{Cores: known.cores, Memory: quantity.Bytes(known.memory)})
	}
	return m.configuration.Prices.Doublings(largest)
}

// Images implements vendormodules.Catalogue: those that lie in the hosts' pools, and the kernels of the configuration.
func (m *Module) Images(ctx context.Context) ([]vendormodules.Image, error) {
	var images []catalogue.Image
	for _, one := range m.hosts {
		found, err := one.images(ctx)
		if err != nil {
			return nil, failed("list images of", one.name, err)
		}
		images = append(images, found...)
	}
	for name, one := range m.configuration.Kernels {
		images = append(images, catalogue.Image{
			ID: name, Name: name, Architecture: cmp.Or(one.Architecture, descriptors.DefaultArchitecture),
		})
	}
	return catalogue.ByName(images), nil
}
