package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// showOffers shows what came of a call: bids, plans, and why the first is the first.
func (s *session) showOffers(offers proto.Offers) {
	answers := len(offers.Proposals) + len(offers.Refusals)
	kind := "Call"
	if offers.Advisory {
		kind = "Advisory call"
	}
	s.screen.Line("%s %s to %s: %s in %s", kind, offers.Call, present.Count(offers.Called, "vendor"),
		present.Count(answers, "answer"), present.Span(time.Duration(offers.Elapsed)))
	s.screen.Line("")
	s.showBids(offers)
	if len(offers.Plans) > 0 {
		s.screen.Line("")
		s.showPlans(offers)
	}
}

// plansShown bounds the plans that are listed unasked.
const plansShown = 5

func (s *session) showPlans(offers proto.Offers) {
	s.screen.Line("Plans")
	rows := make([][]string, 0, plansShown)
	for i, plan := range offers.Plans[:min(len(offers.Plans), plansShown)] {
		mark := " "
		if i == 0 {
			mark = "►"
		}
		rows = append(rows, []string{
			fmt.Sprintf("%s %d", mark, plan.Rank), legsText(plan.Legs), present.Rate(plan.Price),
			present.Month(plan.Price), present.Availability(plan.Availability),
		})
	}
	s.screen.Table(present.Columns("", "WHO SERVES WHAT", ">PRICE/H", ">A MONTH", ">AVAILABLE"), rows)
	if hidden := len(offers.Plans) - len(rows); hidden > 0 {
		s.screen.Line("  and %s more; `agency compare %s --all` shows them", present.Count(hidden, "plan"), offers.Name)
	}
	s.showReasons(offers.Plans)
}

// showReasons says why the first plan is the first, and what is against the second.
func (s *session) showReasons(plans []sla.Plan) {
	if plans[0].Remark != "" {
		s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("Best is %d: %s.", plans[0].Rank, plans[0].Remark), 2))
	}
	if len(plans) > 1 && plans[1].Remark != "" {
		s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("Why not %d? %s.", plans[1].Rank, remark(plans[1], plans[0])), 2))
	}
}

// remark is what sets a plan apart from the best, without a difference in availability that the figures do not show.
func remark(plan, best sla.Plan) string {
	if plan.Rank == best.Rank || present.Availability(plan.Availability) != present.Availability(best.Availability) {
		return plan.Remark
	}
	parts := slices.DeleteFunc(strings.Split(plan.Remark, ", "), func(part string) bool {
		return strings.HasSuffix(part, " less available") || strings.HasSuffix(part, " more available")
	})
	if len(parts) == 0 {
		return "as good, to the digits shown"
	}
	return strings.Join(parts, ", ")
}

// legsText says who serves what: "ptc-athens: db data · ptc-lisbon: web front lan".
func legsText(legs []sla.Leg) string {
	parts := make([]string, len(legs))
	for i, leg := range legs {
		parts[i] = leg.Vendor + ": " + strings.Join(leg.Classes, " ")
	}
	return strings.Join(parts, " · ")
}

func obstacleText(obstacle proto.Obstacle) string {
	where := strings.TrimSpace(obstacle.Class)
	if obstacle.Vendor != "" {
		where = strings.TrimSpace(where + " at " + obstacle.Vendor)
	}
	if where == "" {
		return obstacle.Reason
	}
	return where + ": " + obstacle.Reason
}

// showAttempt tells what became of taking a plan.
func (s *session) showAttempt(attempt proto.Attempt) {
	s.showLegs(attempt)
	if attempt.State == sla.AttemptCommitted {
		s.screen.Line("%s is agreed on for %s (%s); nothing is created yet.", attempt.Name,
			present.PerHour(attempt.Plan.Price), present.PerMonth(attempt.Plan.Price))
		s.screen.Line("Next: `agency deploy %s` creates it; `agency remove %s` ends the agreements.", attempt.Name, attempt.Name)
	}
}

// showLegs tells which vendors have agreed.
func (s *session) showLegs(attempt proto.Attempt) {
	parts := make([]string, len(attempt.Legs))
	for i, leg := range attempt.Legs {
		parts[i] = leg.Agreement.Vendor + " " + s.screen.State(string(leg.State))
	}
	s.screen.Line("Agreement with %s", strings.Join(parts, " · "))
}
