package simulated

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// faulter notes that something is wrong with the field at a path.
type faulter func(path, format string, arguments ...any)

// check finds what can be read and makes no sense.
func (c configuration) check(fault faulter) {
	letters := strings.Trim(c.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	if c.Country != "" && (len(c.Country) != 2 || letters != "") {
		fault("country", "%q is not a country; write two capital letters such as GR", c.Country)
	}
	if !slices.IsSorted(c.Types) || len(slices.Compact(slices.Clone(c.Types))) != len(c.Types) {
		fault("types", "write each type once, in the order of the alphabet")
	}
	for index, one := range c.Types {
		if !slices.Contains(allTypes(), one) {
			fault(fmt.Sprintf("types[%d]", index), "nothing here is of type %q", one)
		}
	}
	if block := benchmarking(); c.Addresses.Masked() != c.Addresses || c.Addresses.Bits() > 30 ||
		c.Addresses.Bits() < block.Bits() || !block.Contains(c.Addresses.Addr()) {
		fault("addresses", "%s is no block of %s with four addresses or more", c.Addresses, block)
	}
	c.checkOperations(fault)
	c.checkPrices(fault)
	checkLimits(fault, "quotas", c.Quotas)
	checkLimits(fault, "capacity", c.Capacity)
	checkSteps(fault, "price-steps", c.PriceSteps)
	checkSteps(fault, "daily-prices", c.DailyPrices)
}

func (c configuration) checkOperations(fault faulter) {
	known := func(path string, name operation) {
		if slices.Contains(operations(), name) {
			return
		}
		all := make([]string, 0, len(operations()))
		for _, one := range operations() {
			all = append(all, string(one))
		}
		hint := "there are " + strings.Join(all, ", ")
		if near, found := descriptors.Nearest(string(name), all); found {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		fault(path+"."+string(name), "no operation is called so; %s", hint)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Latency)) {
		known("latency", name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Failures)) {
		known("failures", name)
		var sum quantity.Percent
		for _, risk := range c.Failures[name].all() {
			sum += risk.rate
		}
		if sum > 1 {
			fault("failures."+string(name), "these are %s of all calls together", sum)
		}
	}
}

func (c configuration) checkPrices(fault faulter) {
	if len(c.Flavors) == 0 {
		fault("flavors", "without a flavor there is no machine; write {name: small, cores: 1, memory: 2GiB, price: 0.01 EUR/h}")
		return
	}
	currency := c.Flavors[0].Price.PerHour.Currency
	positive := func(path string, price quantity.Money) {
		switch {
		case price.Micros <= 0:
			fault(path, "a price is above nothing")
		case price.Currency != currency:
			fault(path, "%s, while the first flavor's price is in %s; a vendor has one currency", price, currency)
		}
	}
	for index, one := range c.Flavors {
		path := fmt.Sprintf("flavors[%d]", index)
		if one.Name == "" || one.Cores < 1 || one.Memory < 1 {
			fault(path, "a flavor has a name, cores and memory")
		}
		positive(path+".price", one.Price.PerHour)
	}
	positive("prices.storage-gib-month", c.Prices.StorageGiBMonth)
	positive("prices.load-balancer", c.Prices.LoadBalancer.PerHour)
	positive("prices.network", c.Prices.Network.PerHour)
	if c.Availability <= 0 {
		fault("availability", "nothing is promised; write 99.9%%")
	}
}

func checkLimits(fault faulter, path string, limits vendormodules.Usage) {
	if limits.Instances < 0 || limits.Cores < 0 || limits.Memory < 0 || limits.Storage < 0 {
		fault(path, "nothing may be below zero")
	}
}

// mostFactor keeps the product of any price and factors far from overflow.
const mostFactor = 1000

func checkSteps(fault faulter, path string, steps []step) {
	for index, one := range steps {
		at := fmt.Sprintf("%s[%d]", path, index)
		if one.Factor < 1/float64(mostFactor) || one.Factor > mostFactor {
			fault(at+".factor", "write a number from 0.001 to %d", mostFactor)
		}
		if index > 0 && one.From <= steps[index-1].From {
			fault(at+".from", "write the steps in the order of time")
		}
	}
}
