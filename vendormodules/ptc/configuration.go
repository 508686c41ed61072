package ptc

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules/ptc/images"
)

// configuration is the module's part of the agency's configuration file. Everything has a default.
type configuration struct {
	Region string `yaml:"region"`
	// Country is an ISO 3166-1 alpha-2 code.
	Country  string   `yaml:"country"`
	Capacity capacity `yaml:"capacity"`
	Prices   prices   `yaml:"prices"`
	// Availability promised, by type.
	Availability map[descriptors.ResourceType]quantity.Percent `yaml:"availability"`
	// ReadyIn is the promised time from request to running.
	ReadyIn quantity.Duration `yaml:"ready-in"`
	// Types and Images offered; all by default.
	Types  []descriptors.ResourceType `yaml:"types"`
	Images descriptors.Names          `yaml:"images"`
	// ImageFiles are further images by name: the absolute path of a directory or a tar archive, gzipped or not.
	ImageFiles map[string]string `yaml:"image-files"`
}

// capacity is what the module gives out in all. By default machines up to 64, cores eight times those of the host and
// at least 16, memory and storage what the host has.
type capacity struct {
	Machines int            `yaml:"machines"`
	Cores    int            `yaml:"cores"`
	Memory   quantity.Bytes `yaml:"memory"`
	Storage  quantity.Bytes `yaml:"storage"`
}

// prices are per hour unless they say otherwise, and all in one currency.
type prices struct {
	// Currency of the prices that are left out; by default that of the others, else EUR.
	Currency        quantity.Currency `yaml:"currency"`
	CoreHour        *quantity.Money   `yaml:"core-hour"`
	GiBHour         *quantity.Money   `yaml:"gib-hour"` // of memory
	StorageGiBMonth *quantity.Money   `yaml:"storage-gib-month"`
	LoadBalancer    *quantity.Money   `yaml:"load-balancer-hour"`
	Network         *quantity.Money   `yaml:"network-hour"`
}

// price is one of the prices with its name and its default in micro-units.
type price struct {
	name   string
	amount **quantity.Money
	micros int64
}

func (p *prices) all() []price {
	return []price{
		{"core-hour", &p.CoreHour, 8_000},
		{"gib-hour", &p.GiBHour, 3_000},
		{"storage-gib-month", &p.StorageGiBMonth, 50_000},
		{"load-balancer-hour", &p.LoadBalancer, 6_000},
		{"network-hour", &p.Network, 500},
	}
}

// types are the types that the module can create, sorted.
var types = [...]descriptors.ResourceType{
	descriptors.Cluster, descriptors.Compute, descriptors.LoadBalancer, descriptors.Network, descriptors.Volume,
}

// promised are the availabilities where the configuration does not say.
var promised = map[descriptors.ResourceType]quantity.Percent{
	descriptors.Compute: 0.9995, descriptors.LoadBalancer: 0.9999, descriptors.Network: 0.9999, descriptors.Volume: 0.9999,
}

const defaultReadyIn = quantity.Duration(1_000_000_000)

// configure reads a configuration strictly and fills in what it leaves out. The error is descriptors.Faults.
func configure(node *yaml.Node) (configuration, error) {
	var c configuration
	var positions descriptors.Positions
	var faults descriptors.Faults
	if node != nil && node.Kind != 0 && node.Tag != "!!null" {
		positions, faults = descriptors.Decode("", "", node, &c)
	}
	fault := func(path, format string, arguments ...any) {
		faults = append(faults, positions.Fault(path, format, arguments...))
	}
	c.checkPlace(fault)
	c.checkOffers(fault)
	c.checkPrices(fault)
	slices.SortStableFunc(faults, func(a, b descriptors.Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	if err := faults.Err(); err != nil {
		return c, err
	}
	return c.withDefaults(), nil
}

type faulter func(path, format string, arguments ...any)

func (c configuration) checkPlace(fault faulter) {
	isCode := len(c.Country) == 2 && c.Country[0] >= 'A' && c.Country[0] <= 'Z' && c.Country[1] >= 'A' && c.Country[1] <= 'Z'
	if c.Country != "" && !isCode {
		fault("country", "%q is not a country; write two capital letters such as GR", c.Country)
	}
	for name, value := range map[string]int64{
		"machines": int64(c.Capacity.Machines), "cores": int64(c.Capacity.Cores),
		"memory": int64(c.Capacity.Memory), "storage": int64(c.Capacity.Storage),
	} {
		if value < 0 {
			fault("capacity."+name, "below zero")
		}
	}
}

func (c configuration) checkOffers(fault faulter) {
	unknown := func(path, name string, names []string) {
		message := fmt.Sprintf("there is no %q", name)
		if near, found := descriptors.Nearest(name, names); found {
			message += fmt.Sprintf("; did you mean %q?", near)
		}
		fault(path, "%s", message)
	}
	typeNames := names(types[:])
	for index, one := range c.Types {
		if !slices.Contains(types[:], one) {
			unknown(fmt.Sprintf("types[%d]", index), string(one), typeNames)
		}
	}
	for one, value := range c.Availability {
		if path := "availability." + string(one); !slices.Contains(types[:], one) {
			unknown(path, string(one), typeNames)
		} else if value <= 0 {
			fault(path, "nothing is promised; write 99.9%%")
		}
	}
	for name, path := range c.ImageFiles {
		if !filepath.IsAbs(path) {
			fault("image-files."+name, "%q is not an absolute path", path)
		}
		if slices.Contains(images.Names(), name) {
			fault("image-files."+name, "%q is built in; choose another name", name)
		}
	}
	for index, name := range c.Images {
		if all := c.everyImage(); !slices.Contains(all, name) {
			unknown(fmt.Sprintf("images[%d]", index), name, all)
		}
	}
}

func (c configuration) checkPrices(fault faulter) {
	currency := c.currency()
	for _, price := range c.Prices.all() {
		amount := *price.amount
		switch path := "prices." + price.name; {
		case amount == nil:
		case amount.Micros < 0:
			fault(path, "below zero")
		case amount.Currency != currency:
			fault(path, "%s, while other prices are in %s; a vendor has one currency", amount, currency)
		}
	}
}

// currency of every price: the one that is said, else that of the first price.
func (c configuration) currency() quantity.Currency {
	if c.Prices.Currency != "" {
		return c.Prices.Currency
	}
	for _, price := range c.Prices.all() {
		if amount := *price.amount; amount != nil {
			return amount.Currency
		}
	}
	return descriptors.DefaultCurrency
}

func (c configuration) withDefaults() configuration {
	currency := c.currency()
	for _, price := range c.Prices.all() {
		if *price.amount == nil {
			*price.amount = &quantity.Money{Micros: price.micros, Currency: currency}
		}
	}
	promises := maps.Clone(promised)
	maps.Copy(promises, c.Availability)
	if _, given := c.Availability[descriptors.Cluster]; !given {
		promises[descriptors.Cluster] = promises[descriptors.Compute]
	}
	c.Availability = promises
	c.ReadyIn = cmp.Or(c.ReadyIn, defaultReadyIn)
	if len(c.Types) == 0 {
		c.Types = slices.Clone(types[:])
	}
	slices.Sort(c.Types)
	c.Types = slices.Compact(c.Types)
	if len(c.Images) == 0 {
		c.Images = c.everyImage()
	}
	c.Region = cmp.Or(c.Region, "local")
	return c
}

// everyImage is the built-in images and the configured ones.
func (c configuration) everyImage() []string {
	return append(images.Names(), slices.Sorted(maps.Keys(c.ImageFiles))...)
}

func names[S ~string](values []S) []string {
	texts := make([]string, 0, len(values))
	for _, value := range values {
		texts = append(texts, string(value))
	}
	return texts
}
