package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
)

// callVerb are the flags of the verbs about one call.
type callVerb struct {
	Call string `arg:"" name:"name" help:"Name of the deployment, or id of the call."`
	reading
	target
}

func (v callVerb) offers(ctx context.Context, s *session) (proto.Offers, error) {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return proto.Offers{}, err
	}
	defer closeAgency()
	return agency.Offers(ctx, v.Call)
}

type proposalsVerb struct{ callVerb }

// Help implements kong.HelpProvider.
func (proposalsVerb) Help() string {
	return example("agency proposals shop", "agency proposals shop -o yaml")
}

// Run shows the proposals of a call, an offer a line.
func (v proposalsVerb) Run(ctx context.Context, s *session) error {
	offers, err := v.offers(ctx, s)
	if err != nil {
		return err
	}
	return s.print(v.Output, offers, func() {
		s.screen.Line("%s: call %s, %s, opened %s", offers.Name, offers.Call, s.screen.State(string(offers.State)),
			s.screen.Ago(offers.Opened))
		var rows [][]string
		for _, proposal := range offers.Proposals {
			for _, class := range slices.Sorted(maps.Keys(proposal.Offers)) {
				offer := proposal.Offers[class]
				flavor := offer.Flavor
				if flavor == "" {
					flavor = present.None
				}
				rows = append(rows, []string{
					proposal.Vendor, class, offer.Count.String(), present.Rate(offer.Unit),
					present.Availability(offer.Availability), present.Span(time.Duration(offer.ReadyIn)), flavor,
					s.screen.Until(proposal.ValidUntil),
				})
			}
		}
		columns := present.Columns("VENDOR", "CLASS", ">COUNT", ">EACH/H", ">AVAILABLE", ">READY IN", "?FLAVOR", "UNTIL")
		if len(rows) > 0 {
			s.screen.Table(columns, rows)
		}
		s.showRefusals(offers)
		s.showRounds(offers)
		s.showNotes(offers)
	})
}

// showRefusals says class by class what is not offered, and why.
func (s *session) showRefusals(offers proto.Offers) {
	width := vendorWidth(offers)
	for _, vendor := range slices.Sorted(maps.Keys(offers.Refusals)) {
		for _, reason := range rootReasons(offers, offers.Refusals[vendor]) {
			s.refusalLine(present.Pad(vendor, width)+present.Gap, "refuses "+reason)
		}
	}
	for _, proposal := range offers.Proposals {
		for _, class := range slices.Sorted(maps.Keys(proposal.Refusals)) {
			s.refusalLine(present.Pad(proposal.Vendor, width)+present.Gap, "refuses "+class+": "+proposal.Refusals[class].Error())
		}
	}
}

// showNotes tells what vendors want to be known, together for those that say the same.
func (s *session) showNotes(offers proto.Offers) {
	said := map[string][]string{}
	var notes []string
	for _, proposal := range offers.Proposals {
		for _, note := range proposal.Notes {
			if len(said[note]) == 0 {
				notes = append(notes, note)
			}
			said[note] = append(said[note], proposal.Vendor)
		}
	}
	for _, note := range notes {
		verb := " say: "
		if len(said[note]) == 1 {
			verb = " says: "
		}
		s.screen.Line("  %s", strings.TrimLeft(s.screen.Prose("  "+strings.Join(said[note], ", ")+verb+note, 4), " "))
	}
}
