package simulated

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Quote implements vendormodules.Module. Prices are those of the moment.
func (m *Module) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	var quote vendormodules.Quote
	err := m.call(ctx, opQuote, string(class.Type), func(now time.Time) error {
		c := m.configuration
		size, refusal := c.size(class)
		if refusal == nil {
			refusal = c.misplaced(class)
		}
		if refusal != nil {
			return *refusal
		}
		price, err := c.priceAt(size.price, now, now.Sub(m.account.book.Opened))
		if err != nil {
			return sla.Refusal{Code: sla.RefusedCapacity, Message: fmt.Sprintf("no price for so much: %v", err)}
		}
		quote = vendormodules.Quote{
			Unit: quantity.Rate{PerHour: price}, Availability: c.Availability, ReadyIn: *c.ReadyIn, Flavor: size.name,
			Use: size.use,
		}
		return nil
	})
	return quote, err
}

// Capacity implements vendormodules.Module.
func (m *Module) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	var told vendormodules.Usage
	err := m.call(ctx, opCapacity, "account", func(time.Time) error {
		told = m.configuration.told()
		return nil
	})
	return told, err
}

// told is how much the account is told that it can run.
func (c configuration) told() vendormodules.Usage {
	return vendormodules.Usage{
		Instances: cmp.Or(c.Quotas.Instances, c.Capacity.Instances), Cores: cmp.Or(c.Quotas.Cores, c.Capacity.Cores),
		Memory: cmp.Or(c.Quotas.Memory, c.Capacity.Memory), Storage: cmp.Or(c.Quotas.Storage, c.Capacity.Storage),
	}
}

// size is what serves a class, before any factor on its price.
type size struct {
	name  string
	use   vendormodules.Usage
	price quantity.Money
}

// size finds what serves a class, or says why nothing does.
func (c configuration) size(class descriptors.Class) (size, *sla.Refusal) {
	class = class.WithDefaults()
	switch class.Type {
	case descriptors.Compute, descriptors.Cluster:
		return c.machine(class)
	case descriptors.Volume, descriptors.Snapshot, descriptors.Image:
		const monthsMiB = quantity.HoursPerMonth * int64(quantity.GiB/quantity.MiB)
		price, err := scaled(c.Prices.StorageGiBMonth, int64((class.Size+quantity.MiB-1)/quantity.MiB), monthsMiB)
		if limit := c.told().Storage; err != nil || limit > 0 && class.Size > limit {
			return size{}, refused(sla.RefusedCapacity, fmt.Sprintf("size %s is more than there is in all", class.Size), limit.String())
		}
		return size{string(class.Type), vendormodules.Usage{Storage: class.Size}, price}, nil
	case descriptors.LoadBalancer:
		return size{name: "balancer", price: c.Prices.LoadBalancer.PerHour}, nil
	case descriptors.Network:
		return size{name: "network", price: c.Prices.Network.PerHour}, nil
	}
	return size{}, refused(sla.RefusedUnsupported, fmt.Sprintf("no resource of type %q here", class.Type), "")
}

// machine finds the cheapest flavor that is large enough.
func (c configuration) machine(class descriptors.Class) (size, *sla.Refusal) {
	if class.Image != "" && !slices.Contains(c.Images, class.Image) {
		return size{}, refused(sla.RefusedUnsupported, fmt.Sprintf("no image %q here", class.Image),
			"there is "+strings.Join(c.Images, ", "))
	}
	var found *flavor
	for index := range c.Flavors {
		one := &c.Flavors[index]
		fits := one.Cores >= class.Cores && one.Memory >= class.Memory
		if fits && (found == nil || one.Price.PerHour.Micros < found.Price.PerHour.Micros) {
			found = one
		}
	}
	if found == nil {
		largest := slices.MaxFunc(c.Flavors, func(a, b flavor) int {
			return cmp.Or(cmp.Compare(a.Cores, b.Cores), cmp.Compare(a.Memory, b.Memory))
		})
		return size{}, refused(sla.RefusedCapacity, fmt.Sprintf("no flavor has %d cores and %s", class.Cores, class.Memory),
			fmt.Sprintf("would do %d cores and %s", largest.Cores, largest.Memory))
	}
	use := vendormodules.Usage{Instances: 1, Cores: found.Cores, Memory: found.Memory}
	return size{found.Name, use, found.Price.PerHour}, nil
}

// misplaced says why a class that could be served is not offered here.
func (c configuration) misplaced(class descriptors.Class) *sla.Refusal {
	place := class.Place
	switch {
	case !slices.Contains(c.Types, class.Type) && !slices.Contains(c.Types, class.Type.CopyOf()):
		return refused(sla.RefusedUnsupported, fmt.Sprintf("no %s is offered here", class.Type), "")
	case class.Isolation == "required" && !c.Isolation:
		return refused(sla.RefusedIsolation, "no isolation is promised here", "")
	case len(place.Region) > 0 && !slices.Contains(place.Region, c.Region):
		return refused(sla.RefusedPlacement, "not in region "+strings.Join(place.Region, " or "), "this is "+c.Region)
	case len(place.Country) > 0 && !slices.Contains(place.Country, c.Country):
		return refused(sla.RefusedPlacement, "not in country "+strings.Join(place.Country, " or "), "this is "+c.Country)
	case class.Span:
		return refused(sla.RefusedUnsupported, "a network here cannot span vendors", "")
	}
	return nil
}

func refused(code sla.RefusalCode, message, hint string) *sla.Refusal {
	return &sla.Refusal{Code: code, Message: message, Hint: hint}
}

// parts is the precision of factors.
const parts = 1_000_000

// priceAt is a price with the factors of a moment, so long after the account was opened first.
func (c configuration) priceAt(price quantity.Money, now time.Time, after time.Duration) (quantity.Money, error) {
	ofDay := now.Sub(now.Truncate(24 * time.Hour))
	for _, factor := range [...]float64{factorAt(c.PriceSteps, after, 1), factorAt(c.DailyPrices, ofDay, lastFactor(c.DailyPrices))} {
		var err error
		if price, err = scaled(price, int64(math.Round(factor*parts)), parts); err != nil {
			return price, err
		}
	}
	return price, nil
}

// factorAt is the factor of the last step that has begun, else what held before the first.
func factorAt(steps []step, at time.Duration, before float64) float64 {
	begun := sort.Search(len(steps), func(index int) bool { return at < time.Duration(steps[index].From) })
	if begun == 0 {
		return before
	}
	return steps[begun-1].Factor
}

// lastFactor is what holds at midnight: the last step of the day before.
func lastFactor(steps []step) float64 {
	if len(steps) == 0 {
		return 1
	}
	return steps[len(steps)-1].Factor
}

// scaled is money times a fraction, rounded up to the micro-unit.
func scaled(money quantity.Money, numerator, denominator int64) (quantity.Money, error) {
	product, err := money.Times(numerator)
	if err != nil {
		return product, err
	}
	micros := product.Micros / denominator
	if product.Micros%denominator > 0 {
		micros++
	}
	return quantity.Money{Micros: micros, Currency: money.Currency}, nil
}
