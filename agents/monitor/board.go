package monitor

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// board holds the last readings. Safe for use by many goroutines.
type board struct {
	keep int

	mutex   sync.Mutex
	vendors map[string]*vendor
	// names of the deployments that are there, and their ids.
	names map[string]string
}

// vendor is what one vendor told.
type vendor struct {
	resources map[proto.ResourceRef]*history
	// silent says that it did not answer when it was last asked.
	silent bool
}

// history is the last readings of one resource.
type history struct {
	latest proto.Sample
	// earlier readings, the oldest first.
	earlier [][]sla.Measurement
}

// earlierOf is the most resources of a deployment whose earlier readings are told too: those of more fit no message.
const earlierOf = 100

func newBoard(keep int) *board {
	return &board{keep: keep, vendors: map[string]*vendor{}, names: map[string]string{}}
}

// keepVendors forgets the vendors that are no longer in the register.
func (b *board) keepVendors(names []string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	maps.DeleteFunc(b.vendors, func(name string, _ *vendor) bool { return !slices.Contains(names, name) })
}

// heard takes in all that a vendor tells. What it tells nothing of any more is forgotten.
func (b *board) heard(name string, samples []proto.Sample) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	before := b.vendor(name).resources
	now := make(map[proto.ResourceRef]*history, len(samples))
	for _, sample := range samples {
		sample.Vendor, sample.Earlier = name, nil // whatever it says: a vendor speaks for itself, and of now
		next := &history{latest: sample}
		if former := before[sample.Resource]; former != nil {
			next.earlier = append(former.earlier, former.latest.Measurements)
			next.earlier = next.earlier[max(0, len(next.earlier)-(b.keep-1)):]
		}
		now[sample.Resource] = next
	}
	b.vendors[name] = &vendor{resources: now}
}

// silent notes that a vendor did not answer and says whether that is new.
func (b *board) silent(name string) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	known := b.vendor(name)
	fresh := !known.silent
	known.silent = true
	return fresh
}

func (b *board) vendor(name string) *vendor {
	known := b.vendors[name]
	if known == nil {
		known = &vendor{resources: map[proto.ResourceRef]*history{}}
		b.vendors[name] = known
	}
	return known
}

// deployment notes where a deployment stands. Of one that is gone everything is forgotten.
func (b *board) deployment(id, name string, state descriptors.DeploymentState) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if !gone(state) {
		b.names[name] = id
		return
	}
	if b.names[name] == id {
		delete(b.names, name)
	}
	for _, one := range b.vendors {
		maps.DeleteFunc(one.resources, func(resource proto.ResourceRef, _ *history) bool { return resource.Deployment == id })
	}
}

// silentVendors are those that did not answer last time, by name.
func (b *board) silentVendors() []string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(b.vendors)) {
		if b.vendors[name].silent {
			names = append(names, name)
		}
	}
	return names
}

// all is the last reading of every resource, in no order.
func (b *board) all() []proto.Sample {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.list(func(history *history) (proto.Sample, bool) { return history.latest, true })
}

// of is what is known of the resources of one deployment, by its id or name, earlier readings too.
func (b *board) of(deployment string) []proto.Sample {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	id := deployment
	if named, found := b.names[deployment]; found {
		id = named
	}
	samples := b.list(func(history *history) (proto.Sample, bool) {
		sample := history.latest
		sample.Earlier = slices.Concat(history.earlier...)
		return sample, sample.Resource.Deployment == id
	})
	if len(samples) > earlierOf {
		for i := range samples {
			samples[i].Earlier = nil
		}
	}
	return samples
}

// list is the samples that pick returns.
func (b *board) list(pick func(*history) (proto.Sample, bool)) []proto.Sample {
	samples := []proto.Sample{}
	for _, vendor := range b.vendors {
		for _, history := range vendor.resources {
			if sample, wanted := pick(history); wanted {
				samples = append(samples, sample)
			}
		}
	}
	return samples
}

// placeOf is a sample's key in listings, which are in the order of deployments and names.
func placeOf(sample proto.Sample) string {
	return strings.Join([]string{sample.Resource.Deployment, sample.Name, sample.Vendor, sample.Resource.Key()}, " ")
}
