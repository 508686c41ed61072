package openstack

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	compute "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/limits"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// fetchFlavors lists what the project may run.
func (m *Module) fetchFlavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	s, err := m.whole(ctx)
	if err != nil {
		return nil, err
	}
	pages, err := allPages(ctx, flavors.ListDetail(s.compute, flavors.ListOpts{}))
	if err != nil {
		return nil, err
	}
	all, err := flavors.ExtractFlavors(pages)
	if err != nil {
		return nil, err
	}
	listed := make([]vendormodules.Flavor, 0, len(all))
	for _, one := range all {
		listed = append(listed, vendormodules.Flavor{
			ID: one.ID, Name: one.Name, Cores: one.VCPUs, Memory: quantity.Bytes(one.RAM) * quantity.MiB,
			Disk: quantity.Bytes(one.Disk) * quantity.GiB,
		})
	}
	slices.SortFunc(listed, func(a, b vendormodules.Flavor) int { return strings.Compare(a.Name, b.Name) })
	return listed, nil
}

// Flavors implements vendormodules.Catalogue.
func (m *Module) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	var sold []vendormodules.Flavor
	err := m.do(ctx, agency.Scope{}, "list flavors", func(*session) error {
		known, _, err := m.flavors.Get(ctx)
		for _, one := range known {
			if price, err := m.configuration.Prices.Machine(one); err == nil {
				one.Price = price
			}
			sold = append(sold, one)
		}
		return err
	})
	return sold, err
}

// Images implements vendormodules.Catalogue.
func (m *Module) Images(ctx context.Context) ([]vendormodules.Image, error) {
	var offered []vendormodules.Image
	err := m.do(ctx, agency.Scope{}, "list images", func(*session) error {
		known, _, err := m.images.Get(ctx)
		offered = slices.Clone(known)
		return err
	})
	return offered, err
}

// fit finds the flavor and the image of a class. Own is an image of the agency's, by its id.
func (m *Module) fit(ctx context.Context, s *session, class descriptors.Class, own string) (vendormodules.Flavor, vendormodules.Image, error) {
	image, err := m.choose(ctx, s, class, own)
	if err != nil {
		return vendormodules.Flavor{}, image, err
	}
	sizes, _, err := m.flavors.Get(ctx)
	if err != nil {
		return vendormodules.Flavor{}, image, err
	}
	wanted := image
	if m.configuration.BootVolume > 0 {
		wanted.MinDisk = 0 // the volume is as large as it must be
	}
	flavor, err := m.configuration.Prices.Cheapest(sizes, class, wanted)
	return flavor, image, err
}

// Quote implements vendormodules.Module.
func (m *Module) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	class = class.WithDefaults()
	if refusal := m.configuration.Refuse(class, *m.configuration.SecurityGroups); refusal != nil {
		return vendormodules.Quote{}, *refusal
	}
	var quote vendormodules.Quote
	err := m.do(ctx, agency.Scope{}, "price a "+string(class.Type), func(s *session) (err error) {
		quote, err = m.quote(ctx, s, class)
		return err
	})
	var refusal sla.Refusal
	switch {
	case err == nil:
		return quote, nil
	case errors.As(err, &refusal):
		return quote, refusal
	case errors.Is(err, agency.ErrNoCredential):
		return quote, sla.Refusal{
			Code: sla.RefusedCredentials, Message: m.environment.Vendor + " needs a credential and none is stored",
			Hint: "agency credentials set --vendor " + m.environment.Vendor,
		}
	}
	return quote, err
}

func (m *Module) quote(ctx context.Context, s *session, class descriptors.Class) (vendormodules.Quote, error) {
	lacks := map[descriptors.ResourceType]bool{
		descriptors.Volume: s.volume == nil, descriptors.Snapshot: s.volume == nil, descriptors.Image: s.image == nil,
		descriptors.Network: s.network == nil, descriptors.LoadBalancer: s.balancer == nil,
	}
	if lacks[class.Type] {
		return vendormodules.Quote{}, sla.Refusal{
			Code: sla.RefusedUnsupported, Message: "the cloud has no service here for a " + string(class.Type),
		}
	}
	var flavor vendormodules.Flavor
	if class.Type.RunsMachines() {
		var err error
		if flavor, _, err = m.fit(ctx, s, class, ""); err != nil {
			return vendormodules.Quote{}, err
		}
	}
	quote, err := m.configuration.Quote(class, flavor)
	if err != nil {
		return quote, err
	}
	most, _, err := m.quotas.Get(ctx)
	if err != nil {
		return quote, err
	}
	return quote, beyond(quote.Use, most)
}

// beyond refuses what one instance alone takes more of than the account may have.
func beyond(use, most vendormodules.Usage) error {
	var refusal *sla.Refusal
	switch {
	case most.Cores > 0 && use.Cores > most.Cores:
		refusal = catalogue.TooLarge("cores", strconv.Itoa(use.Cores), strconv.Itoa(most.Cores))
	case most.Memory > 0 && use.Memory > most.Memory:
		refusal = catalogue.TooLarge("memory", use.Memory.String(), most.Memory.String())
	case most.Storage > 0 && use.Storage > most.Storage:
		refusal = catalogue.TooLarge("size", use.Storage.String(), most.Storage.String())
	default:
		return nil
	}
	refusal.Code = sla.RefusedQuota
	return *refusal
}

// Capacity implements vendormodules.Module: the project's quotas.
func (m *Module) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	var most vendormodules.Usage
	err := m.do(ctx, agency.Scope{}, "read the quotas", func(*session) (err error) {
		most, _, err = m.quotas.Get(ctx)
		return err
	})
	return most, err
}

// fetchQuotas reads the project's quotas. Nova and Cinder write -1 where there is none.
func (m *Module) fetchQuotas(ctx context.Context) (vendormodules.Usage, error) {
	var most vendormodules.Usage
	s, err := m.whole(ctx)
	if err != nil {
		return most, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		told, err := compute.Get(ctx, s.compute, nil).Extract()
		if err != nil {
			return err
		}
		most.Instances, most.Cores = max(0, told.Absolute.MaxTotalInstances), max(0, told.Absolute.MaxTotalCores)
		most.Memory = quantity.Bytes(max(0, told.Absolute.MaxTotalRAMSize)) * quantity.MiB
		return nil
	})
	if s.volume != nil {
		group.Go(func() error {
			told, err := limits.Get(ctx, s.volume).Extract()
			if err == nil {
				most.Storage = quantity.Bytes(max(0, told.Absolute.MaxTotalVolumeGigabytes)) * quantity.GiB
			}
			return err
		})
	}
	return most, group.Wait()
}
