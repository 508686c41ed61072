package vendor

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
)

// groups are the classes of a call that can only be at one vendor together, each group and all of them in the order of
// their names: those on a network that does not span vendors, a machine and its volumes, and what was asked for
// together. A group is offered as a whole or not at all: capacity held for a part of it would serve nobody.
func groups(classes map[string]descriptors.Class) [][]string {
	tied := make(map[string][]string, len(classes))
	tie := func(one, other string) {
		if _, known := classes[other]; known && one != other {
			tied[one], tied[other] = append(tied[one], other), append(tied[other], one)
		}
	}
	for name, class := range classes {
		for _, other := range class.Place.Together {
			tie(name, other)
		}
		for volume := range class.Volumes {
			tie(name, volume)
		}
		for _, network := range descriptors.Networks(classes, name) {
			if classes[network].Confined() {
				tie(name, network)
			}
		}
	}
	var all [][]string
	seen := make(map[string]bool, len(classes))
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		if seen[name] {
			continue
		}
		seen[name] = true
		group := []string{name}
		for next := 0; next < len(group); next++ {
			for _, other := range tied[group[next]] {
				if !seen[other] {
					seen[other] = true
					group = append(group, other)
				}
			}
		}
		slices.Sort(group)
		all = append(all, group)
	}
	return all
}

// refuseRest refuses the classes of a group that would be served if one of it were not refused.
func refuseRest(group []string, refusals map[string]sla.Refusal) {
	cause := ""
	for _, name := range group {
		if _, refused := refusals[name]; refused {
			cause = name
			break
		}
	}
	if cause == "" {
		return
	}
	why := refusals[cause]
	for _, name := range group {
		if _, refused := refusals[name]; !refused {
			refusals[name] = sla.Refusal{
				Code: why.Code, Message: fmt.Sprintf("must be together with %s, which is refused", cause),
			}
		}
	}
}
