package main

import (
	"cmp"
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

// showBids shows a line for each vendor: what it offers, or why nothing. What a vendor that offers something does not
// serve comes below.
func (s *session) showBids(offers proto.Offers) {
	width := vendorWidth(offers)
	columns := present.Columns("VENDOR", "FOR", ">PRICE/H", ">AVAILABLE", ">READY IN", "HELD UNTIL")
	columns[0].Least = width
	rows := make([][]string, len(offers.Proposals))
	for i, proposal := range offers.Proposals {
		rows[i] = s.bidRow(offers, proposal)
	}
	gap := present.Gap
	if len(rows) > 0 {
		gap = s.screen.Table(columns, rows)
	}
	for _, vendor := range slices.Sorted(maps.Keys(offers.Refusals)) {
		reasons := rootReasons(offers, offers.Refusals[vendor])
		s.refusalLine(present.Pad(vendor, width)+gap, "-  refused: "+strongest(reasons))
	}
	for _, proposal := range offers.Proposals {
		if reasons := partialReasons(proposal); len(reasons) > 0 {
			s.refusalLine(present.Pad(proposal.Vendor, width)+gap, "without "+strings.Join(reasons, "; "))
		}
	}
}

// vendorWidth is the width of the longest name of those who answered.
func vendorWidth(offers proto.Offers) int {
	width := 0
	for vendor := range offers.Refusals {
		width = max(width, present.Width(vendor))
	}
	for _, proposal := range offers.Proposals {
		width = max(width, present.Width(proposal.Vendor))
	}
	return width
}

func (s *session) refusalLine(who, what string) {
	line := "  " + who + present.Sentence(what)
	s.screen.Line("%s", s.screen.Paint(present.Faint, s.screen.Prose(line, 2+present.Width(who))))
}

// Fragments of the sentences in which vendors refuse classes: of one that is refused because of another, of one that
// there is no room for, and of one that there is room for some of.
const (
	becauseOfAnother = "must be together with"
	noRoom           = " free"
	roomForSome      = "would do"
)

// partialReasons says what a vendor that offers something does not serve, class by class, and why, without the details.
func partialReasons(proposal sla.Proposal) []string {
	var reasons []string
	for _, class := range slices.Sorted(maps.Keys(proposal.Refusals)) {
		if refusal := proposal.Refusals[class]; !strings.Contains(refusal.Message, becauseOfAnother) || len(proposal.Refusals) == 1 {
			reasons = append(reasons, class+": "+refusal.Message)
		}
	}
	return reasons
}

// rootReasons takes the refusal of a vendor that offers nothing, which lists its classes, apart. Classes that are refused
// because of another are left out.
func rootReasons(offers proto.Offers, refusal sla.Refusal) []string {
	var all []string
	for part := range strings.SplitSeq(refusal.Error(), "; ") {
		class, _, named := strings.Cut(part, ": ")
		if _, known := offers.Application.Resources[class]; len(all) > 0 && (!named || !known) {
			all[len(all)-1] += "; " + part // a reason of several parts
			continue
		}
		all = append(all, part)
	}
	dependent := func(reason string) bool { return strings.Contains(reason, becauseOfAnother) }
	if roots := slices.DeleteFunc(slices.Clone(all), dependent); len(roots) > 0 {
		return roots
	}
	return all
}

// strongest is the reason that explains most, a lack of room before all others, and how many more there are.
func strongest(reasons []string) string {
	best := slices.MinFunc(reasons, func(a, b string) int { return cmp.Compare(weakness(a), weakness(b)) })
	if more := len(reasons) - 1; more > 0 {
		return fmt.Sprintf("%s; +%d more", best, more)
	}
	return best
}

func weakness(reason string) int {
	switch {
	case strings.Contains(reason, noRoom) && strings.Contains(reason, roomForSome):
		return 0
	case strings.Contains(reason, noRoom), strings.Contains(reason, roomForSome):
		return 1
	}
	return 2
}

func (s *session) bidRow(offers proto.Offers, proposal sla.Proposal) []string {
	classes := slices.Sorted(maps.Keys(proposal.Offers))
	ready := quantity.Duration(0)
	for _, class := range classes {
		ready = max(ready, proposal.Offers[class].ReadyIn)
	}
	until := "not held"
	if proposal.Held {
		until = s.screen.Until(proposal.ValidUntil)
	}
	return []string{
		proposal.Vendor, present.Names(classes), present.Rate(wholePrice(proposal)),
		present.Availability(sla.Availability(offers.Application.Resources, proposal.Offers)),
		present.Span(time.Duration(ready)), until,
	}
}
