package planning

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
)

// market is who offers what of an application: everything that proposals say, after what cannot be used was left out.
type market struct {
	problem Problem
	// classes and vendors are sorted; everything else refers to them by index.
	classes []string
	vendors []string
	// proposals by vendor.
	proposals []sla.Proposal
	// offers by class, then vendor.
	offers [][]candidate
	// strangers are the classes, by that which they must reach by a public address.
	strangers map[string][]string
	// left says what was left out and why.
	left []Obstacle
}

// candidate is what a class costs and loses at a vendor. Prices are micro-units per hour for the counts asked for.
type candidate struct {
	usable         bool
	price, maximum int64
	loss           int64
}

func newMarket(problem Problem) *market {
	m := &market{problem: problem, strangers: descriptors.Strangers(problem.Application.Resources)}
	for name := range problem.Application.Resources {
		m.classes = append(m.classes, name)
	}
	slices.Sort(m.classes)
	for _, proposal := range m.latest() {
		if reason := m.unusable(proposal); reason != "" {
			m.left = append(m.left, Obstacle{Vendor: proposal.Vendor, Reason: reason})
			continue
		}
		m.vendors = append(m.vendors, proposal.Vendor)
		m.proposals = append(m.proposals, proposal)
	}
	for _, name := range m.classes {
		m.offers = append(m.offers, m.offersFor(name))
	}
	return m
}

// latest returns each vendor's latest proposal to the call, ordered by vendor.
func (m *market) latest() []sla.Proposal {
	latest := make(map[string]sla.Proposal, len(m.problem.Proposals))
	for _, proposal := range m.problem.Proposals {
		if m.problem.Call != "" && proposal.Call != m.problem.Call {
			m.left = append(m.left, Obstacle{
				Vendor: proposal.Vendor, Reason: fmt.Sprintf("its proposal %q answers call %q", proposal.ID, proposal.Call),
			})
			continue
		}
		former, found := latest[proposal.Vendor]
		if !found || cmp.Or(cmp.Compare(proposal.Round, former.Round), strings.Compare(proposal.ID, former.ID)) > 0 {
			latest[proposal.Vendor] = proposal
		}
	}
	proposals := make([]sla.Proposal, 0, len(latest))
	for _, proposal := range latest {
		proposals = append(proposals, proposal)
	}
	slices.SortFunc(proposals, func(a, b sla.Proposal) int { return strings.Compare(a.Vendor, b.Vendor) })
	return proposals
}

// unusable says why a proposal as a whole is left out, or nothing.
func (m *market) unusable(proposal sla.Proposal) string {
	switch {
	case proposal.Vendor == "" || proposal.ID == "":
		return "its proposal lacks the id or the vendor's name"
	case !proposal.ValidUntil.After(m.problem.Now):
		return "its proposal expired at " + proposal.ValidUntil.UTC().Format("2006-01-02 15:04:05 MST")
	case proposal.Currency != m.problem.Application.Currency:
		return fmt.Sprintf("its prices are in %q, asked for were prices in %s", proposal.Currency, m.problem.Application.Currency)
	}
	return ""
}

func (m *market) offersFor(name string) []candidate {
	class := m.problem.Application.Resources[name]
	asked := sla.Instances(m.problem.Application.Resources, name)
	offers := make([]candidate, len(m.vendors))
	for vendor, proposal := range m.proposals {
		obstacle := unoffered(name, proposal) // what a vendor says itself explains more than where it is
		if obstacle.Reason == "" {
			obstacle = misplaced(class.Place, proposal)
		}
		if obstacle.Reason == "" {
			obstacle = m.unreachable(name, proposal.Offers[name])
		}
		if obstacle.Reason == "" {
			offers[vendor], obstacle.Reason = m.candidate(class, asked, proposal.Offers[name])
		}
		if obstacle.Reason != "" {
			obstacle.Class, obstacle.Vendor = name, proposal.Vendor
			m.left = append(m.left, obstacle)
		}
	}
	return offers
}

// misplaced says why a vendor may not serve a class with this placement, or nothing.
func misplaced(place descriptors.Placement, proposal sla.Proposal) Obstacle {
	switch {
	case !place.Vendors.Admits(proposal.Vendor):
		return Obstacle{Reason: "the class's placement does not admit the vendor"}
	case len(place.Region) > 0 && !slices.Contains(place.Region, proposal.Region):
		return Obstacle{Reason: fmt.Sprintf("is in region %q, asked for was %s", proposal.Region, list(place.Region, "or"))}
	case len(place.Country) > 0 && !slices.Contains(place.Country, proposal.Country):
		return Obstacle{Reason: fmt.Sprintf("is in country %q, asked for was %s", proposal.Country, list(place.Country, "or"))}
	}
	return Obstacle{}
}

// unoffered says why a proposal has no offer of a class, or nothing.
func unoffered(name string, proposal sla.Proposal) Obstacle {
	_, offered := proposal.Offers[name]
	refusal, refused := proposal.Refusals[name]
	switch {
	case offered && refused:
		return Obstacle{Reason: "both offered and refused"}
	case refused:
		return Obstacle{Reason: "refused: " + cmp.Or(refusal.Message, string(refusal.Code), "no reason given"), Hint: refusal.Hint}
	case !offered:
		return Obstacle{Reason: "neither offered nor refused"}
	}
	return Obstacle{}
}

// unreachable says why a class would lack an address that others are to reach it at, or nothing. Who is on a network with
// it is at the same vendor; nobody else has any address of it but a public one, at whatever vendor either is.
func (m *market) unreachable(name string, offer sla.Offer) Obstacle {
	strangers := m.strangers[name]
	if len(strangers) == 0 || offer.MayBePublic(m.problem.Application.Resources, name) {
		return Obstacle{}
	}
	return Obstacle{
		Reason: "would have no address there that " + list(strangers, "and") + " can reach: no public one, and no network in common",
		Hint:   "put " + list(append([]string{name}, strangers...), "and") + " on one network",
	}
}

// candidate prices an offer for the count asked, or says why it is left out.
func (m *market) candidate(class descriptors.Class, asked quantity.Range, offer sla.Offer) (candidate, string) {
	currency, classes := m.problem.Application.Currency, len(m.classes)
	unit := offer.Unit.PerHour
	switch {
	case !offer.Covers(asked):
		return candidate{}, fmt.Sprintf("offered for a count of %s, asked for were %s", offer.Count, asked)
	case unit != (quantity.Money{}) && unit.Currency != currency:
		return candidate{}, fmt.Sprintf("price of %s is not in %s", offer.Unit, currency)
	case unit.Micros < 0:
		return candidate{}, fmt.Sprintf("price of %s is negative", offer.Unit)
	case !(offer.Availability > 0 && offer.Availability <= 1):
		return candidate{}, fmt.Sprintf("availability of %v makes no sense", float64(offer.Availability))
	case asked.Min < 0 || asked.Max < asked.Min:
		return candidate{}, fmt.Sprintf("a count of %s makes no sense", asked)
	}
	// No sum over all classes can overflow if each is within its share.
	maximum, err := unit.Times(int64(asked.Max))
	if err != nil || maximum.Micros > math.MaxInt64/4/int64(classes) {
		return candidate{}, fmt.Sprintf("price of %s for each of %d is out of range", offer.Unit, asked.Max)
	}
	return candidate{
		usable: true, price: unit.Micros * int64(asked.Min), maximum: maximum.Micros,
		loss: lossOf(sla.ClassAvailability(class, offer.Availability), classes),
	}, ""
}

// sorted returns the obstacles given and those of everything left out, in order.
func (m *market) sorted(first []Obstacle) []Obstacle {
	rest := slices.Clone(m.left)
	slices.SortFunc(rest, func(a, b Obstacle) int {
		return cmp.Or(strings.Compare(a.Class, b.Class), strings.Compare(a.Vendor, b.Vendor), strings.Compare(a.Reason, b.Reason))
	})
	return append(first, rest...)
}

// list writes "a", "a or b", "a, b or c".
func list(names []string, conjunction string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " " + conjunction + " " + names[last]
}
