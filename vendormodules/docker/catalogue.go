package docker

import (
	"context"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// Flavors implements vendormodules.Catalogue. A container may be of any size that a host has; these are doublings.
func (m *Module) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	shelves, _, err := m.shelves.Get(ctx)
	if err != nil {
		return nil, failed(err, "list flavors")
	}
	largest := make([]vendormodules.Usage, 0, len(shelves))
	for _, one := range shelves {
		largest = append(largest, one.largest)
	}
	return m.configuration.Prices.Doublings(largest)
}

// Images implements vendormodules.Catalogue: those that the hosts have, and those of the configuration that they may pull.
func (m *Module) Images(ctx context.Context) ([]vendormodules.Image, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	shelves, _, err := m.shelves.Get(ctx)
	if err != nil {
		return nil, failed(err, "list images")
	}
	return catalogue.ByName(m.configuration.available(shelves, "")), nil
}
