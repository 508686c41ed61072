package catalogue_test

import (
	"slices"
	"testing"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

func TestDoublingsOfSeveralHosts(t *testing.T) {
	prices := catalogue.Terms{}.WithDefaults(catalogue.Terms{}).Prices
	flavors, err := prices.Doublings([]vendormodules.Usage{
		{Cores: 2, Memory: 3 * quantity.GiB}, {Cores: 3, Memory: quantity.GiB}, {Cores: 1, Memory: 511 * quantity.MiB},
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range flavors {
		names = append(names, one.Name)
		if want, err := prices.Machine(one); err != nil || one.Price != want {
			t.Errorf("%s costs %v, and should cost %v (%v)", one.Name, one.Price, want, err)
		}
	}
	want := []string{"1c-1GiB", "1c-2GiB", "1c-512MiB", "2c-1GiB", "2c-2GiB", "2c-512MiB"}
	if !slices.Equal(names, want) {
		t.Errorf("the flavors are %q, and should be %q", names, want)
	}
}

func TestImagesAreShownOnce(t *testing.T) {
	shown := catalogue.ByName([]catalogue.Image{{ID: "2", Name: "b"}, {ID: "3", Name: "a"}, {ID: "1", Name: "b"}, {ID: "2", Name: "b"}})
	if len(shown) != 3 || shown[0].ID != "3" || shown[1].ID != "1" || shown[2].ID != "2" {
		t.Errorf("the images are %+v", shown)
	}
}
