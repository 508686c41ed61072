package planning

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// explain says why there is no plan although every group has options: the placements apart, the objective, the budget, or
// the last two together.
func (f *field) explain(within limits, effort *int) ([]Obstacle, error) {
	nowhere := limits{maximum: unlimited, loss: unlimited}
	thriftiest, err := f.best(selection{aim: byMaximum}, nowhere, 1, effort)
	if err != nil {
		return nil, err
	}
	if len(thriftiest) == 0 {
		return []Obstacle{f.uncolored()}, nil
	}
	safest, err := f.best(selection{aim: byLoss}, nowhere, 1, effort)
	if err != nil {
		return nil, err
	}
	var blocking []Obstacle
	if cost := thriftiest[0].totals.maximum; cost > within.maximum {
		blocking = append(blocking, f.overBudget("the cheapest plan", cost))
	}
	if loss := safest[0].totals.loss; loss > within.loss {
		blocking = append(blocking, f.underObjective("the most available plan", loss))
	}
	if len(blocking) > 0 {
		return blocking, nil
	}
	return f.conflict(within, effort)
}

// conflict explains an objective and a budget that can each be met, but not both.
func (f *field) conflict(within limits, effort *int) ([]Obstacle, error) {
	available, err := f.best(selection{aim: byMaximum}, limits{maximum: unlimited, loss: within.loss}, 1, effort)
	if err != nil {
		return nil, err
	}
	affordable, err := f.best(selection{aim: byLoss}, limits{maximum: within.maximum, loss: unlimited}, 1, effort)
	if err != nil {
		return nil, err
	}
	var blocking []Obstacle
	if len(available) > 0 {
		blocking = append(blocking, f.overBudget("the cheapest plan that is available enough", available[0].totals.maximum))
	}
	if len(affordable) > 0 {
		blocking = append(blocking, f.underObjective("the most available plan within the budget", affordable[0].totals.loss))
	}
	return blocking, nil
}

func (f *field) overBudget(what string, cost int64) Obstacle {
	return Obstacle{
		Reason: fmt.Sprintf("budget exceeded: %s would cost %s at the maximum, the budget is %s",
			what, f.both(cost), f.both(f.problem.Application.Budget.PerHour.Micros)),
		Hint: "raise the budget to " + f.rate(cost).String() + ", or lower the maximum of a count",
	}
}

func (f *field) underObjective(what string, loss int64) Obstacle {
	availability := quantity.Percent(math.Exp(-float64(loss) / lossPerNeper))
	asked := f.problem.Application.Objectives.Availability
	return Obstacle{
		Reason: fmt.Sprintf("objective missed: %s would be %s available, asked for was %s", what, below(availability, asked), asked),
		Hint:   "lower the objective, or run more instances as a cluster",
	}
}

// below writes an availability that is below another with as many decimals as it takes to see that.
func below(availability, other quantity.Percent) string {
	if text := availability.String(); text != other.String() {
		return text
	}
	return strconv.FormatFloat(float64(availability)*100, 'f', 12, 64) + "%"
}

// both writes micro-units per hour by the hour and by the month.
func (f *field) both(micros int64) string {
	return fmt.Sprintf("%s (%s)", f.rate(micros), f.monthly(micros))
}

// crowded explains sets of groups of which all must be apart, with fewer vendors than groups.
func (f *field) crowded() []Obstacle {
	var blocking []Obstacle
	for _, members := range cliques(f.groups) {
		if few := crowded(f.groups, members); len(few) > 0 {
			blocking = append(blocking, f.tooFew(few))
		}
	}
	return blocking
}

// uncolored explains placements apart that cannot all be honoured although no set of them is short of vendors by itself.
func (f *field) uncolored() Obstacle {
	var apart []int
	for g := range f.groups {
		if len(f.groups[g].apart) > 0 {
			apart = append(apart, g)
		}
	}
	return f.tooFew(apart)
}

func (f *field) tooFew(groups []int) Obstacle {
	var who, vendors []string
	for _, g := range groups {
		who = append(who, strings.Join(f.names(f.groups[g]), "+"))
		for _, o := range f.groups[g].options {
			vendors = append(vendors, f.vendors[o.vendor])
		}
	}
	return Obstacle{
		Reason: fmt.Sprintf("too few vendors to keep apart what must be apart: %s can only be at %s",
			list(who, "and"), list(distinct(vendors), "or")),
		Hint: "take a placement apart away, or add a vendor that serves them",
	}
}
