package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors/quantity"
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

// showBids shows a line for each vendor: what it offers, or why nothing.
func (s *session) showBids(offers proto.Offers) {
	width := 0
	for vendor := range offers.Refusals {
		width = max(width, len(vendor))
	}
	columns := present.Columns("VENDOR", "FOR", ">PRICE/H", ">AVAILABLE", ">READY IN", "FIRM", "UNTIL")
	columns[0].Least = width
	rows := make([][]string, len(offers.Proposals))
	for i, proposal := range offers.Proposals {
		rows[i] = s.bidRow(offers, proposal)
		width = max(width, len(proposal.Vendor))
	}
	if len(rows) > 0 {
		s.screen.Table(columns, rows)
	}
	for _, vendor := range slices.Sorted(maps.Keys(offers.Refusals)) {
		s.refusalLine(present.Pad(vendor, width), offers.Refusals[vendor])
	}
	for _, proposal := range offers.Proposals {
		for _, class := range slices.Sorted(maps.Keys(proposal.Refusals)) {
			s.refusalLine(present.Pad(proposal.Vendor, width)+"   "+class, proposal.Refusals[class])
		}
	}
}

func (s *session) refusalLine(who string, refusal sla.Refusal) {
	line := "  " + who + "   -  refused: " + refusal.Error()
	s.screen.Line("%s", s.screen.Paint(present.Faint, s.screen.Prose(line, 2+present.Width(who)+6)))
}

func (s *session) bidRow(offers proto.Offers, proposal sla.Proposal) []string {
	classes := slices.Sorted(maps.Keys(proposal.Offers))
	price, ready := quantity.Rate{}, quantity.Duration(0)
	for _, class := range classes {
		offer := proposal.Offers[class]
		ready = max(ready, offer.ReadyIn)
		minimum, err := offer.AtMinimum()
		if err != nil {
			continue
		}
		if sum, err := price.Add(minimum); err == nil {
			price = sum
		}
	}
	firm := "open"
	if proposal.Held {
		firm = "held"
	}
	return []string{
		proposal.Vendor, present.Names(classes), present.Rate(price),
		present.Availability(sla.Availability(offers.Application.Resources, proposal.Offers)),
		present.Span(time.Duration(ready)), firm, s.screen.Until(proposal.ValidUntil),
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
			fmt.Sprintf("%s %d", mark, plan.Rank), legsText(plan.Legs), present.PerHour(plan.Price),
			present.PerMonth(plan.Price), present.Availability(plan.Availability),
		})
	}
	s.screen.Table(present.Columns("RANK", "WHO SERVES WHAT", ">PRICE", ">A MONTH", ">AVAILABLE"), rows)
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
		s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("Why not %d? %s.", plans[1].Rank, plans[1].Remark), 2))
	}
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
	parts := make([]string, len(attempt.Legs))
	for i, leg := range attempt.Legs {
		parts[i] = leg.Agreement.Vendor + " " + s.screen.State(string(leg.State))
	}
	s.screen.Line("Agreement with %s", strings.Join(parts, " · "))
	if attempt.State == sla.AttemptCommitted {
		s.screen.Line("%s is agreed on for %s (%s); nothing is created yet.", attempt.Name,
			present.PerHour(attempt.Plan.Price), present.PerMonth(attempt.Plan.Price))
		s.screen.Line("Next: `agency deploy %s` creates it; `agency remove %s` ends the agreements.", attempt.Name, attempt.Name)
	}
}
