package planning

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
)

// aim is what a search ranks by, before vendors and names decide.
type aim int

const (
	byPrice aim = iota
	byLoss
	byScore
	byMaximum // only to find out whether the budget can be met
)

// selection ranks plans.
type selection struct {
	aim   aim
	score score
}

// score weighs price against loss, each scaled; see the package's documentation.
type score struct {
	priceWeight, lossWeight float64
	priceFrom, lossFrom     int64
	priceSpan, lossSpan     float64
}

// of never falls when price or loss grows, also in floating point: each step of it is monotone.
func (s score) of(price, loss int64) float64 {
	return s.priceWeight*(float64(price-s.priceFrom)/s.priceSpan) + s.lossWeight*(float64(loss-s.lossFrom)/s.lossSpan)
}

// scaled returns the score between the cheapest plan and the most available one. Where a single plan is both, its own
// figures are the spans.
func (s score) scaled(cheapest, available totals) score {
	span := func(from, to int64) float64 {
		switch {
		case to > from:
			return float64(to - from)
		case from > 0:
			return float64(from)
		}
		return 1
	}
	s.priceFrom, s.priceSpan = cheapest.price, span(cheapest.price, available.price)
	s.lossFrom, s.lossSpan = available.loss, span(available.loss, cheapest.loss)
	return s
}

func selectionOf(wanted descriptors.Selection) (selection, error) {
	price, availability := wanted.Price, wanted.Availability
	valid := func(weight float64) bool { return weight >= 0 && !math.IsInf(weight, 0) }
	switch {
	case !valid(price) || !valid(availability):
		return selection{}, fmt.Errorf("%w: weights of %v for price and %v for availability", ErrApplication, price, availability)
	case availability == 0:
		return selection{aim: byPrice}, nil
	case price == 0:
		return selection{aim: byLoss}, nil
	}
	return selection{aim: byScore, score: score{priceWeight: price, lossWeight: availability}}, nil
}

// totals are the sums over some groups. First and second are what ranks, in this order, after the score.
type totals struct {
	price, maximum, loss int64
	first, second        int64
	adjusted, strain     float64
}

func (t totals) plus(o totals) totals {
	return totals{
		t.price + o.price, t.maximum + o.maximum, t.loss + o.loss,
		t.first + o.first, t.second + o.second, t.adjusted + o.adjusted, t.strain + o.strain,
	}
}

func (t totals) minus(o totals) totals {
	return totals{
		t.price - o.price, t.maximum - o.maximum, t.loss - o.loss,
		t.first - o.first, t.second - o.second, t.adjusted - o.adjusted, t.strain - o.strain,
	}
}

// totals of a single option.
func (s selection) totals(o option) totals {
	sum := totals{price: o.price, maximum: o.maximum, loss: o.loss, adjusted: o.adjusted, strain: o.strain}
	switch s.aim {
	case byLoss:
		sum.first, sum.second = o.loss, o.price
	case byMaximum:
		sum.first, sum.second = o.maximum, o.price
	default:
		sum.first, sum.second = o.price, o.loss
	}
	return sum
}

// linear is the part of the ranking that the relaxation works on: a figure that is summed over the options and never
// contradicts the ranking.
func (s selection) linear(t totals) float64 {
	if s.aim == byScore {
		return s.score.priceWeight*float64(t.price)/s.score.priceSpan + s.score.lossWeight*float64(t.loss)/s.score.lossSpan
	}
	return float64(t.first)
}

// rank is what a plan is compared by.
type rank struct {
	score         float64
	first, second int64
	vendors       int
}

func (s selection) rank(t totals, vendors int) rank {
	r := rank{first: t.first, second: t.second, vendors: vendors}
	if s.aim == byScore {
		r.score = s.score.of(t.price, t.loss)
	}
	return r
}

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.score, o.score), cmp.Compare(r.first, o.first), cmp.Compare(r.second, o.second),
		cmp.Compare(r.vendors, o.vendors))
}

// solution is a complete decision: a vendor for each group.
type solution struct {
	rank   rank
	totals totals
	// vendors by group; as the groups are ordered by their first class, comparing these compares the vendors' names in
	// the order of the classes'.
	vendors []int
}

func (a solution) compare(b solution) int {
	return cmp.Or(a.rank.compare(b.rank), slices.Compare(a.vendors, b.vendors))
}
