package planning

import (
	"cmp"
	"math"
	"slices"
)

// relaxation is a lower bound for what is linear in the ranking: the sum of each group's smallest adjusted figure, less the
// penalty of the limits. It holds for any multipliers that are not negative; good ones make it tight.
type relaxation struct {
	// lossPrice and maximumPrice are the multipliers: what a step of loss, a micro-unit at the maximum costs.
	lossPrice, maximumPrice float64
	// penalty is what the limits themselves are worth at these prices.
	penalty float64
	// strainShare is the weight of the loss limit in an option's strain; the budget has the rest.
	strainShare float64
	// slack is more than the floating point error of any sum of adjusted figures.
	slack float64
}

// multiplierRounds is how often the two multipliers are improved in turn.
const multiplierRounds = 3

// relax chooses multipliers and sets every option's adjusted figure and strain.
func relax(s selection, groups []group, within limits) relaxation {
	var r relaxation
	for range multiplierRounds {
		if within.loss != unlimited {
			r.lossPrice = multiplier(float64(within.loss), func(price float64) float64 {
				return float64(usage(s, groups, relaxation{lossPrice: price, maximumPrice: r.maximumPrice}).loss)
			})
		}
		if within.maximum != unlimited {
			r.maximumPrice = multiplier(float64(within.maximum), func(price float64) float64 {
				return float64(usage(s, groups, relaxation{lossPrice: r.lossPrice, maximumPrice: price}).maximum)
			})
		}
		if r.lossPrice == 0 || r.maximumPrice == 0 {
			break
		}
	}
	if r.lossPrice > 0 {
		r.penalty += r.lossPrice * float64(within.loss)
	}
	if r.maximumPrice > 0 {
		r.penalty += r.maximumPrice * float64(within.maximum)
	}
	r.strainShare = strainShare(groups, within)
	r.adjust(s, groups, within)
	return r
}

// multiplier is the smallest price found at which usage comes down to the limit, 0 if it is there for nothing.
func multiplier(limit float64, usage func(price float64) float64) float64 {
	if usage(0) <= limit {
		return 0
	}
	low, high := 0.0, 1e-12
	for usage(high) > limit {
		low, high = high, high*8
		if high > 1e15 {
			return low
		}
	}
	for range 30 {
		middle := (low + high) / 2
		if usage(middle) > limit {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// usage is what the groups use when each takes its best option at the prices of the relaxation.
func usage(s selection, groups []group, r relaxation) totals {
	var sum totals
	for _, g := range groups {
		best, lowest := totals{}, math.Inf(1)
		for _, o := range g.options {
			t := s.totals(o)
			if figure := r.figure(s, t); figure < lowest {
				best, lowest = t, figure
			}
		}
		sum = sum.plus(best)
	}
	return sum
}

func (r relaxation) figure(s selection, t totals) float64 {
	return s.linear(t) + r.lossPrice*float64(t.loss) + r.maximumPrice*float64(t.maximum)
}

func (r *relaxation) adjust(s selection, groups []group, within limits) {
	size := math.Abs(r.penalty)
	if s.aim == byScore {
		size += s.linear(totals{price: s.score.priceFrom, loss: s.score.lossFrom})
	}
	for _, g := range groups {
		largest := 0.0
		for i := range g.options {
			o := &g.options[i]
			o.adjusted = r.figure(s, s.totals(*o))
			o.strain = strain(*o, within, r.strainShare)
			largest = max(largest, o.adjusted)
		}
		size += largest
	}
	r.slack = size * 1e-12 * float64(len(groups)+1)
}

// strain is the share of the limits that an option uses up, weighted: no feasible plan strains beyond 1.
func strain(o option, within limits, share float64) float64 {
	return share*(float64(o.loss)/float64(within.loss)) + (1-share)*(float64(o.maximum)/float64(within.maximum))
}

// strainShare finds the weights under which the least strain of all groups is greatest.
func strainShare(groups []group, within limits) float64 {
	switch {
	case within.maximum == unlimited:
		return 1
	case within.loss == unlimited:
		return 0
	}
	least := func(share float64) float64 {
		sum := 0.0
		for _, g := range groups {
			lowest := math.Inf(1)
			for _, o := range g.options {
				lowest = min(lowest, strain(o, within, share))
			}
			sum += lowest
		}
		return sum
	}
	low, high := 0.0, 1.0
	for range 25 {
		left, right := low+(high-low)/3, high-(high-low)/3
		if least(left) < least(right) {
			low = left
		} else {
			high = right
		}
	}
	return (low + high) / 2
}

// prune leaves out the options that can be in none of the limit best plans: those that at least so many others beat, as
// in every plan each of these could take their place for a better one. Of the others, as many may be taken as there are
// groups that this one must be apart from. The options that remain are ordered by adjusted figure.
func (g *group) prune(s selection, limit int) {
	slices.SortFunc(g.options, func(a, b option) int {
		one, other := s.totals(a), s.totals(b)
		return cmp.Or(cmp.Compare(one.first, other.first), cmp.Compare(one.second, other.second),
			cmp.Compare(one.maximum, other.maximum), cmp.Compare(a.vendor, b.vendor))
	})
	enough := limit + len(g.apart)
	// What beats an option comes before it. Among all that beat it, the first so many are themselves kept: to count
	// those is enough.
	var kept []option
	for _, o := range g.options {
		beaten := 0
		for i := 0; i < len(kept) && beaten < enough; i++ {
			if beats(s, kept[i], o) {
				beaten++
			}
		}
		if beaten < enough {
			kept = append(kept, o)
		}
	}
	g.options = kept
	slices.SortStableFunc(g.options, func(a, b option) int { return cmp.Compare(a.adjusted, b.adjusted) })
}

// beats says whether one is nowhere worse than other and better in what ranks.
func beats(s selection, one, other option) bool {
	if one.price > other.price || one.maximum > other.maximum || one.loss > other.loss {
		return false
	}
	a, b := s.totals(one), s.totals(other)
	return a.first < b.first || a.second < b.second
}
