package simulated

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// Flavors implements vendormodules.Catalogue. Prices are those of the moment.
func (m *Module) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	var flavors []vendormodules.Flavor
	err := m.call(ctx, opFlavors, "account", func(now time.Time) error {
		for _, one := range m.configuration.Flavors {
			price, err := m.configuration.priceAt(one.Price.PerHour, now, now.Sub(m.account.book.Opened))
			if err != nil {
				return err
			}
			flavors = append(flavors, vendormodules.Flavor{
				ID: one.Name, Name: one.Name, Cores: one.Cores, Memory: one.Memory, Price: quantity.Rate{PerHour: price},
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(flavors, func(one, other vendormodules.Flavor) int { return strings.Compare(one.Name, other.Name) })
	return flavors, nil
}

// Images implements vendormodules.Catalogue.
func (m *Module) Images(ctx context.Context) ([]vendormodules.Image, error) {
	var images []vendormodules.Image
	err := m.call(ctx, opImages, "account", func(time.Time) error {
		for _, name := range slices.Sorted(slices.Values(m.configuration.Images)) {
			images = append(images, vendormodules.Image{ID: name, Name: name})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return images, nil
}
