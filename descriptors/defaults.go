package descriptors

import (
	"cmp"
	"slices"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// What is left out of a descriptor.
const (
	DefaultCurrency      quantity.Currency = "EUR"
	DefaultMemory                          = 512 * quantity.MiB
	DefaultArchitecture                    = "x86_64"
	DefaultProtocol                        = "http"
	DefaultCheckInterval                   = quantity.Duration(time.Second)
	DefaultReducers                        = 1
	DefaultSplit                           = 16 * quantity.MiB
	DefaultAttempts                        = 4
)

// WithDefaults is the application with everything filled in that was left out and has a default. The application
// itself is left as it is.
func (a Application) WithDefaults() Application {
	a.Currency = currencyOr(a.Currency, a.Budget)
	if a.Select == (Selection{}) {
		a.Select = Cheapest
	}
	if a.OnFailure == "" {
		a.OnFailure = RollBack
	}
	a.Resources = classesWithDefaults(a.Resources)
	return a
}

// WithDefaults is the call with its classes' defaults filled in.
func (c CallForProposals) WithDefaults() CallForProposals {
	c.Classes = classesWithDefaults(c.Classes)
	return c
}

// WithDefaults is the deployment with everything filled in that was left out and has a default.
func (d Deployment) WithDefaults() Deployment {
	d.Currency = currencyOr(d.Currency, d.Budget)
	if d.OnFailure == "" {
		d.OnFailure = RollBack
	}
	resources := d.Resources
	d.Resources = make(map[string]BoundClass, len(resources))
	for name, bound := range resources {
		bound.Class = bound.WithDefaults()
		d.Resources[name] = bound
	}
	return d
}

func currencyOr(currency quantity.Currency, budget quantity.Rate) quantity.Currency {
	switch {
	case currency != "":
		return currency
	case budget.PerHour.Currency != "":
		return budget.PerHour.Currency
	}
	return DefaultCurrency
}

func classesWithDefaults(classes map[string]Class) map[string]Class {
	result := make(map[string]Class, len(classes))
	for name, class := range classes {
		result[name] = class.WithDefaults()
	}
	return result
}

// WithDefaults is the class with everything filled in that was left out and has a default for its type.
func (c Class) WithDefaults() Class {
	switch c.Type {
	case Compute, Cluster:
		return c.withMachineDefaults()
	case Network:
		return c.withNetworkDefaults()
	case LoadBalancer:
		return c.withBalancerDefaults()
	case MapReduce:
		return c.withJobDefaults()
	}
	return c
}

func (c Class) withJobDefaults() Class {
	c.Image = cmp.Or(c.Image, MapReduceImage)
	c.Reducers = cmp.Or(c.Reducers, DefaultReducers)
	c.Split = cmp.Or(c.Split, DefaultSplit)
	c.Attempts = cmp.Or(c.Attempts, DefaultAttempts)
	return c.withMachineDefaults()
}

func (c Class) withMachineDefaults() Class {
	if c.Count == (quantity.Range{}) {
		c.Count = quantity.Range{Min: 1, Max: 1}
	}
	if c.Cores == 0 {
		c.Cores = 1
	}
	if c.Memory == 0 {
		c.Memory = DefaultMemory
	}
	if c.Architecture == "" {
		c.Architecture = DefaultArchitecture
	}
	return c
}

func (c Class) withNetworkDefaults() Class {
	c.Rules = slices.Clone(c.Rules)
	for i := range c.Rules {
		c.Rules[i].Protocol = cmp.Or(c.Rules[i].Protocol, DefaultRuleProtocol)
	}
	return c
}

func (c Class) withBalancerDefaults() Class {
	if c.Protocol == "" {
		c.Protocol = DefaultProtocol
	}
	if c.TargetPort == 0 {
		c.TargetPort = c.Listen
	}
	if c.Check.Every == 0 {
		c.Check.Every = DefaultCheckInterval
	}
	if c.Check.Timeout == 0 {
		c.Check.Timeout = min(c.Check.Every, DefaultCheckInterval)
	}
	return c
}
