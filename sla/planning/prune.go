package planning

import (
	"cmp"
	"slices"
)

// reach leaves out the options that exceed a limit even with the least of every other group, so that what is out of all
// proportion does not blunt the bounds.
func reach(groups []group, within limits) {
	least := make([]limits, len(groups))
	var sum limits
	for i, g := range groups {
		least[i] = limits{maximum: unlimited, loss: unlimited}
		for _, o := range g.options {
			least[i].maximum, least[i].loss = min(least[i].maximum, o.maximum), min(least[i].loss, o.loss)
		}
		sum.maximum, sum.loss = sum.maximum+least[i].maximum, sum.loss+least[i].loss
	}
	for i := range groups {
		groups[i].options = slices.DeleteFunc(groups[i].options, func(o option) bool {
			return sum.maximum-least[i].maximum+o.maximum > within.maximum || sum.loss-least[i].loss+o.loss > within.loss
		})
	}
}

// binding drops the limits that no choice of options can exceed.
func binding(groups []group, within limits) limits {
	var most limits
	for _, g := range groups {
		var worst limits
		for _, o := range g.options {
			worst.maximum, worst.loss = max(worst.maximum, o.maximum), max(worst.loss, o.loss)
		}
		most.maximum, most.loss = most.maximum+worst.maximum, most.loss+worst.loss
	}
	if most.maximum <= within.maximum {
		within.maximum = unlimited
	}
	if most.loss <= within.loss {
		within.loss = unlimited
	}
	return within
}

// prune leaves out the options that can be in none of the limit best plans: those that at least so many others beat, as
// in every plan each of these could take their place for a better one. Of the others, as many may be taken as there are
// groups that this one must be apart from.
func (g *group) prune(s selection, within limits, limit int) {
	slices.SortFunc(g.options, func(a, b option) int {
		one, other := s.totals(a), s.totals(b)
		return cmp.Or(cmp.Compare(one.first, other.first), cmp.Compare(one.second, other.second), cmp.Compare(a.vendor, b.vendor))
	})
	enough := limit + len(g.apart)
	// What beats an option comes before it. Of all that beat it, the first so many are themselves kept, because to beat is
	// transitive: to count the kept ones is enough.
	var kept []option
	for _, o := range g.options {
		beaten := 0
		for i := 0; i < len(kept) && beaten < enough; i++ {
			if beats(s, within, kept[i], o) {
				beaten++
			}
		}
		if beaten < enough {
			kept = append(kept, o)
		}
	}
	g.options = kept
}

// beats says whether one in the place of other makes every feasible plan a better feasible plan.
func beats(s selection, within limits, one, other option) bool {
	if within.maximum != unlimited && one.maximum > other.maximum || within.loss != unlimited && one.loss > other.loss {
		return false
	}
	a, b := s.totals(one), s.totals(other)
	if s.aim == byScore {
		return a.price <= b.price && a.loss <= b.loss && (a.price < b.price || a.loss < b.loss)
	}
	return a.first < b.first || a.first == b.first && a.second < b.second
}
