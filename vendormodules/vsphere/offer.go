package vsphere

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// Templates and the size of the cluster are read again after goodsLast; templates serve up to goodsStale when they cannot
// be read.
const (
	goodsLast  = time.Minute
	goodsStale = time.Hour
)

// defaultFlavors are sizes for every need: vSphere has none of its own, and makes machines of any size.
func defaultFlavors() []flavor {
	var flavors []flavor
	for cores := 1; cores <= 32; cores *= 2 {
		for perCore := quantity.Bytes(1); perCore <= 8; perCore *= 2 {
			memory := quantity.Bytes(cores) * perCore * quantity.GiB
			flavors = append(flavors, flavor{Name: fmt.Sprintf("%dc-%s", cores, memory), Cores: cores, Memory: memory})
		}
	}
	return flavors
}

func (m *Module) flavors() []vendormodules.Flavor {
	flavors := make([]vendormodules.Flavor, 0, len(m.configuration.Flavors))
	for _, one := range m.configuration.Flavors {
		flavors = append(flavors, vendormodules.Flavor{ID: one.Name, Name: one.Name, Cores: one.Cores, Memory: one.Memory})
	}
	slices.SortFunc(flavors, func(a, b vendormodules.Flavor) int { return strings.Compare(a.Name, b.Name) })
	return flavors
}

// Flavors implements vendormodules.Catalogue.
func (m *Module) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	flavors := m.flavors()
	for index, one := range flavors {
		price, err := m.configuration.Prices.Machine(one)
		if err != nil {
			return nil, fmt.Errorf("vsphere: price of %s: %w", one.Name, err)
		}
		flavors[index].Price = price
	}
	return flavors, ctx.Err()
}

// Images implements vendormodules.Catalogue: the templates of the datacenter.
func (m *Module) Images(ctx context.Context) ([]vendormodules.Image, error) {
	images, _, err := m.templates.Get(ctx)
	return slices.Clone(images), err
}

// findTemplates finds all templates of the datacenter but those that were made of machines of ours.
func (m *Module) findTemplates(ctx context.Context) ([]vendormodules.Image, error) {
	var images []vendormodules.Image
	err := m.do(ctx, "list templates", func(c *connection) error {
		images = nil
		all, err := view.NewManager(c.Client).CreateContainerView(
			ctx, c.place.folders.VmFolder.Reference(), []string{"VirtualMachine"}, true)
		if err != nil {
			return err
		}
		defer all.Destroy(context.WithoutCancel(ctx)) //nolint:errcheck // it ends with the session
		var found []mo.VirtualMachine
		properties := []string{"name", "config.template", "config.guestId", "config.createDate", "config.extraConfig"}
		if err := all.Retrieve(ctx, []string{"VirtualMachine"}, properties, &found); err != nil {
			return err
		}
		for _, one := range found {
			if one.Config == nil || !one.Config.Template {
				continue
			}
			if _, made := object.OptionValueList(one.Config.ExtraConfig).Get(recordKey); made {
				continue
			}
			image := vendormodules.Image{ID: one.Self.Value, Name: one.Name, Architecture: architecture(one.Config.GuestId)}
			if one.Config.CreateDate != nil {
				image.Created = one.Config.CreateDate.UTC()
			}
			images = append(images, image)
		}
		slices.SortFunc(images, func(a, b vendormodules.Image) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
		})
		return nil
	})
	return images, err
}

// architecture is what the name of a guest's system says of its processor.
func architecture(guest string) string {
	if strings.Contains(strings.ToLower(guest), "arm") {
		return "arm64"
	}
	return descriptors.DefaultArchitecture
}

// choose finds the template of a class's image, and the size of its machines. The error is an sla.Refusal, unless the
// templates cannot be read.
func (m *Module) choose(ctx context.Context, class descriptors.Class) (vendormodules.Image, vendormodules.Flavor, error) {
	images, _, err := m.templates.Get(ctx)
	if err != nil {
		return vendormodules.Image{}, vendormodules.Flavor{}, err
	}
	image, err := m.configuration.Resolve(class, images)
	if err != nil {
		return image, vendormodules.Flavor{}, err
	}
	size, err := m.configuration.Prices.Cheapest(m.flavors(), class, image)
	return image, size, err
}

// Quote implements vendormodules.Module.
func (m *Module) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	if refusal := m.configuration.Refuse(class, m.separates()); refusal != nil {
		return vendormodules.Quote{}, *refusal
	}
	var size vendormodules.Flavor
	if class.Type.RunsMachines() {
		var err error
		if _, size, err = m.choose(ctx, class); err != nil {
			return vendormodules.Quote{}, err
		}
	}
	capacity, err := m.Capacity(ctx)
	if err != nil {
		return vendormodules.Quote{}, err
	}
	quote, err := m.configuration.Quote(class, size)
	if most := capacity; err == nil {
		switch use := quote.Use; {
		case most.Cores > 0 && use.Cores > most.Cores:
			err = *catalogue.TooLarge("cores", fmt.Sprint(use.Cores), fmt.Sprint(most.Cores))
		case most.Memory > 0 && use.Memory > most.Memory:
			err = *catalogue.TooLarge("memory", use.Memory.String(), most.Memory.String())
		case most.Storage > 0 && use.Storage > most.Storage:
			err = *catalogue.TooLarge("size", use.Storage.String(), most.Storage.String())
		}
	}
	return quote, err
}

// Capacity implements vendormodules.Module: what the configuration says, else all that the resource pool and the datastore
// have.
func (m *Module) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	if given := m.configuration.Capacity; given.Cores > 0 && given.Memory > 0 && given.Storage > 0 {
		return given, ctx.Err()
	}
	capacity, _, err := m.capacity.Get(ctx)
	return capacity, err
}

func (m *Module) findCapacity(ctx context.Context) (vendormodules.Usage, error) {
	found := m.configuration.Capacity
	err := m.do(ctx, "capacity", func(c *connection) error {
		collector := property.DefaultCollector(c.Client)
		owner, err := c.place.pool.Owner(ctx)
		if err != nil {
			return err
		}
		var compute mo.ComputeResource
		if err := collector.RetrieveOne(ctx, owner.Reference(), []string{"summary"}, &compute); err != nil {
			return err
		}
		var datastore mo.Datastore
		if err := collector.RetrieveOne(ctx, c.place.datastore.Reference(), []string{"summary"}, &datastore); err != nil {
			return err
		}
		summary := compute.Summary.GetComputeResourceSummary()
		found.Cores = cmp.Or(found.Cores, int(summary.NumCpuThreads), int(summary.NumCpuCores))
		found.Memory = cmp.Or(found.Memory, quantity.Bytes(summary.TotalMemory))          //nolint:gosec // not negative
		found.Storage = cmp.Or(found.Storage, quantity.Bytes(datastore.Summary.Capacity)) //nolint:gosec // not negative
		return nil
	})
	return found, err
}
