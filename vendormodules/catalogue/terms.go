package catalogue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Terms are what the configuration of every cloud says alike. A module embeds them inline.
type Terms struct {
	// Region by the name that descriptors use; by default what the module says.
	Region string `yaml:"region"`
	// Country is an ISO 3166-1 alpha-2 code.
	Country string `yaml:"country"`
	// Types offered; by default all that the module can create.
	Types []descriptors.ResourceType `yaml:"types"`
	// Prices of what the cloud tells no price of.
	Prices Prices `yaml:"prices"`
	// Availability promised, by type.
	Availability map[descriptors.ResourceType]quantity.Percent `yaml:"availability"`
	// ReadyIn is the promised time from request to running.
	ReadyIn quantity.Duration `yaml:"ready-in"`
}

// promised are the availabilities where neither the configuration nor the module says.
func promised() map[descriptors.ResourceType]quantity.Percent {
	return map[descriptors.ResourceType]quantity.Percent{
		descriptors.Compute: 0.9995, descriptors.LoadBalancer: 0.9999, descriptors.Network: 0.9999, descriptors.Volume: 0.9999,
	}
}

// Check finds what can be read and makes no sense. Types are those that the module can create.
func (t Terms) Check(fault vendormodules.Fault, types []descriptors.ResourceType) {
	isCode := len(t.Country) == 2 && t.Country[0] >= 'A' && t.Country[0] <= 'Z' && t.Country[1] >= 'A' && t.Country[1] <= 'Z'
	if t.Country != "" && !isCode {
		fault("country", "%q is not a country; write two capital letters such as GR", t.Country)
	}
	for index, one := range t.Types {
		Known(fault, fmt.Sprintf("types[%d]", index), string(one), Texts(types))
	}
	for _, one := range slices.Sorted(maps.Keys(t.Availability)) {
		path := "availability." + string(one)
		if Known(fault, path, string(one), Texts(types)) && t.Availability[one] <= 0 {
			fault(path, "nothing is promised; write 99.9%%")
		}
	}
	if t.ReadyIn < 0 {
		fault("ready-in", "below zero")
	}
	t.Prices.check(fault)
}

// WithDefaults fills in what the terms leave out: first what the module says, then what holds for every cloud. The types
// of the defaults are all that the module can create.
func (t Terms) WithDefaults(defaults Terms) Terms {
	promises := promised()
	maps.Copy(promises, defaults.Availability)
	maps.Copy(promises, t.Availability)
	if _, given := promises[descriptors.Cluster]; !given {
		promises[descriptors.Cluster] = promises[descriptors.Compute]
	}
	t.Availability = promises
	t.Region, t.Country = cmp.Or(t.Region, defaults.Region), cmp.Or(t.Country, defaults.Country)
	t.ReadyIn = cmp.Or(t.ReadyIn, defaults.ReadyIn)
	if len(t.Types) == 0 {
		t.Types = defaults.Types
	}
	t.Types = slices.Clone(t.Types)
	slices.Sort(t.Types)
	t.Types = slices.Compact(t.Types)
	t.Prices = t.Prices.withDefaults()
	return t
}

// Refuse says why a class is not served here whatever its size; nil if it may be. Isolated says whether the cloud keeps
// resources apart from those of others.
func (t Terms) Refuse(class descriptors.Class, isolated bool) *sla.Refusal {
	switch place := class.Place; {
	case !slices.Contains(t.Types, class.Type) && !slices.Contains(t.Types, class.Type.CopyOf()):
		return Unsupported("type", string(class.Type), Texts(t.Types))
	case class.Isolation == "required" && !isolated:
		return &sla.Refusal{
			Code: sla.RefusedIsolation, Message: "nothing here is kept apart from others' resources",
			Hint: "without isolation: required it would be offered",
		}
	case len(place.Region) > 0 && !slices.Contains(place.Region, t.Region):
		return elsewhere("region", place.Region, t.Region)
	case len(place.Country) > 0 && !slices.Contains(place.Country, t.Country):
		return elsewhere("country", place.Country, t.Country)
	case class.Span:
		return &sla.Refusal{
			Code: sla.RefusedUnsupported, Message: "a network here cannot span vendors: there is no overlay",
			Hint: "without span: true it would be offered",
		}
	}
	return nil
}

// Quote prices what is not refused. The flavor is that of a class that runs machines, and counts for no other. The error
// is an sla.Refusal.
func (t Terms) Quote(class descriptors.Class, flavor Flavor) (vendormodules.Quote, error) {
	class = class.WithDefaults()
	quote := vendormodules.Quote{
		Availability: t.Availability[class.Type], ReadyIn: t.ReadyIn, Flavor: string(class.Type),
	}
	var err error
	switch class.Type {
	case descriptors.Volume, descriptors.Snapshot, descriptors.Image: // copies are kept on the same storage
		quote.Use.Storage, quote.Availability = class.Size, t.Availability[descriptors.Volume]
		quote.Unit, err = t.Prices.Storage(class.Size)
	case descriptors.Network:
		quote.Unit = t.Prices.Network
	case descriptors.LoadBalancer:
		quote.Unit, err = t.Prices.LoadBalancer.Add(t.Prices.Address)
	default:
		quote.Use = vendormodules.Usage{Instances: 1, Cores: flavor.Cores, Memory: flavor.Memory}
		quote.Flavor = flavor.Name
		quote.Unit, err = t.Prices.Machine(flavor)
		if err == nil && len(class.Networks) == 0 {
			quote.Unit, err = quote.Unit.Add(t.Prices.Address)
		}
	}
	if err != nil {
		return vendormodules.Quote{}, sla.Refusal{Code: sla.RefusedCapacity, Message: fmt.Sprintf("no price for so much: %v", err)}
	}
	return quote, nil
}
