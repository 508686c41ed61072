package simulated

import (
	"net/netip"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// configuration is the module's part of the agency's configuration file. Everything has a default.
type configuration struct {
	Region string `yaml:"region"`
	// Country is an ISO 3166-1 alpha-2 code.
	Country string `yaml:"country"`
	// Seed of all chance.
	Seed uint64 `yaml:"seed"`
	// Types and Images offered.
	Types  []descriptors.ResourceType `yaml:"types"`
	Images descriptors.Names          `yaml:"images"`
	// Isolation is what the description says of it.
	Isolation bool `yaml:"isolation"`
	// CreateToken says that a repeated create is recognised by its key; true by default. Otherwise only by what a
	// listing shows.
	CreateToken *bool `yaml:"create-token"`
	// Settle is what the description says of it; by default as long as a listing may be late to show something.
	Settle *quantity.Duration `yaml:"settle"`

	// Latency and Failures by operation; those of "any" are for operations that are not named.
	Latency  map[operation]interval `yaml:"latency"`
	Failures map[operation]risks    `yaml:"failures"`
	// LostAfter is how long the caller waits, after the call has worked, until an answer counts as lost.
	LostAfter interval `yaml:"lost-after"`
	Listing   listing  `yaml:"listing"`
	// Boot and Deletion are how long a resource is creating and deleting.
	Boot     interval `yaml:"boot"`
	Deletion interval `yaml:"deletion"`
	// BootFailures is how many of the resources end in error instead of running.
	BootFailures quantity.Percent `yaml:"boot-failures"`

	// Quotas are what the account may have. Capacity is what the cloud has for it. The module tells of the quotas, and of
	// the capacity where there is no quota, as clouds do: one with less capacity than quota is oversold. Zero is no limit.
	Quotas   vendormodules.Usage `yaml:"quotas"`
	Capacity vendormodules.Usage `yaml:"capacity"`

	Flavors []flavor `yaml:"flavors"`
	Prices  prices   `yaml:"prices"`
	// PriceSteps multiply all prices from a time after the account was first opened, DailyPrices from a time of the day
	// (UTC). Each holds until the next.
	PriceSteps  []step `yaml:"price-steps"`
	DailyPrices []step `yaml:"daily-prices"`
	// Availability promised.
	Availability quantity.Percent `yaml:"availability"`
	// ReadyIn promised; by default the longest boot.
	ReadyIn *quantity.Duration `yaml:"ready-in"`
	// Addresses that resources get, within 198.18.0.0/15.
	Addresses netip.Prefix `yaml:"addresses"`
}

// listing is how late listings are.
type listing struct {
	// ShowsAfter is from the create until a listing has the resource, Lingers from its end until none has it.
	ShowsAfter interval `yaml:"shows-after"`
	Lingers    interval `yaml:"lingers"`
}

// flavor is a size of machine.
type flavor struct {
	Name   string         `yaml:"name"`
	Cores  int            `yaml:"cores"`
	Memory quantity.Bytes `yaml:"memory"`
	Price  quantity.Rate  `yaml:"price"`
}

// prices of what has no flavor.
type prices struct {
	StorageGiBMonth quantity.Money `yaml:"storage-gib-month"`
	LoadBalancer    quantity.Rate  `yaml:"load-balancer"`
	Network         quantity.Rate  `yaml:"network"`
}

// step is a factor on prices from a moment on.
type step struct {
	From   quantity.Duration `yaml:"from"`
	Factor float64           `yaml:"factor"`
}

// benchmarking is the range of addresses that RFC 2544 sets aside.
func benchmarking() netip.Prefix { return netip.MustParsePrefix("198.18.0.0/15") }

// allTypes are the types that the module can create, sorted.
func allTypes() []descriptors.ResourceType {
	return []descriptors.ResourceType{
		descriptors.Cluster, descriptors.Compute, descriptors.LoadBalancer, descriptors.Network, descriptors.Volume,
	}
}

// defaults are the configuration that says nothing.
func defaults() configuration {
	euros := func(micros int64) quantity.Money {
		return quantity.Money{Micros: micros, Currency: descriptors.DefaultCurrency}
	}
	c := configuration{
		Region: "nowhere", Images: descriptors.Names{"kv-store", "shell", "static-web"}, Types: allTypes(),
		Availability: 0.999, Addresses: benchmarking(),
		Prices: prices{
			StorageGiBMonth: euros(50_000), LoadBalancer: quantity.Rate{PerHour: euros(8_000)},
			Network: quantity.Rate{PerHour: euros(500)},
		},
	}
	for _, size := range []struct {
		name  string
		cores int
	}{{"sim.1", 1}, {"sim.2", 2}, {"sim.4", 4}, {"sim.8", 8}, {"sim.16", 16}, {"sim.32", 32}, {"sim.64", 64}} {
		c.Flavors = append(c.Flavors, flavor{
			Name: size.name, Cores: size.cores, Memory: 4 * quantity.GiB * quantity.Bytes(size.cores),
			Price: quantity.Rate{PerHour: euros(10_000 * int64(size.cores))},
		})
	}
	return c
}

// configure reads a configuration strictly over the defaults. The error is descriptors.Faults.
func configure(node *yaml.Node) (configuration, error) {
	c := defaults()
	var positions descriptors.Positions
	var faults descriptors.Faults
	if node != nil && node.Kind != 0 && node.Tag != "!!null" {
		positions, faults = descriptors.Decode("", "", node, &c)
	}
	c.adoptCurrency(positions)
	c.check(func(path, format string, arguments ...any) {
		faults = append(faults, positions.Fault(path, format, arguments...))
	})
	if err := faults.Err(); err != nil {
		return c, err
	}
	if c.CreateToken == nil {
		known := true
		c.CreateToken = &known
	}
	if c.Settle == nil {
		settle := quantity.Duration(c.Listing.ShowsAfter.most)
		c.Settle = &settle
	}
	if c.ReadyIn == nil {
		ready := quantity.Duration(c.Boot.most)
		c.ReadyIn = &ready
	}
	return c, nil
}

// adoptCurrency lets prices that the configuration leaves out be in the currency of the flavors.
func (c *configuration) adoptCurrency(positions descriptors.Positions) {
	if len(c.Flavors) == 0 {
		return
	}
	for path, price := range map[string]*quantity.Money{
		"prices.storage-gib-month": &c.Prices.StorageGiBMonth, "prices.load-balancer": &c.Prices.LoadBalancer.PerHour,
		"prices.network": &c.Prices.Network.PerHour,
	} {
		if !positions.Has(path) {
			price.Currency = c.Flavors[0].Price.PerHour.Currency
		}
	}
}
