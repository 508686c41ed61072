package descriptors

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrCycle is wrapped by the error of an order that does not exist: each class on the cycle waits for the next.
var ErrCycle = errors.New("classes that need each other")

// Classes are the deployment's resource classes without who provides them.
func (d Deployment) Classes() map[string]Class {
	classes := make(map[string]Class, len(d.Resources))
	for name, bound := range d.Resources {
		classes[name] = bound.Class
	}
	return classes
}

// Networks are the networks that a class is on, whether it names them or they name it, sorted.
func Networks(resources map[string]Class, class string) []string {
	var networks []string
	for name, other := range resources {
		if other.Type != Network {
			continue
		}
		if slices.Contains(other.Members, class) || slices.Contains(resources[class].Networks, name) {
			networks = append(networks, name)
		}
	}
	slices.Sort(networks)
	return networks
}

// Confined says whether the class is a network that is at one vendor, and all of its members with it.
func (c Class) Confined() bool { return c.Type == Network && !c.Span }

// Strangers lists, for each class that others must reach by an address, those of them that are on no network with it,
// sorted: the classes that refer to its address, and the balancers that have it as their targets.
func Strangers(resources map[string]Class) map[string][]string {
	strangers := map[string][]string{}
	for name, class := range resources {
		reached := map[string]bool{class.Targets: class.Type == LoadBalancer}
		for _, reference := range References(class) {
			if reference.Attribute == AttributeAddress || reference.Attribute == AttributeAddresses {
				reached[reference.Class] = true
			}
		}
		for other, reaches := range reached {
			if _, exists := resources[other]; reaches && exists && other != name && !share(resources, name, other) {
				strangers[other] = append(strangers[other], name)
			}
		}
	}
	for _, names := range strangers {
		slices.Sort(names)
	}
	return strangers
}

// share says whether two classes are on one network.
func share(resources map[string]Class, one, other string) bool {
	networks := Networks(resources, other)
	return slices.ContainsFunc(Networks(resources, one), func(network string) bool { return slices.Contains(networks, network) })
}

// VolumeUser is the class that a volume is attached to; there is at most one.
func VolumeUser(resources map[string]Class, volume string) (class string, attached bool) {
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		if _, found := resources[name].Volumes[volume]; found {
			return name, true
		}
	}
	return "", false
}

// Dependencies lists, for each class, the classes that must exist before it, sorted: the networks it is on, its
// volumes, the classes it refers to, and a balancer's targets. Names of no class are left out.
func Dependencies(resources map[string]Class) map[string][]string {
	dependencies := make(map[string][]string, len(resources))
	for name, class := range resources {
		needs := Networks(resources, name)
		needs = slices.AppendSeq(needs, maps.Keys(class.Volumes))
		for _, reference := range References(class) {
			if reference.Attribute != AttributeToken { // which there is before anything runs
				needs = append(needs, reference.Class)
			}
		}
		if class.Type == LoadBalancer {
			needs = append(needs, class.Targets)
		}
		slices.Sort(needs)
		dependencies[name] = slices.DeleteFunc(slices.Compact(needs), func(need string) bool {
			_, exists := resources[need]
			return !exists
		})
	}
	return dependencies
}

// Order puts the classes of Dependencies into waves: what a class needs is in earlier waves than the class. A wave is
// sorted, and its classes can be created side by side. The error is an ErrCycle that names the cycle.
func Order(dependencies map[string][]string) (waves [][]string, err error) {
	done := make(map[string]bool, len(dependencies))
	for len(done) < len(dependencies) {
		var wave []string
		for class, needs := range dependencies {
			missing := func(need string) bool { _, listed := dependencies[need]; return listed && !done[need] }
			if !done[class] && !slices.ContainsFunc(needs, missing) {
				wave = append(wave, class)
			}
		}
		if len(wave) == 0 {
			return nil, fmt.Errorf("%w: %s", ErrCycle, strings.Join(cycle(dependencies), " -> "))
		}
		slices.Sort(wave)
		for _, class := range wave {
			done[class] = true
		}
		waves = append(waves, wave)
	}
	return waves, nil
}

// cycle finds one, "a -> b -> a", nil if there is none. The same dependencies have always the same one found.
func cycle(dependencies map[string][]string) []string {
	visited := make(map[string]bool, len(dependencies))
	for _, class := range slices.Sorted(maps.Keys(dependencies)) {
		if found := cycleFrom(dependencies, class, nil, visited); found != nil {
			return found
		}
	}
	return nil
}

func cycleFrom(dependencies map[string][]string, class string, path []string, visited map[string]bool) []string {
	if begin := slices.Index(path, class); begin >= 0 {
		return append(slices.Clone(path[begin:]), class)
	}
	if visited[class] {
		return nil
	}
	visited[class] = true
	for _, need := range dependencies[class] {
		if found := cycleFrom(dependencies, need, append(path, class), visited); found != nil {
			return found
		}
	}
	return nil
}
