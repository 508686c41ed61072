package ptc_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc"
)

const athens = `
region: athens
country: GR
capacity: { machines: 4, cores: 8, memory: 4GiB, storage: 10GiB }
prices:
  core-hour: 0.01 USD
  gib-hour: 0.004 USD
  storage-gib-month: 0.073 USD
  load-balancer: 0.02 USD/h
  network: 0.001 USD/h
availability: { compute: 99.5%, load-balancer: 99.99% }
ready-in: 2s
types: [network, compute, cluster, load-balancer, volume]
images: [static-web, debian]
image-files: { debian: /srv/images/debian }
`

func TestPricesPromisesAndCapacity(t *testing.T) {
	b := newBench(t)
	b.reopen(athens)
	description := b.Describe()
	if description.Region != "athens" || description.Country != "GR" || description.Isolation || !description.CreateToken {
		t.Errorf("the description is %+v", description)
	}
	if !slices.Equal(description.Images, []string{"static-web", "debian"}) {
		t.Errorf("the images are %q", description.Images)
	}
	capacity, err := b.Capacity(t.Context())
	if want := (vendormodules.Usage{Instances: 4, Cores: 8, Memory: 4 * quantity.GiB, Storage: 10 * quantity.GiB}); err != nil || capacity != want {
		t.Errorf("the capacity is %+v, %v", capacity, err)
	}
	for _, test := range []struct {
		class     descriptors.Class
		price     string
		available quantity.Percent
		use       vendormodules.Usage
	}{
		{
			descriptors.Class{Type: descriptors.Compute, Image: "debian", Cores: 2, Memory: 512 * quantity.MiB},
			"0.022 USD/h", 0.995, vendormodules.Usage{Instances: 1, Cores: 2, Memory: 512 * quantity.MiB},
		},
		{
			descriptors.Class{Type: descriptors.Cluster, Image: "static-web"},
			"0.012 USD/h", 0.995, vendormodules.Usage{Instances: 1, Cores: 1, Memory: 512 * quantity.MiB},
		},
		{
			descriptors.Class{Type: descriptors.Volume, Size: 3 * quantity.GiB},
			"0.0003 USD/h", 0.9999, vendormodules.Usage{Storage: 3 * quantity.GiB},
		},
		{descriptors.Class{Type: descriptors.Volume, Size: 1}, "0.000001 USD/h", 0.9999, vendormodules.Usage{Storage: 1}},
		{descriptors.Class{Type: descriptors.Network}, "0.001 USD/h", 0.9999, vendormodules.Usage{}},
		{descriptors.Class{Type: descriptors.LoadBalancer, Listen: 80}, "0.02 USD/h", 0.9999, vendormodules.Usage{}},
	} {
		quote, err := b.Quote(t.Context(), test.class)
		if err != nil || quote.Unit.String() != test.price || quote.Availability != test.available || quote.Use != test.use {
			t.Errorf("%s: %+v at %s, %v; should be %+v", test.class.Type, quote, quote.Unit, err, test)
		}
		if quote.ReadyIn.String() != "2s" {
			t.Errorf("%s: ready in %s", test.class.Type, quote.ReadyIn)
		}
	}
}

func TestRefusalsSayWhatWouldDo(t *testing.T) {
	b := newBench(t)
	b.reopen(athens)
	machine := func(change func(*descriptors.Class)) descriptors.Class {
		class := descriptors.Class{Type: descriptors.Compute, Image: "static-web"}
		change(&class)
		return class
	}
	for _, test := range []struct {
		class descriptors.Class
		code  sla.RefusalCode
		hint  string
	}{
		{machine(func(c *descriptors.Class) { c.Image = "static-wep" }), sla.RefusedUnsupported, "static-web"},
		{machine(func(c *descriptors.Class) { c.Image = "kv-store" }), sla.RefusedUnsupported, "static-web, debian"},
		{machine(func(c *descriptors.Class) { c.Architecture = "riscv" }), sla.RefusedUnsupported, "there is "},
		{machine(func(c *descriptors.Class) { c.Place.Region = []string{"lisbon"} }), sla.RefusedPlacement, "athens"},
		{machine(func(c *descriptors.Class) { c.Place.Country = []string{"PT", "NO"} }), sla.RefusedPlacement, "GR"},
		{machine(func(c *descriptors.Class) { c.Isolation = "required" }), sla.RefusedIsolation, "isolation"},
		{machine(func(c *descriptors.Class) { c.Cores = 9 }), sla.RefusedCapacity, "would do 8"},
		{machine(func(c *descriptors.Class) { c.Memory = 5 * quantity.GiB }), sla.RefusedCapacity, "would do 4GiB"},
		{descriptors.Class{Type: descriptors.Volume, Size: 11 * quantity.GiB}, sla.RefusedCapacity, "would do 10GiB"},
		{descriptors.Class{Type: descriptors.Network, Span: true}, sla.RefusedUnsupported, "span"},
		{descriptors.Class{Type: "balancer"}, sla.RefusedUnsupported, "load-balancer"},
	} {
		_, err := b.Quote(t.Context(), test.class)
		var refusal sla.Refusal
		if !errors.As(err, &refusal) || refusal.Code != test.code || !strings.Contains(refusal.Hint, test.hint) {
			t.Errorf("%+v: %#v; should be %s with a hint of %q", test.class, err, test.code, test.hint)
		}
	}
}

func TestFaultsOfTheConfigurationAreAllReported(t *testing.T) {
	const wrong = `regoin: athens
country: greece
prices: { core-hour: 0.01 USD, gib-hour: 0.004 EUR, network: -1 USD/h }
types: [compute, volumes]
images: [static-wep]
image-files: { shell: relative }
availability: { computer: 99% }
capacity: { cores: -1 }
`
	_, err := ptc.New(t.Context(), parse(t, wrong), environment(t, t.TempDir()))
	var faults descriptors.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("New: %v", err)
	}
	for _, part := range []string{
		`:1:1  regoin: no such field; did you mean "region"?`, ":2:10  country: ", ":3:42  prices.gib-hour: ", "prices.network: below zero",
		`:4:18  types[1]: there is no "volumes"; did you mean "volume"?`, `:5:10  images[0]: there is no "static-wep"; did you mean "static-web"?`,
		":6:23  image-files.shell: ", "availability.computer: ", "capacity.cores: below zero",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("nothing is said of %q in\n%v", part, err)
		}
	}
}
