package catalogue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// Sized is the flavor of a machine that is given just what its class asks for.
func Sized(cores int, memory quantity.Bytes) Flavor {
	name := fmt.Sprintf("%dc-%s", cores, memory)
	return Flavor{ID: name, Name: name, Cores: cores, Memory: memory}
}

// smallestShown is the least memory of the flavors of Doublings.
const smallestShown = 512 * quantity.MiB

// Doublings are the flavors that are shown where machines may be of any size, for people to see what there is and what it
// costs: one core doubled, and 512 MiB doubled, up to the largest machine of every host, by name.
func (p Prices) Doublings(largest []vendormodules.Usage) ([]Flavor, error) {
	flavors := []Flavor{}
	for _, host := range largest {
		for cores := 1; cores <= host.Cores; cores *= 2 {
			for memory := smallestShown; memory <= host.Memory; memory *= 2 {
				flavors = append(flavors, Sized(cores, memory))
			}
		}
	}
	for index, one := range flavors {
		price, err := p.Machine(one)
		if err != nil {
			return nil, fmt.Errorf("price %s: %w", one.Name, err)
		}
		flavors[index].Price = price
	}
	slices.SortFunc(flavors, func(a, b Flavor) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(flavors), nil
}

// ByName are images as they are shown, each once.
func ByName(images []Image) []Image {
	sorted := slices.SortedFunc(slices.Values(images), func(a, b Image) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return slices.Compact(sorted)
}
