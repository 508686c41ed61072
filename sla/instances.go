package sla

import (
	"math"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Instances is the range of how many resources a class of an application stands for: the count of a compute or a
// cluster; for a volume, of which each machine that mounts it has its own, the count of those machines; else one. It is
// empty for a class that is not among the resources.
func Instances(resources map[string]descriptors.Class, name string) quantity.Range {
	class, found := resources[name]
	if !found {
		return quantity.Range{}
	}
	if class.Type != descriptors.Volume {
		return class.Instances()
	}
	count, mounted := quantity.Range{}, false
	for _, user := range resources {
		if _, mounts := user.Volumes[name]; mounts {
			machines := user.Instances()
			count.Min, count.Max, mounted = count.Min+machines.Min, count.Max+machines.Max, true
		}
	}
	if !mounted {
		return class.Instances()
	}
	return count
}

// ClassAvailability is how available a class is as a whole when one instance of it is available to the degree given and
// the instances of machines fail independently: a compute needs all of them, a cluster one, and everything else counts
// once. The smallest count asked for decides, at least one.
func ClassAvailability(class descriptors.Class, instance quantity.Percent) quantity.Percent {
	count := float64(max(class.Instances().Min, 1))
	switch class.Type {
	case descriptors.Compute:
		return quantity.Percent(math.Pow(float64(instance), count))
	case descriptors.Cluster:
		return quantity.Percent(1 - math.Pow(1-float64(instance), count))
	}
	return instance
}

// Availability is how available an application is as a whole when its classes are served by the offers: the product
// over the classes offered, taken in the order of their names so that equal offers give equal results.
func Availability(resources map[string]descriptors.Class, offers map[string]Offer) quantity.Percent {
	product := quantity.Percent(1)
	for _, name := range sortedNames(offers) {
		product *= ClassAvailability(resources[name], offers[name].Availability)
	}
	return product
}

func sortedNames[V any](byName map[string]V) []string {
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
