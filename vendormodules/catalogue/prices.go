package catalogue

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// Prices are what a configuration says that things cost, all in one currency.
type Prices struct {
	// Currency of the prices that are left out; by default that of the others, else EUR.
	Currency quantity.Currency `yaml:"currency"`
	// Flavors by name; what they cost goes before all else.
	Flavors map[string]quantity.Rate `yaml:"flavors"`
	// CoreHour and GiBHour, of memory, add up to the price of a flavor that has none of its own.
	CoreHour        quantity.Money `yaml:"core-hour"`
	GiBHour         quantity.Money `yaml:"gib-hour"`
	StorageGiBMonth quantity.Money `yaml:"storage-gib-month"`
	LoadBalancer    quantity.Rate  `yaml:"load-balancer"`
	Network         quantity.Rate  `yaml:"network"`
	// Address is added to what a load balancer costs, and a machine that is in no network: what has a public address.
	Address quantity.Rate `yaml:"address"`
}

// price is one of the prices with its name and its default in micro-units.
type price struct {
	name   string
	amount *quantity.Money
	micros int64
}

func (p *Prices) all() []price {
	return []price{
		{"core-hour", &p.CoreHour, 8_000},
		{"gib-hour", &p.GiBHour, 3_000},
		{"storage-gib-month", &p.StorageGiBMonth, 50_000},
		{"load-balancer", &p.LoadBalancer.PerHour, 6_000},
		{"network", &p.Network.PerHour, 500},
		{"address", &p.Address.PerHour, 0},
	}
}

// InCurrency gives the prices that a configuration leaves out the currency of those that the cloud tells. One that the
// configuration says stays.
func (p Prices) InCurrency(currency quantity.Currency) Prices {
	if said := p.currency(); said == "" {
		p.Currency = currency
	}
	return p
}

// currency of every price: the one that is said, else that of the first price; empty if there is neither.
func (p Prices) currency() quantity.Currency {
	if p.Currency != "" {
		return p.Currency
	}
	for _, one := range p.all() {
		if one.amount.Currency != "" {
			return one.amount.Currency
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Flavors)) {
		return p.Flavors[name].PerHour.Currency
	}
	return ""
}

func (p Prices) check(fault vendormodules.Fault) {
	currency := p.currency()
	check := func(path string, amount quantity.Money) {
		switch {
		case amount.Micros < 0:
			fault(path, "below zero")
		case amount.Currency != "" && amount.Currency != currency:
			fault(path, "%s, while other prices are in %s; a vendor has one currency", amount, currency)
		}
	}
	for _, one := range p.all() {
		check("prices."+one.name, *one.amount)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Flavors)) {
		check("prices.flavors."+name, p.Flavors[name].PerHour)
	}
}

func (p Prices) withDefaults() Prices {
	p.Currency = p.currency()
	if p.Currency == "" {
		p.Currency = descriptors.DefaultCurrency
	}
	for _, one := range p.all() {
		if one.amount.Currency == "" {
			*one.amount = quantity.Money{Micros: one.micros, Currency: p.Currency}
		}
	}
	return p
}

// Machine is the price of a flavor: the configuration's, else the cloud's own, else that of its cores and memory. The
// error is that of quantity.Money.
func (p Prices) Machine(flavor Flavor) (quantity.Rate, error) {
	if configured, found := p.Flavors[flavor.Name]; found {
		return configured, nil
	}
	if flavor.Price != (quantity.Rate{}) {
		return flavor.Price, nil
	}
	cores, err := p.CoreHour.Times(int64(flavor.Cores))
	if err != nil {
		return quantity.Rate{}, err
	}
	memory, err := portion(p.GiBHour, uint64(flavor.Memory), uint64(quantity.GiB))
	if err != nil {
		return quantity.Rate{}, err
	}
	sum, err := cores.Add(memory)
	return quantity.Rate{PerHour: sum}, err
}

// Storage is the price of so much of a volume. The error is that of quantity.Money.
func (p Prices) Storage(size quantity.Bytes) (quantity.Rate, error) {
	price, err := portion(p.StorageGiBMonth, uint64(size), uint64(quantity.GiB)*quantity.HoursPerMonth)
	return quantity.Rate{PerHour: price}, err
}

// portion is money times amount over whole, rounded up to the micro-unit.
func portion(money quantity.Money, amount, whole uint64) (quantity.Money, error) {
	high, low := bits.Mul64(uint64(money.Micros), amount)
	if high >= whole {
		return quantity.Money{}, fmt.Errorf("%s: %w", money, quantity.ErrOverflow)
	}
	result, rest := bits.Div64(high, low, whole)
	if rest > 0 {
		result++
	}
	if result > math.MaxInt64 {
		return quantity.Money{}, fmt.Errorf("%s: %w", money, quantity.ErrOverflow)
	}
	return quantity.Money{Micros: int64(result), Currency: money.Currency}, nil
}
