package planning

import (
	"fmt"
	"math"
	"strings"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
)

// plans turns solutions into plans.
func (f *field) plans(found []solution, s selection) []sla.Plan {
	plans := make([]sla.Plan, len(found))
	for i, one := range found {
		plans[i] = f.plan(one)
		plans[i].Rank = i + 1
		if i == 0 {
			plans[i].Remark = f.praise(s)
		} else {
			plans[i].Remark = f.difference(found[0], one)
		}
	}
	return plans
}

func (f *field) plan(s solution) sla.Plan {
	plan := sla.Plan{
		Call: f.problem.Call, Price: f.rate(s.totals.price), PriceAtMaximum: f.rate(s.totals.maximum), Availability: 1,
	}
	vendorOf := make([]int, len(f.classes))
	for g, vendor := range s.vendors {
		for _, class := range f.groups[g].classes {
			vendorOf[class] = vendor
		}
	}
	// In the order of the vendors' and the classes' names, which makes the legs, the sums of floats and all else the same
	// whatever the proposals' order.
	prices, classes := make(map[int]int64), make(map[int][]string)
	chosen := make(map[string]sla.Offer, len(f.classes))
	for class, vendor := range vendorOf {
		name := f.classes[class]
		prices[vendor] += f.offers[class][vendor].price
		classes[vendor] = append(classes[vendor], name)
		chosen[name] = f.proposals[vendor].Offers[name]
	}
	for vendor, proposal := range f.proposals {
		if len(classes[vendor]) == 0 {
			continue
		}
		plan.Legs = append(plan.Legs, sla.Leg{
			Vendor: proposal.Vendor, Proposal: proposal.ID, Classes: classes[vendor], Price: f.rate(prices[vendor]),
		})
		if plan.Call == "" {
			plan.Call = proposal.Call
		}
	}
	plan.Availability = sla.Availability(f.problem.Application.Resources, chosen)
	return plan
}

func (f *field) rate(micros int64) quantity.Rate {
	return quantity.Rate{PerHour: quantity.Money{Micros: micros, Currency: f.problem.Application.Currency}}
}

// praise says why the first plan is the first.
func (f *field) praise(s selection) string {
	remark := map[aim]string{
		byPrice: "cheapest", byLoss: "most available", byScore: "best balance of price and availability",
	}[s.aim]
	objectives := f.problem.Application.Objectives
	if objectives.Availability > 0 || f.problem.Application.Budget.PerHour.Micros != 0 {
		remark += ", all objectives met"
	}
	if objectives.ResponseTime.P50 > 0 || objectives.ResponseTime.P95 > 0 || objectives.ResponseTime.P99 > 0 {
		remark += "; the response time shows once it runs"
	}
	return remark
}

// difference says what sets a plan apart from the first.
func (f *field) difference(first, other solution) string {
	var parts []string
	if more := other.totals.price - first.totals.price; more > 0 {
		parts = append(parts, f.monthly(more)+" dearer")
	} else if more < 0 {
		parts = append(parts, f.monthly(-more)+" cheaper")
	}
	one, two := math.Exp(-float64(first.totals.loss)/lossPerNeper), math.Exp(-float64(other.totals.loss)/lossPerNeper)
	points := quantity.Percent(twoDigits(math.Abs(one - two)))
	if shown := points.String(); shown != "0%" && two > one {
		parts = append(parts, shown+" more available")
	} else if shown != "0%" {
		parts = append(parts, shown+" less available")
	}
	if len(parts) > 0 {
		return strings.Join(parts, ", ")
	}
	if more := other.rank.vendors - first.rank.vendors; more > 0 {
		return fmt.Sprintf("as good, with %d vendors instead of %d", other.rank.vendors, first.rank.vendors)
	}
	return "as good, later by name"
}

// twoDigits rounds to two significant digits.
func twoDigits(value float64) float64 {
	if value == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(value))-1)
	return math.Round(value/unit) * unit
}

// monthly writes micro-units per hour as money a month, to the cent where that shows anything.
func (f *field) monthly(micros int64) string {
	month, err := f.rate(micros).PerMonth()
	if err != nil {
		return f.rate(micros).String()
	}
	const cent = quantity.MicrosPerUnit / 100
	if month.Micros >= cent/2 && month.Micros < math.MaxInt64-cent {
		month.Micros = (month.Micros + cent/2) / cent * cent
	}
	return month.String() + "/month"
}
