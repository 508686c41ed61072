package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

type compareVerb struct {
	callVerb
	All bool `help:"Show every plan, not only the best four."`
}

// Help implements kong.HelpProvider.
func (compareVerb) Help() string { return example("agency compare shop", "agency compare shop --all") }

// comparison is what compare prints for programs.
type comparison struct {
	Call      string           `json:"call"`
	Name      string           `json:"name"`
	Plans     []sla.Plan       `json:"plans"`
	Obstacles []proto.Obstacle `json:"obstacles,omitempty"`
	Rounds    []proto.Round    `json:"rounds,omitempty"`
}

// plansBeside is how many plans fit side by side.
const plansBeside = 4

// Run shows the plans of a call side by side.
func (v compareVerb) Run(ctx context.Context, s *session) error {
	offers, err := v.offers(ctx, s)
	if err != nil {
		return err
	}
	document := comparison{offers.Call, offers.Name, offers.Plans, offers.Obstacles, offers.Rounds}
	if document.Plans == nil {
		document.Plans = []sla.Plan{}
	}
	return s.print(v.Output, document, func() {
		shown := len(offers.Plans)
		if !v.All {
			shown = min(shown, plansBeside)
		}
		for first := 0; first < shown; first += plansBeside {
			s.showBeside(offers, offers.Plans[first:min(first+plansBeside, shown)])
			s.screen.Line("")
		}
		s.showWhyNot(offers, shown)
		s.showRounds(offers)
	})
}

func (s *session) showBeside(offers proto.Offers, plans []sla.Plan) {
	columns := present.Columns("")
	for _, plan := range plans {
		columns = append(columns, present.Column{Title: fmt.Sprintf("PLAN %d", plan.Rank)})
	}
	var rows [][]string
	line := func(title string, of func(sla.Plan) string) {
		row := []string{title}
		for _, plan := range plans {
			row = append(row, of(plan))
		}
		rows = append(rows, row)
	}
	for _, class := range slices.Sorted(maps.Keys(offers.Application.Resources)) {
		line(class, func(plan sla.Plan) string { return servedBy(plan, class) })
	}
	line("price", func(plan sla.Plan) string { return present.PerHour(plan.Price) })
	line("a month", func(plan sla.Plan) string { return present.PerMonth(plan.Price) })
	line("at the most", func(plan sla.Plan) string { return present.PerMonth(plan.PriceAtMaximum) })
	line("available", func(plan sla.Plan) string { return present.Availability(plan.Availability) })
	s.screen.Table(columns, rows)
}

func servedBy(plan sla.Plan, class string) string {
	for _, leg := range plan.Legs {
		if slices.Contains(leg.Classes, class) {
			return leg.Vendor
		}
	}
	return present.None
}

func (s *session) showWhyNot(offers proto.Offers, shown int) {
	for _, plan := range offers.Plans[:shown] {
		if plan.Remark != "" {
			s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("Plan %d: %s", plan.Rank, remark(plan, offers.Plans[0])), 8))
		}
	}
	if hidden := len(offers.Plans) - shown; hidden > 0 {
		s.screen.Line("%s more; --all shows them.", present.Count(hidden, "plan"))
	}
	for _, obstacle := range offers.Obstacles {
		text := "Not more: " + present.Sentence(obstacleText(obstacle))
		if obstacle.Hint != "" {
			text += " (" + obstacle.Hint + ")"
		}
		s.screen.Line("%s", s.screen.Prose(text, 10))
	}
	if len(offers.Plans) == 0 && len(offers.Obstacles) == 0 {
		s.screen.Line("The call brought no plan.")
	}
}
