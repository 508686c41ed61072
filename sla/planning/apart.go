package planning

import (
	"math"
	"slices"
)

// cliques divides the groups that have any to be apart from into sets in which all are apart from each other, greedily;
// sets of one are left out.
func cliques(groups []group) [][]int {
	var sets [][]int
	taken := make([]bool, len(groups))
	for g := range groups {
		if taken[g] {
			continue
		}
		members := []int{g}
		for _, other := range groups[g].apart {
			if !taken[other] && apartFromAll(groups[other], members) {
				members = append(members, other)
			}
		}
		if len(members) < 2 {
			continue
		}
		for _, member := range members {
			taken[member] = true
		}
		sets = append(sets, members)
	}
	return sets
}

func apartFromAll(g group, members []int) bool {
	for _, member := range members {
		if !slices.Contains(g.apart, member) {
			return false
		}
	}
	return true
}

// crowded returns the members of a clique that compete for fewer vendors than they are, nil if each can have its own. It
// matches groups to vendors along augmenting paths (Kuhn); where that fails, the groups met on the way are Hall's witness.
func crowded(groups []group, members []int) []int {
	holder := make(map[int]int)
	for _, member := range members {
		met := make(map[int]bool)
		if !augment(groups, member, holder, met) {
			return distinctKeys(met)
		}
	}
	return nil
}

// augment finds the group a vendor of its own, moving others if need be. Met are the groups that were asked.
func augment(groups []group, g int, holder map[int]int, met map[int]bool) bool {
	met[g] = true
	for _, o := range groups[g].options {
		former, held := holder[o.vendor]
		if !held || !met[former] && augment(groups, former, holder, met) {
			holder[o.vendor] = g
			return true
		}
	}
	return false
}

// auctionPrecision is the least raise of a bid, as a share of what the options worth a bid differ by.
const auctionPrecision = 1e-5

// auctionBids bounds the bids of one group, on average.
const auctionBids = 5_000

// auction finds what each vendor is worth to groups of which it can serve only one, by letting them bid for it (Bertsekas),
// adds that to their options' adjusted figures and returns the sum. The groups' smallest adjusted figures, less this sum, are
// then nearly what the best assignment of different vendors costs, and never more than it, wherever the auction stops.
func auction(groups []group, members []int) float64 {
	prices, holder := make(map[int]float64), make(map[int]int)
	raise := 0.0
	for _, g := range members {
		best := groups[g].options
		raise = max(raise, spread(best[:min(len(best), len(members)+1)])*auctionPrecision)
	}
	waiting := slices.Clone(members)
	for bids := auctionBids * len(members); bids > 0 && len(waiting) > 0; bids-- {
		g := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if len(groups[g].options) == 0 {
			return 0 // there is no plan anyway
		}
		vendor, margin := bid(groups[g].options, prices)
		if math.IsInf(margin, 1) { // the group has no other: no price makes it leave
			margin = 0
		}
		if former, held := holder[vendor]; held {
			waiting = append(waiting, former)
		}
		holder[vendor] = g
		prices[vendor] += margin + raise
	}
	worth := 0.0
	for _, vendor := range distinctKeys(prices) {
		worth += prices[vendor]
	}
	for _, g := range members {
		for i := range groups[g].options {
			groups[g].options[i].adjusted += prices[groups[g].options[i].vendor]
		}
	}
	return worth
}

// bid returns the vendor that is best at these prices, and by how much the next is worse.
func bid(options []option, prices map[int]float64) (vendor int, margin float64) {
	best, next := math.Inf(1), math.Inf(1)
	for _, o := range options {
		figure := o.adjusted + prices[o.vendor]
		if figure < best {
			vendor, best, next = o.vendor, figure, best
		} else if figure < next {
			next = figure
		}
	}
	return vendor, next - best
}

func distinctKeys[V any](byNumber map[int]V) []int {
	keys := make([]int, 0, len(byNumber))
	for key := range byNumber {
		keys = append(keys, key)
	}
	return distinct(keys)
}
