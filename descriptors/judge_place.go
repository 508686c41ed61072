package descriptors

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)

// place judges a class's placement by itself.
func (j *judge) place(at, name string, class Class) {
	for i, country := range class.Place.Country {
		if !countryPattern.MatchString(country) {
			j.faultAt(elementPath(at+".country", i), at+".country",
				"%q is not a country; write two capital letters such as PT", country)
		}
	}
	j.others(at+".together", name, class.Place.Together)
	apart := slices.Clone(class.Place.Apart)
	for i, other := range apart {
		if other != ApartMachine {
			continue
		}
		if !class.Type.RunsMachines() {
			j.faultAt(elementPath(at+".apart", i), at+".apart", "a %s has no machines to keep apart", class.Type)
		}
		apart[i] = "" // not a class
	}
	j.others(at+".apart", name, apart)
}

// others judges the names of classes that a class is to be with or without; empty ones are passed over.
func (j *judge) others(at, name string, others Names) {
	for i, other := range others {
		position := elementPath(at, i)
		switch other {
		case "":
		case name:
			j.faultAt(position, at, "%q is the class itself", name)
		default:
			j.named(reporter{j.faultAt, position, at}, other)
		}
	}
}

// bond keeps two classes at one vendor, and says why.
type bond struct{ class, reason string }

// placements refuses classes that must be apart and together at once.
func (j *judge) placements() {
	bonds := j.bonds()
	for _, name := range sortedKeys(j.classes) {
		at := fieldPath(j.root, name) + ".place.apart"
		for i, other := range j.classes[name].Place.Apart {
			if other == name || other == ApartMachine {
				continue
			}
			if reasons := chain(bonds, name, other); reasons != nil {
				j.faultAt(elementPath(at, i), at, "%q must be at the same vendor: %s", other, strings.Join(reasons, ", "))
			}
		}
	}
}

// bonds are all that keeps classes at one vendor: the word together, networks, and volumes, which are where
// the machines are that they are attached to.
func (j *judge) bonds() map[string][]bond {
	bonds := map[string][]bond{}
	bind := func(a, b, reason string) {
		bonds[a] = append(bonds[a], bond{b, reason})
		bonds[b] = append(bonds[b], bond{a, reason})
	}
	for _, name := range sortedKeys(j.classes) {
		class := j.classes[name]
		for _, other := range class.Place.Together {
			bind(name, other, fmt.Sprintf("%s asks for %s together", name, other))
		}
		for _, volume := range sortedKeys(class.Volumes) {
			bind(name, volume, fmt.Sprintf("%s has the volume %s", name, volume))
		}
		for _, network := range Networks(j.classes, name) {
			if j.classes[network].Confined() {
				bind(name, network, network+" does not span vendors")
			}
		}
	}
	return bonds
}

// chain finds the shortest chain of bonds between two classes and returns its reasons, nil if there is none.
func chain(bonds map[string][]bond, from, to string) []string {
	reasons := map[string][]string{from: {}}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, bond := range bonds[queue[0]] {
			if _, seen := reasons[bond.class]; seen {
				continue
			}
			reasons[bond.class] = append(slices.Clone(reasons[queue[0]]), bond.reason)
			queue = append(queue, bond.class)
		}
	}
	return slices.Compact(reasons[to])
}
