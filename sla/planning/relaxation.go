package planning

import (
	"cmp"
	"math"
	"slices"
)

// relaxation is a lower bound for what is linear in the ranking: the sum of each group's smallest adjusted figure, less a
// penalty. Adjusted is what an option costs when it also pays for what it uses of the limits and for keeping a vendor from
// groups that must be apart; the penalty is the worth of all there is of these. The bound holds for any prices that are
// not negative; good ones make it tight.
type relaxation struct {
	// lossPrice and maximumPrice are the multipliers: what a step of loss, a micro-unit at the maximum costs.
	lossPrice, maximumPrice float64
	// penalty is the worth, at all these prices, of the limits and of a vendor in every set of groups apart.
	penalty float64
	// strainShare is the weight of the loss limit in an option's strain; the budget has the rest.
	strainShare float64
	// precision is more than the relative floating point error of a sum of adjusted figures, offset what else takes part
	// in it.
	precision, offset float64
}

// bound is what any plan is at least in what is linear in the ranking, given the least sum of adjusted figures.
func (r relaxation) bound(adjusted float64) float64 {
	return adjusted - r.penalty - (adjusted+math.Abs(r.penalty)+r.offset)*r.precision
}

// multiplierRounds is how often the two multipliers are improved in turn.
const multiplierRounds = 3

// relax chooses multipliers, sets every option's adjusted figure and strain, and orders the options by the former.
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
	sortByAdjusted(groups)
	for _, members := range cliques(groups) {
		r.penalty += auction(groups, members)
	}
	sortByAdjusted(groups)
	r.precision = 1e-12 * float64(len(groups)+1)
	if s.aim == byScore {
		r.offset = s.linear(totals{price: s.score.priceFrom, loss: s.score.lossFrom})
	}
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

func (r relaxation) adjust(s selection, groups []group, within limits) {
	for _, g := range groups {
		for i := range g.options {
			o := &g.options[i]
			o.adjusted = r.figure(s, s.totals(*o))
			o.strain = strain(*o, within, r.strainShare)
		}
	}
}

func sortByAdjusted(groups []group) {
	for _, g := range groups {
		slices.SortStableFunc(g.options, func(a, b option) int { return cmp.Compare(a.adjusted, b.adjusted) })
	}
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
