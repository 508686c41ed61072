package catalogue_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// terms reads a configuration and fills in its defaults.
func terms(t *testing.T, text string) (catalogue.Terms, error) {
	t.Helper()
	all := []descriptors.ResourceType{
		descriptors.Cluster, descriptors.Compute, descriptors.LoadBalancer, descriptors.Network, descriptors.Volume,
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	configuration := struct {
		catalogue.Terms  `yaml:",inline"`
		catalogue.Images `yaml:",inline"`
	}{}
	err := vendormodules.Configure(&document, &configuration, func(_ descriptors.Positions, fault vendormodules.Fault) {
		configuration.Terms.Check(fault, all)
		configuration.Images.Check(fault)
	})
	return configuration.Terms.WithDefaults(catalogue.Terms{Region: "here", Types: all, ReadyIn: 1}), err
}

func flavors() []catalogue.Flavor {
	euros := func(micros int64) quantity.Rate {
		return quantity.Rate{PerHour: quantity.Money{Micros: micros, Currency: "EUR"}}
	}
	return []catalogue.Flavor{
		{Name: "tiny", Cores: 1, Memory: quantity.GiB, Architecture: "x86_64", Price: euros(5_000)},
		{Name: "b.large", Cores: 4, Memory: 8 * quantity.GiB, Disk: 20 * quantity.GiB, Architecture: "x86_64", Price: euros(50_000)},
		{Name: "a.large", Cores: 4, Memory: 8 * quantity.GiB, Disk: 20 * quantity.GiB, Architecture: "x86_64", Price: euros(50_000)},
		{Name: "arm", Cores: 4, Memory: 8 * quantity.GiB, Architecture: "arm64", Price: euros(10_000)},
		{Name: "priceless", Cores: 16, Memory: 32 * quantity.GiB, Architecture: "x86_64"},
	}
}

func TestAClassFindsTheCheapestFlavorThatItFits(t *testing.T) {
	agreed, err := terms(t, "prices: {flavors: {tiny: 0.001 EUR/h}, core-hour: 0.02 EUR}")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		class descriptors.Class
		image catalogue.Image
		name  string
		price string
	}{
		{class: descriptors.Class{}, name: "tiny", price: "0.001 EUR/h"},
		{class: descriptors.Class{Cores: 2}, name: "a.large", price: "0.05 EUR/h"},
		{class: descriptors.Class{Cores: 2, Architecture: "arm64"}, name: "arm", price: "0.01 EUR/h"},
		{class: descriptors.Class{Cores: 2}, image: catalogue.Image{MinDisk: 30 * quantity.GiB}, name: "priceless", price: "0.416 EUR/h"},
		{class: descriptors.Class{}, image: catalogue.Image{MinMemory: 2 * quantity.GiB}, name: "a.large", price: "0.05 EUR/h"},
	} {
		test.class.Type = descriptors.Compute
		for range 2 { // the order of the listing decides nothing
			all := flavors()
			slices.Reverse(all)
			found, err := agreed.Prices.Cheapest(all, test.class, test.image)
			if err != nil || found.Name != test.name || found.Price.String() != test.price {
				t.Errorf("%+v finds %+v at %s, %v; should be %s at %s", test.class, found, found.Price, err, test.name, test.price)
			}
		}
	}
}

func TestWhatFitsNoFlavorIsToldTheNearest(t *testing.T) {
	for _, test := range []struct {
		class descriptors.Class
		hint  string
	}{
		{descriptors.Class{Cores: 32, Memory: 32 * quantity.GiB}, "would do 16 cores and 32GiB: priceless"},
		{descriptors.Class{Cores: 2, Memory: 16 * quantity.GiB, Architecture: "arm64"}, "would do 4 cores and 8GiB: arm"},
	} {
		test.class.Type = descriptors.Compute
		_, err := catalogue.Prices{}.Cheapest(flavors(), test.class, catalogue.Image{})
		var refusal sla.Refusal
		if !errors.As(err, &refusal) || refusal.Code != sla.RefusedCapacity || refusal.Hint != test.hint {
			t.Errorf("%+v: %#v; should hint %q", test.class, err, test.hint)
		}
	}
}

func TestFaultsOfTermsAreAllReported(t *testing.T) {
	_, err := terms(t, `country: greece
types: [volumes]
prices: {core-hour: 0.01 USD, network: 1 EUR/h, load-balancer: -1 USD/h, flavors: {a: 1 GBP/h}}
availability: {computer: 99%}
images: {debian: ""}
`)
	if err == nil {
		t.Fatal("nothing is wrong with it")
	}
	for _, part := range []string{
		":1:10  country: ", `:2:9  types[0]: there is no "volumes"; did you mean "volume"?`, "prices.network: 1.00 EUR, while other prices are in USD",
		"prices.load-balancer: below zero", "prices.flavors.a: 1.00 GBP", `availability.computer: there is no "computer"; did you mean "compute"?`,
		"images.debian: write an id",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("nothing is said of %q in\n%v", part, err)
		}
	}
}

func TestQuotesAndRefusalsFollowTheTerms(t *testing.T) {
	agreed, err := terms(t, `country: GR
prices: {storage-gib-month: 0.073 USD, load-balancer: 0.02 USD/h, address: 0.005 USD/h}
availability: {compute: 99.5%}
`)
	if err != nil {
		t.Fatal(err)
	}
	flavor := catalogue.Flavor{Name: "m", Cores: 2, Memory: 4 * quantity.GiB}
	for _, test := range []struct {
		class descriptors.Class
		want  string
	}{
		{descriptors.Class{Type: descriptors.Volume, Size: 3 * quantity.GiB}, "0.0003 USD/h"},
		{descriptors.Class{Type: descriptors.Volume, Size: 1}, "0.000001 USD/h"},
		{descriptors.Class{Type: descriptors.LoadBalancer}, "0.025 USD/h"},
		{descriptors.Class{Type: descriptors.Network}, "0.0005 USD/h"},
		{descriptors.Class{Type: descriptors.Compute}, "0.033 USD/h"},
		{descriptors.Class{Type: descriptors.Cluster, Networks: descriptors.Names{"lan"}}, "0.028 USD/h"},
	} {
		quote, err := agreed.Quote(test.class, flavor)
		if err != nil || quote.Unit.String() != test.want || quote.Availability <= 0 {
			t.Errorf("%s: %+v at %s, %v; should be %s", test.class.Type, quote, quote.Unit, err, test.want)
		}
	}
	if _, err := agreed.Quote(descriptors.Class{Type: descriptors.Volume, Size: 1 << 62}, flavor); err != nil {
		t.Errorf("a large volume: %v", err)
	}
	for _, test := range []struct {
		class descriptors.Class
		code  sla.RefusalCode
	}{
		{descriptors.Class{Type: "balancer"}, sla.RefusedUnsupported},
		{descriptors.Class{Type: descriptors.Compute, Isolation: "required"}, sla.RefusedIsolation},
		{descriptors.Class{Type: descriptors.Compute, Place: descriptors.Placement{Region: descriptors.Names{"there"}}}, sla.RefusedPlacement},
		{descriptors.Class{Type: descriptors.Compute, Place: descriptors.Placement{Country: descriptors.Names{"PT"}}}, sla.RefusedPlacement},
		{descriptors.Class{Type: descriptors.Network, Span: true}, sla.RefusedUnsupported},
	} {
		if refusal := agreed.Refuse(test.class, false); refusal == nil || refusal.Code != test.code || refusal.Hint == "" {
			t.Errorf("%+v: refused with %+v, should be %s", test.class, refusal, test.code)
		}
	}
	if refusal := agreed.Refuse(descriptors.Class{Type: descriptors.Compute, Isolation: "required"}, true); refusal != nil {
		t.Errorf("refused: %v", refusal)
	}
}
