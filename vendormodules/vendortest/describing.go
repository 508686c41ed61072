package vendortest

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

func proveDescription(b *bench) {
	description := b.module.Describe()
	if description.Kind == "" || description.Version == "" {
		b.Errorf("kind %q, version %q: both must be said", description.Kind, description.Version)
	}
	country := description.Country
	if country != "" && (len(country) != 2 || strings.ToUpper(country) != country) {
		b.Errorf("country %q is not an ISO 3166-1 alpha-2 code", country)
	}
	sorted := slices.Clone(description.Types)
	slices.Sort(sorted)
	if !slices.Equal(slices.Compact(sorted), description.Types) {
		b.Errorf("types %q must be sorted, each once", description.Types)
	}
	for index, note := range description.Notes {
		if strings.TrimSpace(note) == "" {
			b.Errorf("note %d is empty", index)
		}
	}
	again := b.module.Describe()
	b.crash()
	if reopened := b.module.Describe(); !reflect.DeepEqual(description, again) || !reflect.DeepEqual(description, reopened) {
		b.Errorf("the description changes: first %+v, then %+v, after opening again %+v", description, again, reopened)
	}
}

func proveQuote(b *bench) {
	var currency quantity.Currency
	for _, kind := range b.module.Describe().Types {
		class, given := b.provider.Classes[kind]
		if !given { // a cluster costs what its machines cost
			class = b.provider.Classes[descriptors.Compute]
			class.Type = kind
		}
		quote, err := b.module.Quote(b.Context(), class)
		if err != nil {
			b.Errorf("Quote %s: %v", kind, err)
			continue
		}
		if currency == "" {
			currency = quote.Unit.PerHour.Currency
		}
		if quote.Unit.PerHour.Micros <= 0 || quote.Unit.PerHour.Currency == "" {
			b.Errorf("Quote %s: the price is %q, and should be above nothing", kind, quote.Unit)
		}
		if quote.Unit.PerHour.Currency != currency {
			b.Errorf("Quote %s: the price is %s, other prices are in %s", kind, quote.Unit, currency)
		}
		if quote.Availability <= 0 || quote.Availability > 1 {
			b.Errorf("Quote %s: availability %v is not above 0 and at most 1", kind, float64(quote.Availability))
		}
		if quote.ReadyIn < 0 || negative(quote.Use) {
			b.Errorf("Quote %s: ready in %s, using %+v: nothing may be negative", kind, quote.ReadyIn, quote.Use)
		}
		again, err := b.module.Quote(b.Context(), class)
		if err != nil || again != quote {
			b.Errorf("Quote %s: asked again it is %+v (%v), at first it was %+v", kind, again, err, quote)
		}
	}
	b.lists()
}

func negative(usage vendormodules.Usage) bool {
	return usage.Instances < 0 || usage.Cores < 0 || usage.Memory < 0 || usage.Storage < 0
}

func proveRefusals(b *bench) {
	refused := func(what string, class descriptors.Class) {
		_, err := b.module.Quote(b.Context(), class)
		var refusal sla.Refusal
		if !errors.As(err, &refusal) {
			b.Errorf("Quote of %s: the error is %v, and should be an sla.Refusal", what, err)
			return
		}
		if refusal.Code == "" || refusal.Message == "" {
			b.Errorf("Quote of %s: the refusal %+v has no code or no message", what, refusal)
		}
	}
	description := b.module.Describe()
	unsupported := b.provider.Classes[b.main()]
	unsupported.Type = "no-such-type"
	refused("a type that no cloud has", unsupported)
	for _, kind := range []descriptors.ResourceType{
		descriptors.Compute, descriptors.Volume, descriptors.Network, descriptors.LoadBalancer,
	} {
		if !b.creates(kind) {
			refused("a "+string(kind)+", which the description does not list", descriptors.Class{Type: kind})
		}
	}
	if b.creates(descriptors.Compute) {
		unknown := b.provider.Classes[descriptors.Compute]
		unknown.Image = "no-such-image"
		refused("an image that is not there", unknown)
	}
	if description.Country != "" {
		elsewhere := b.provider.Classes[b.main()]
		elsewhere.Place.Country = descriptors.Names{"ZZ"}
		refused("a class to run in a country that is not", elsewhere)
	} else {
		b.Log("not proved: refusal by country, as the description names none")
	}
	b.lists()
	if b.account.Listing != nil {
		if count := b.account.Listing(b.T); count != 0 {
			b.Errorf("refusals made %d resources", count)
		}
	}
}

func proveCapacity(b *bench) {
	empty, err := b.module.Capacity(b.Context())
	if err != nil {
		b.Fatalf("Capacity: %v", err)
	}
	if negative(empty) {
		b.Errorf("Capacity is %+v: nothing may be negative", empty)
	}
	b.start(b.request(b.main()))
	used, err := b.module.Capacity(b.Context())
	if err != nil || used != empty {
		b.Errorf("Capacity is %+v (%v) with a resource in use, and was %+v without", used, err, empty)
	}
}
