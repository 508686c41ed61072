package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Image is the one image that the cloud has.
const Image = "shell"

// Module is one agency's module on a Cloud.
type Module struct {
	cloud  *Cloud
	agency string
}

// Open opens a module for the resources that bear an agency's id.
func (c *Cloud) Open(agency string) *Module { return &Module{cloud: c, agency: agency} }

// Describe implements vendormodules.Module.
func (m *Module) Describe() vendormodules.Description {
	return vendormodules.Description{
		Kind: "memory", Version: "1", Region: "nowhere", Country: "GR",
		Types: []descriptors.ResourceType{
			descriptors.Compute, descriptors.LoadBalancer, descriptors.Network, descriptors.Volume,
		},
		Images: []string{Image}, CreateToken: true, Notes: []string{"nothing outlives the process"},
		Public: map[descriptors.ResourceType][]sla.Public{
			descriptors.Compute: {sla.PublicAlways}, descriptors.LoadBalancer: {sla.PublicAlways},
		},
	}
}

// microsPerHour is what one resource of a type costs, in micro-units of euro.
var microsPerHour = map[descriptors.ResourceType]int64{
	descriptors.Compute: 10_000, descriptors.LoadBalancer: 5_000, descriptors.Network: 1_000, descriptors.Volume: 2_000,
	descriptors.Snapshot: 500, descriptors.Image: 700,
}

// Quote implements vendormodules.Module.
func (m *Module) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	var quote vendormodules.Quote
	err := m.cloud.call(ctx, "quote", func() (err error) {
		quote, err = price(class)
		return err
	})
	return quote, err
}

func price(class descriptors.Class) (vendormodules.Quote, error) {
	micros, known := microsPerHour[class.Type]
	switch {
	case !known:
		return vendormodules.Quote{}, sla.Refusal{
			Code: sla.RefusedUnsupported, Message: fmt.Sprintf("there is no %s", class.Type),
		}
	case class.Type.RunsMachines() && class.Image != Image:
		return vendormodules.Quote{}, sla.Refusal{
			Code: sla.RefusedUnsupported, Message: fmt.Sprintf("there is no image %q", class.Image), Hint: "there is " + Image,
		}
	case len(class.Place.Country) > 0 && !slices.Contains(class.Place.Country, "GR"):
		return vendormodules.Quote{}, sla.Refusal{Code: sla.RefusedPlacement, Message: "it would run in GR"}
	}
	return vendormodules.Quote{
		Unit:         quantity.Rate{PerHour: quantity.Money{Micros: micros * int64(max(class.Cores, 1)), Currency: "EUR"}},
		Availability: 0.999, Use: vendormodules.Usage{Instances: 1, Cores: class.Cores},
	}, nil
}

// Capacity implements vendormodules.Module.
func (m *Module) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	err := m.cloud.call(ctx, "capacity", func() error { return nil })
	return vendormodules.Usage{Instances: 100, Cores: 100}, err
}

// Create implements vendormodules.Module.
func (m *Module) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	var created vendormodules.Resource
	err := m.cloud.call(ctx, "create", func() (err error) {
		created, err = m.cloud.add(request)
		return err
	})
	return created, err
}

// Get implements vendormodules.Module.
func (m *Module) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	var shown vendormodules.Resource
	err := m.cloud.call(ctx, "get", func() error {
		found, err := m.cloud.find(id)
		if err != nil {
			return err
		}
		var there bool
		if shown, there = m.cloud.look(found); !there {
			return fmt.Errorf("resource %s: %w", id, vendormodules.ErrNotFound)
		}
		return nil
	})
	return shown, err
}

// List implements vendormodules.Module.
func (m *Module) List(ctx context.Context) ([]vendormodules.Resource, error) {
	var listed []vendormodules.Resource
	err := m.cloud.call(ctx, "list", func() error {
		for _, record := range m.cloud.sorted() {
			if record.resource.Tags.Agency != m.agency {
				continue
			}
			if shown, there := m.cloud.look(record); there {
				listed = append(listed, shown)
			}
		}
		return nil
	})
	return listed, err
}

// Delete implements vendormodules.Module.
func (m *Module) Delete(ctx context.Context, id string) error {
	return m.cloud.call(ctx, "delete", func() error { return m.cloud.remove(id) })
}

// Close implements vendormodules.Module.
func (m *Module) Close() error { return nil }

// Flavors implements vendormodules.Catalogue.
func (m *Module) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	err := m.cloud.call(ctx, "flavors", func() error { return nil })
	return []vendormodules.Flavor{
		{ID: "f-1", Name: "large", Cores: 4, Memory: 8 * quantity.GiB}, {ID: "f-2", Name: "small", Cores: 1, Memory: quantity.GiB},
	}, err
}

// Images implements vendormodules.Catalogue.
func (m *Module) Images(ctx context.Context) ([]vendormodules.Image, error) {
	err := m.cloud.call(ctx, "images", func() error { return nil })
	return []vendormodules.Image{{ID: "i-1", Name: Image}}, err
}
