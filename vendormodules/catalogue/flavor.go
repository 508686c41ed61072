package catalogue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Flavor is a size of machine that a cloud sells.
type Flavor = vendormodules.Flavor

// fits says whether a class fits a flavor, with the image that its machines are made of; a zero Image wants nothing.
func fits(f Flavor, class descriptors.Class, image Image) bool {
	return f.Cores >= class.Cores && f.Memory >= max(class.Memory, image.MinMemory) && (f.Disk == 0 || f.Disk >= image.MinDisk) &&
		runs(f, class.Architecture)
}

func runs(f Flavor, architecture string) bool {
	return f.Architecture == "" || architecture == "" || f.Architecture == architecture
}

// Cheapest finds the cheapest flavor that a class fits, with the image that its machines are made of, and returns it with
// its price. Of several at one price it is the smallest, then the first by name. The error is an sla.Refusal that tells
// the nearest fit.
func (p Prices) Cheapest(flavors []Flavor, class descriptors.Class, image Image) (Flavor, error) {
	class = class.WithDefaults()
	var best *Flavor
	for _, one := range flavors {
		if !fits(one, class, image) {
			continue
		}
		price, err := p.Machine(one)
		if err != nil {
			continue // so large that it has no price
		}
		one.Price = price
		if best == nil || cheaper(one, *best) < 0 {
			best = &one
		}
	}
	if best == nil {
		return Flavor{}, nearest(flavors, class, image)
	}
	return *best, nil
}

func cheaper(one, other Flavor) int {
	return cmp.Or(
		cmp.Compare(one.Price.PerHour.Micros, other.Price.PerHour.Micros), cmp.Compare(one.Cores, other.Cores),
		cmp.Compare(one.Memory, other.Memory), cmp.Compare(one.Disk, other.Disk), strings.Compare(one.Name, other.Name),
		strings.Compare(one.ID, other.ID),
	)
}

// nearest refuses a class that fits no flavor, and names the one that it lacks least of.
func nearest(flavors []Flavor, class descriptors.Class, image Image) sla.Refusal {
	wanted := fmt.Sprintf("%d cores and %s", class.Cores, max(class.Memory, image.MinMemory))
	if image.MinDisk > 0 {
		wanted += fmt.Sprintf(" with a disk of %s, which the image needs", image.MinDisk)
	}
	refusal := sla.Refusal{Code: sla.RefusedCapacity, Message: "no flavor has " + wanted}
	suited := slices.DeleteFunc(slices.Clone(flavors), func(one Flavor) bool { return !runs(one, class.Architecture) })
	if len(suited) == 0 {
		refusal.Code, refusal.Message = sla.RefusedUnsupported, "no flavor of architecture "+class.Architecture
		return refusal
	}
	best := slices.MaxFunc(suited, func(one, other Flavor) int {
		return cmp.Or(
			cmp.Compare(share(one, class, image), share(other, class, image)), cmp.Compare(one.Cores, other.Cores),
			cmp.Compare(one.Memory, other.Memory), strings.Compare(other.Name, one.Name),
		)
	})
	refusal.Hint = fmt.Sprintf("would do %d cores and %s: %s", best.Cores, best.Memory, best.Name)
	if best.Disk > 0 && best.Disk < image.MinDisk {
		refusal.Hint = fmt.Sprintf("would do an image for a disk of %s: %s", best.Disk, best.Name)
	}
	return refusal
}

// share is how much of what a class wants a flavor has, 0 to 1.
func share(of Flavor, class descriptors.Class, image Image) float64 {
	part := func(has, wants float64) float64 {
		if has >= wants {
			return 1
		}
		return has / wants
	}
	has := part(float64(of.Cores), float64(class.Cores)) * part(float64(of.Memory), float64(max(class.Memory, image.MinMemory)))
	if of.Disk > 0 {
		has *= part(float64(of.Disk), float64(image.MinDisk))
	}
	return has
}
