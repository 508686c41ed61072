package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

type counterVerb struct {
	callVerb
	Vendor string   `arg:"" help:"Vendor whose proposal is answered."`
	Less   string   `placeholder:"PERCENT" help:"Ask for all of it at so much less: 10%."`
	Price  []string `sep:"none" placeholder:"CLASS<=RATE" help:"Ask for a class at no more than that for each, web<=0.01 EUR/h; without a class for all of it."`
}

// Help implements kong.HelpProvider.
func (counterVerb) Help() string {
	return example(
		"agency counter shop ptc-athens --less 10%",
		"agency counter shop ptc-athens --price 'web<=0.01 EUR/h' --price 'db<=0.012 EUR/h'",
		"agency counter shop ptc-athens --price '24 EUR/month' -o json") +
		"\n\nIt is for what `agency submit` has called for and nobody has taken yet. `agency apply` leaves no call open: it takes the " +
		"best plan or gives it up. Who wants to haggle over an application submits it, counters, and accepts."
}

// countered is what counter prints for programs.
type countered struct {
	Call string `json:"call"`
	Name string `json:"name"`
	proto.Round
	// PriceBefore and Price are those of all that the vendor offers.
	PriceBefore quantity.Rate `json:"price-before"`
	Price       quantity.Rate `json:"price"`
	// Plans there are now, and what the best one cost before.
	BestBefore quantity.Rate `json:"best-before,omitzero"`
	Plans      []sla.Plan    `json:"plans"`
}

// Run makes a vendor a counter-offer and shows what it says to that.
func (v counterVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	before, err := agency.Offers(ctx, v.Call)
	if err != nil {
		return err
	}
	former, err := proposalOf(before, v.Vendor)
	if err != nil {
		return err
	}
	wanted, err := v.wanted(former)
	if err != nil {
		return err
	}
	after, err := agency.Counter(ctx, before.Call, v.Vendor, wanted)
	if err != nil {
		return err
	}
	round, err := lastRound(after, v.Vendor)
	if err != nil {
		return err
	}
	result := countered{Call: after.Call, Name: after.Name, Round: round, PriceBefore: wholePrice(former), Plans: after.Plans}
	result.Price = result.PriceBefore
	if now, err := proposalOf(after, v.Vendor); err == nil {
		result.Price = wholePrice(now)
	}
	if len(before.Plans) > 0 {
		result.BestBefore = before.Plans[0].Price
	}
	if v.Output != present.FormatTable {
		if err := present.Document(s.out, v.Output, result); err != nil {
			return err
		}
	} else if round.State == proto.RoundBettered {
		s.showCountered(result)
	}
	return notBettered(result)
}

// proposalOf is what a vendor proposes for a call.
func proposalOf(offers proto.Offers, vendor string) (sla.Proposal, error) {
	at := slices.IndexFunc(offers.Proposals, func(proposal sla.Proposal) bool { return proposal.Vendor == vendor })
	if at >= 0 {
		return offers.Proposals[at], nil
	}
	missing := &client.Error{
		Code: client.CodeNotFound, Message: fmt.Sprintf("%s proposes nothing for %s", vendor, offers.Name),
		Hint: "`agency proposals " + offers.Name + "` shows who proposes what",
	}
	if refusal, refused := offers.Refusals[vendor]; refused {
		missing.Message += ": " + refusal.Error()
	}
	return sla.Proposal{}, missing
}

// lastRound is what came of the last counter-offer to a vendor.
func lastRound(offers proto.Offers, vendor string) (proto.Round, error) {
	for _, round := range slices.Backward(offers.Rounds) {
		if round.Vendor == vendor {
			return round, nil
		}
	}
	return proto.Round{}, &client.Error{Code: client.CodeFailed, At: "broker", Message: "the answer tells of no counter-offer"}
}

// wholePrice is what all that a proposal offers costs at the least.
func wholePrice(proposal sla.Proposal) quantity.Rate {
	var sum quantity.Rate
	for _, class := range slices.Sorted(maps.Keys(proposal.Offers)) {
		price, err := proposal.Offers[class].AtMinimum()
		if err != nil {
			continue
		}
		if both, err := sum.Add(price); err == nil {
			sum = both
		}
	}
	return sum
}

// notBettered is the error of a counter-offer that changed no price.
func notBettered(result countered) error {
	failed := &client.Error{
		Code: string(sla.RefusedPrice), At: "vendor." + result.Vendor,
		Hint: fmt.Sprintf("its proposal stands; `agency accept %s` takes the best plan", result.Name),
	}
	switch {
	case result.State == proto.RoundBettered:
		return nil
	case result.State == proto.RoundRepeated:
		failed.Message = "it proposes the same again"
	case result.State == proto.RoundDropped:
		failed.Code, failed.At, failed.Hint = string(sla.RefusedState), "broker", ""
		failed.Message = fmt.Sprintf("the call for %s was closed before %s answered", result.Name, result.Vendor)
	case result.Refusal != nil:
		failed.Code, failed.Message = string(result.Refusal.Code), result.Refusal.Error()
	}
	return failed
}

func (s *session) showCountered(result countered) {
	rows := make([][]string, 0, len(result.Before))
	for _, class := range slices.Sorted(maps.Keys(result.Before)) {
		asked := present.None
		if terms, wanted := result.Terms[class]; wanted {
			asked = present.Rate(terms.Unit)
		}
		rows = append(rows, []string{class, asked, present.Rate(result.Before[class]), present.Rate(result.Now[class])})
	}
	s.screen.Line("%s, round %d with %s", result.Name, result.Round.Round, result.Vendor)
	s.screen.Table(present.Columns("CLASS", ">ASKED/H", ">BEFORE/H", ">NOW/H"), rows)
	s.screen.Line("%s asks for %s (%s), before %s.", result.Vendor, present.PerHour(result.Price), present.PerMonth(result.Price),
		present.PerHour(result.PriceBefore))
	if len(result.Plans) > 0 && result.Plans[0].Price != result.BestBefore {
		best := result.Plans[0]
		s.screen.Line("The best plan is %s for %s (%s), before %s.", legsText(best.Legs), present.PerHour(best.Price),
			present.PerMonth(best.Price), present.PerHour(result.BestBefore))
	} else {
		s.screen.Line("The best plan is what it was.")
	}
	s.screen.Line("Next: `agency accept %s` takes plan 1; `agency compare %s` shows them side by side.", result.Name, result.Name)
}

// showRounds tells of the counter-offers to a call's vendors.
func (s *session) showRounds(offers proto.Offers) {
	for _, round := range offers.Rounds {
		parts := make([]string, 0, len(round.Terms))
		for _, class := range slices.Sorted(maps.Keys(round.Terms)) {
			part := fmt.Sprintf("%s at %s", class, present.PerHour(round.Terms[class].Unit))
			if now, answered := round.Now[class]; answered && now != round.Before[class] {
				part += fmt.Sprintf(" (%s, before %s)", present.PerHour(now), present.PerHour(round.Before[class]))
			}
			parts = append(parts, part)
		}
		line := fmt.Sprintf("Round %d with %s, %s: asked for %s", round.Round, round.Vendor, round.State, strings.Join(parts, ", "))
		if round.Refusal != nil {
			line += "; " + round.Refusal.Error()
		}
		s.screen.Line("%s", s.screen.Prose(line, 2))
	}
}
