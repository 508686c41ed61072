package planning

import (
	"cmp"
	"math"
	"slices"
)

// search is one branch and bound over the groups of a field.
type search struct {
	selection selection
	within    limits
	groups    []group
	// order in which the groups are decided.
	order      []int
	relaxation relaxation
	limit      int
	// effort counts down the steps that are left.
	effort *int

	// vendor chosen for each group, -1 if undecided; uses counts the groups of each vendor, vendors those in use.
	vendor  []int
	uses    []int
	vendors int
	// barred counts, by group and vendor, the groups decided that bar it.
	barred [][]int
	// least holds, by group, the smallest of each figure over the options that are not barred.
	least []totals
	// first is each group's first vendor by name.
	first []int
	// trail remembers what least was before it was changed.
	trail []change
	// found are the best solutions so far, the best first; bar is the linear figure of the last when there are enough.
	found []solution
	bar   float64
}

type change struct {
	group int
	least totals
}

// best returns up to limit best solutions within the limits.
func (f *field) best(s selection, within limits, limit int, effort *int) ([]solution, error) {
	if s.aim == byScore {
		cheapest, err := f.best(selection{aim: byPrice}, within, 1, effort)
		if err != nil || len(cheapest) == 0 {
			return cheapest, err
		}
		available, err := f.best(selection{aim: byLoss}, within, 1, effort)
		if err != nil || len(available) == 0 {
			return cheapest, err
		}
		s.score = s.score.scaled(cheapest[0].totals, available[0].totals)
	}
	return newSearch(f, s, within, limit, effort).run()
}

func newSearch(f *field, s selection, within limits, limit int, effort *int) *search {
	q := &search{
		selection: s, limit: limit, effort: effort, bar: math.Inf(1),
		groups: slices.Clone(f.groups), uses: make([]int, len(f.vendors)),
	}
	for i := range q.groups {
		q.groups[i].options = slices.Clone(q.groups[i].options)
	}
	reach(q.groups, within)
	q.within = binding(q.groups, within)
	for i := range q.groups {
		q.groups[i].prune(s, q.within, limit)
	}
	q.relaxation = relax(s, q.groups, q.within)
	for i := range q.groups {
		q.order = append(q.order, i)
		q.vendor = append(q.vendor, -1)
		q.barred = append(q.barred, make([]int, len(f.vendors)))
		least, _ := q.smallest(i)
		q.least = append(q.least, least)
		q.first = append(q.first, firstVendor(q.groups[i].options))
	}
	slices.SortStableFunc(q.order, func(a, b int) int {
		one, other := q.groups[a], q.groups[b]
		return cmp.Or(cmp.Compare(min(len(one.options), 3), min(len(other.options), 3)),
			cmp.Compare(len(other.apart), len(one.apart)), cmp.Compare(spread(other.options), spread(one.options)))
	})
	return q
}

func firstVendor(options []option) int {
	first := math.MaxInt
	for _, o := range options {
		first = min(first, o.vendor)
	}
	return first
}

// spread is how much a bad choice among the options costs; what costs most is decided first.
func spread(options []option) float64 {
	if len(options) == 0 {
		return 0
	}
	return options[len(options)-1].adjusted - options[0].adjusted
}

func (q *search) run() ([]solution, error) {
	var rest totals
	for g, least := range q.least {
		if len(q.groups[g].options) == 0 {
			return nil, nil
		}
		rest = rest.plus(least)
	}
	if q.feasible(rest) {
		q.decide(0, totals{}, rest)
	}
	if *q.effort < 0 {
		return q.found, ErrEffort
	}
	return q.found, nil
}

// decide tries every option of the group whose turn it is. Sum is over the groups decided, rest over the least of the
// others.
func (q *search) decide(depth int, sum, rest totals) {
	if depth == len(q.order) {
		q.keep(sum)
		return
	}
	g := q.order[depth]
	others := rest.minus(q.least[g])
	for _, o := range q.groups[g].options {
		if *q.effort--; *q.effort < 0 {
			return
		}
		next := sum.plus(q.selection.totals(o))
		if q.relaxation.bound(next.adjusted+others.adjusted) > q.bar {
			return // and so are all that follow, as they are ordered by this
		}
		if q.barred[g][o.vendor] > 0 || !q.feasible(next.plus(others)) {
			continue
		}
		mark := len(q.trail)
		q.take(g, o.vendor)
		left, possible := q.barNeighbours(g, o.vendor, others)
		if possible && q.feasible(next.plus(left)) && !q.hopeless(next.plus(left)) {
			q.decide(depth+1, next, left)
		}
		q.unbarNeighbours(g, o.vendor, mark)
		q.release(g, o.vendor)
	}
}

// feasible says whether the least that a plan can come to is within the limits.
func (q *search) feasible(least totals) bool {
	return least.loss <= q.within.loss && least.maximum <= q.within.maximum && least.strain <= 1+1e-9
}

// hopeless says whether whatever becomes of the groups undecided ranks behind the worst of enough solutions.
func (q *search) hopeless(least totals) bool {
	if len(q.found) < q.limit {
		return false
	}
	worst := q.found[len(q.found)-1]
	if order := q.selection.rank(least, q.vendors).compare(worst.rank); order != 0 {
		return order > 0
	}
	for g, vendor := range q.vendor {
		if vendor < 0 {
			vendor = q.first[g]
		}
		if vendor != worst.vendors[g] {
			return vendor > worst.vendors[g]
		}
	}
	return false
}

func (q *search) take(g, vendor int) {
	q.vendor[g] = vendor
	if q.uses[vendor]++; q.uses[vendor] == 1 {
		q.vendors++
	}
}

func (q *search) release(g, vendor int) {
	q.vendor[g] = -1
	if q.uses[vendor]--; q.uses[vendor] == 0 {
		q.vendors--
	}
}

// barNeighbours bars a vendor from the groups that must be apart from the group that took it, and returns what rest
// becomes by that, or false when one of them has no option left.
func (q *search) barNeighbours(g, vendor int, rest totals) (totals, bool) {
	possible := true
	for _, other := range q.groups[g].apart {
		if q.barred[other][vendor]++; q.barred[other][vendor] > 1 || q.vendor[other] >= 0 || !possible {
			continue
		}
		least, some := q.smallest(other)
		if !some {
			possible = false
			continue
		}
		q.trail = append(q.trail, change{other, q.least[other]})
		rest = rest.minus(q.least[other]).plus(least)
		q.least[other] = least
	}
	return rest, possible
}

func (q *search) unbarNeighbours(g, vendor, mark int) {
	for _, other := range q.groups[g].apart {
		q.barred[other][vendor]--
	}
	for len(q.trail) > mark {
		last := q.trail[len(q.trail)-1]
		q.trail = q.trail[:len(q.trail)-1]
		q.least[last.group] = last.least
	}
}

// smallest returns the smallest of each figure over the options of a group that are not barred, false if all are. What
// ranks second is the smallest among those that are smallest in what ranks first, unless a score ranks before both.
func (q *search) smallest(g int) (totals, bool) {
	var least totals
	some := false
	for _, o := range q.groups[g].options {
		if q.barred[g][o.vendor] > 0 {
			continue
		}
		t := q.selection.totals(o)
		if !some {
			least, some = t, true
			continue
		}
		least.price, least.maximum, least.loss = min(least.price, t.price), min(least.maximum, t.maximum), min(least.loss, t.loss)
		least.adjusted, least.strain = min(least.adjusted, t.adjusted), min(least.strain, t.strain)
		switch {
		case q.selection.aim == byScore:
			least.first, least.second = min(least.first, t.first), min(least.second, t.second)
		case t.first < least.first || t.first == least.first && t.second < least.second:
			least.first, least.second = t.first, t.second
		}
	}
	return least, some
}

// keep puts a complete solution among the best, if it is one of them.
func (q *search) keep(sum totals) {
	s := solution{rank: q.selection.rank(sum, q.vendors), totals: sum, vendors: slices.Clone(q.vendor)}
	at, _ := slices.BinarySearchFunc(q.found, s, solution.compare)
	if at == q.limit {
		return
	}
	q.found = slices.Insert(q.found, at, s)
	if len(q.found) < q.limit {
		return
	}
	q.found = q.found[:q.limit]
	q.bar = q.selection.linear(q.found[q.limit-1].totals)
}
