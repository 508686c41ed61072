package docker

import (
	"context"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// Flavors implements vendormodules.Catalogue. A container may be of any size that a host has; these are doublings.
func (m *Module) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	shelves, err := m.stock(ctx, "list flavors")
	if err != nil {
		return nil, err
	}
	largest := make([]vendormodules.Usage, 0, len(shelves))
	for _, one := range shelves {
		largest = append(largest, one.largest)
	}
	return m.configuration.Prices.Doublings(largest)
}

// Images implements vendormodules.Catalogue: those that the hosts have, and those of the configuration that they may pull.
func (m *Module) Images(ctx context.Context) ([]vendormodules.Image, error) {
	shelves, err := m.stock(ctx, "list images")
	if err != nil {
		return nil, err
	}
	return catalogue.ByName(m.configuration.available(shelves, "")), nil
}
