package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
)

// offers has every vendor say what it would ask for something tiny. The call is advisory: it binds nobody, and nothing is
// kept of it.
func (c *checkup) offers(ctx context.Context, agency *client.Client, vendors []proto.VendorStatus) {
	probe := probeOf(vendors)
	if len(probe.Resources) == 0 {
		return
	}
	offers, err := agency.Submit(ctx, proto.Submission{Application: probe, Advisory: true})
	if err != nil {
		c.failed(checkWrong, "offers", "", err)
		return
	}
	for _, vendor := range vendors {
		c.offer(vendor.Name, offers)
	}
}

// offer tells what one vendor offers: the cheapest, if several.
func (c *checkup) offer(vendor string, offers proto.Offers) {
	for _, proposal := range offers.Proposals {
		if proposal.Vendor != vendor {
			continue
		}
		for _, class := range slices.Sorted(maps.Keys(proposal.Offers)) {
			offer := proposal.Offers[class]
			c.fine("offers", vendor, "something tiny (%s) for %s, %s available", class, present.PerHour(offer.Unit),
				present.Availability(offer.Availability))
			return
		}
	}
	if refusal, refused := offers.Refusals[vendor]; refused {
		c.note(checkWatch, "offers", vendor, refusal.Hint, "offers nothing, however small: %s", refusal.Message)
		return
	}
	c.note(checkWatch, "offers", vendor, "`agency logs "+vendor+"` may tell why", "did not answer the call")
}

// probeOf asks for one small thing of each kind that a vendor has: its first image, or what it has if no machines.
func probeOf(vendors []proto.VendorStatus) descriptors.Application {
	application := descriptors.Application{Name: "check", Resources: map[string]descriptors.Class{}}
	for _, vendor := range vendors {
		if vendor.Description == nil {
			continue
		}
		kinds := vendor.Description.Types
		switch {
		case slices.Contains(kinds, descriptors.Compute) && len(vendor.Description.Images) > 0:
			image := vendor.Description.Images[0]
			application.Resources[probeName(application, image)] = descriptors.Class{
				Type: descriptors.Compute, Image: image, Cores: 1, Memory: 64 * quantity.MiB,
			}
		case slices.Contains(kinds, descriptors.Volume):
			application.Resources["volume"] = descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}
		}
	}
	return application.WithDefaults()
}

// probeName is the class that asks for an image already, or a new one.
func probeName(application descriptors.Application, image string) string {
	for name, class := range application.Resources {
		if class.Image == image {
			return name
		}
	}
	return fmt.Sprintf("machine-%d", len(application.Resources)+1)
}
