package libvirt

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// Flavors implements vendormodules.Catalogue. Machines may be of any size that a host has; these are doublings, up to the
// largest host's.
func (m *Module) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	var flavors []vendormodules.Flavor
	for _, one := range m.hosts {
		known, _, err := one.facts.Get(ctx)
		if err != nil {
			return nil, failed("list flavors of", one.name, err)
		}
		for cores := 1; cores <= known.cores; cores *= 2 {
			for memory := 512 * quantity.MiB; memory <= quantity.Bytes(known.memory); memory *= 2 {
				flavors = append(flavors, flavor(descriptors.Class{Type: descriptors.Compute, Cores: cores, Memory: memory}))
			}
		}
	}
	for index, one := range flavors {
		price, err := m.configuration.Prices.Machine(one)
		if err != nil {
			return nil, failed("price", one.Name, err)
		}
		flavors[index].Price = price
	}
	slices.SortFunc(flavors, func(a, b vendormodules.Flavor) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(flavors), nil
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
	slices.SortFunc(images, func(a, b catalogue.Image) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return slices.Compact(images), nil
}
