package vendortest

import (
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// proveCatalogue looks at what the cloud says that it sells, some of which must do for the class of machines.
func proveCatalogue(b *bench) {
	catalogue := vendormodules.AbilitiesOf(b.module).Catalogue
	flavors, err := catalogue.Flavors(b.Context())
	if err != nil {
		b.Fatalf("Flavors: %v", err)
	}
	images, err := catalogue.Images(b.Context())
	if err != nil {
		b.Fatalf("Images: %v", err)
	}
	class := b.provider.Classes[descriptors.Compute].WithDefaults()
	if !slices.IsSortedFunc(flavors, func(one, other vendormodules.Flavor) int { return strings.Compare(one.Name, other.Name) }) {
		b.Errorf("Flavors are not sorted by name: %+v", flavors)
	}
	if !slices.IsSortedFunc(images, func(one, other vendormodules.Image) int { return strings.Compare(one.Name, other.Name) }) {
		b.Errorf("Images are not sorted by name: %+v", images)
	}
	for _, flavor := range flavors {
		if flavor.ID == "" || flavor.Name == "" || flavor.Cores < 1 || flavor.Memory < 1 {
			b.Errorf("Flavors show %+v: an id, a name, cores and memory must be said", flavor)
		}
	}
	for _, image := range images {
		if image.ID == "" || image.Name == "" {
			b.Errorf("Images show %+v: an id and a name must be said", image)
		}
	}
	if !slices.ContainsFunc(flavors, func(flavor vendormodules.Flavor) bool {
		return flavor.Cores >= class.Cores && flavor.Memory >= class.Memory
	}) {
		b.Errorf("Flavors show none with %d cores and %s, which Quote offers", class.Cores, class.Memory)
	}
	if len(images) == 0 {
		b.Error("Images shows none, and Quote offers machines")
	}
}
