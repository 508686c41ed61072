package planning_test

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/planning"
)

// enumerated is a plan as the plain enumeration sees it.
type enumerated struct {
	// at names the vendor of each class, the classes sorted.
	at                   []string
	price, maximum, loss int64
	vendors              int
	score                float64
}

// enumerate lists every feasible plan, best first, by trying all of them.
func enumerate(problem planning.Problem) []enumerated {
	resources := problem.Application.Resources
	var classes []string
	for name := range resources {
		classes = append(classes, name)
	}
	slices.Sort(classes)
	var all []enumerated
	chosen := make(map[string]sla.Proposal)
	var descend func(depth int)
	descend = func(depth int) {
		if depth == len(classes) {
			if placed(resources, chosen) && reached(resources, chosen) {
				all = append(all, priced(resources, classes, chosen))
			}
			return
		}
		for _, proposal := range problem.Proposals {
			if usable(problem, classes[depth], proposal) {
				chosen[classes[depth]] = proposal
				descend(depth + 1)
			}
		}
	}
	descend(0)
	return ranked(problem.Application, all)
}

func usable(problem planning.Problem, name string, proposal sla.Proposal) bool {
	place := problem.Application.Resources[name].Place
	asked := sla.Instances(problem.Application.Resources, name)
	offer, offered := proposal.Offers[name]
	return offered && proposal.ValidUntil.After(problem.Now) && proposal.Currency == problem.Application.Currency &&
		place.Vendors.Admits(proposal.Vendor) &&
		(len(place.Region) == 0 || slices.Contains(place.Region, proposal.Region)) &&
		(len(place.Country) == 0 || slices.Contains(place.Country, proposal.Country)) &&
		offer.Count.Min <= asked.Min && asked.Max <= offer.Count.Max
}

func placed(resources map[string]descriptors.Class, chosen map[string]sla.Proposal) bool {
	same := func(one, other string) bool { return chosen[one].Vendor == chosen[other].Vendor }
	for name, class := range resources {
		for _, other := range class.Place.Together {
			if !same(name, other) {
				return false
			}
		}
		for _, other := range class.Place.Apart {
			if other != descriptors.ApartMachine && same(name, other) {
				return false
			}
		}
		for volume := range class.Volumes {
			if !same(name, volume) {
				return false
			}
		}
		for _, network := range class.Networks {
			if of := resources[network]; of.Type == descriptors.Network && !of.Span && !same(name, network) {
				return false
			}
		}
		for _, member := range class.Members {
			if !class.Span && !same(name, member) {
				return false
			}
		}
	}
	return true
}

// reached says whether whoever needs an address of a class finds one where the plan puts the two of them: on a network of
// both that is there too, or else a public one.
func reached(resources map[string]descriptors.Class, chosen map[string]sla.Proposal) bool {
	on := func(class, network string) bool {
		return resources[network].Type == descriptors.Network &&
			(slices.Contains(resources[class].Networks, network) || slices.Contains(resources[network].Members, class))
	}
	for name, class := range resources {
		for other := range resources {
			needs := strings.Contains(class.Environment["PEER"], "${"+other+".address") || class.Targets == other
			found := !needs || other == name || public(resources, other, chosen[other].Offers[other].Public, on)
			for network, of := range resources {
				there := chosen[network].Vendor == chosen[name].Vendor && chosen[network].Vendor == chosen[other].Vendor
				found = found || on(name, network) && on(other, network) && (there || of.Span)
			}
			if !found {
				return false
			}
		}
	}
	return true
}

// public says whether a vendor that says when gives a class a public address.
func public(resources map[string]descriptors.Class, name string, when []sla.Public, on func(class, network string) bool) bool {
	alone, open, asked := true, false, len(resources[name].Ports) > 0 || resources[name].Type == descriptors.LoadBalancer
	for network, of := range resources {
		if !on(name, network) {
			continue
		}
		alone, open = false, open || !of.Private
		for _, rule := range of.Rules {
			lets := len(rule.To) == 0 || slices.Contains(rule.To, name)
			asked = asked || lets && (slices.Contains(rule.From, "any") || slices.Contains(rule.From, "10.0.0.0/8"))
		}
	}
	holds := map[sla.Public]bool{sla.PublicNever: false, sla.PublicAlone: alone, sla.PublicOpen: open, sla.PublicAsked: asked}
	return len(when) == 0 || slices.ContainsFunc(when, func(one sla.Public) bool {
		held, known := holds[one]
		return held || !known
	})
}

func lossOf(availability float64) int64 { return int64(math.Round(-math.Log(availability) * 1e12)) }

func priced(resources map[string]descriptors.Class, classes []string, chosen map[string]sla.Proposal) enumerated {
	var e enumerated
	for _, name := range classes {
		offer, asked := chosen[name].Offers[name], sla.Instances(resources, name)
		e.at = append(e.at, chosen[name].Vendor)
		e.price += offer.Unit.PerHour.Micros * int64(asked.Min)
		e.maximum += offer.Unit.PerHour.Micros * int64(asked.Max)
		e.loss += lossOf(float64(sla.ClassAvailability(resources[name], offer.Availability)))
	}
	e.vendors = len(slices.Compact(slices.Sorted(slices.Values(e.at))))
	return e
}

// ranked drops what the budget or the objective forbids, and sorts the rest.
func ranked(application descriptors.Application, all []enumerated) []enumerated {
	if budget := application.Budget.PerHour.Micros; budget != 0 {
		all = slices.DeleteFunc(all, func(e enumerated) bool { return e.maximum > budget })
	}
	if asked := application.Objectives.Availability; asked != 0 {
		limit := lossOf(float64(asked)) + int64(len(application.Resources))
		all = slices.DeleteFunc(all, func(e enumerated) bool { return e.loss > limit })
	}
	if len(all) == 0 {
		return nil
	}
	price, availability := application.Select.Price, application.Select.Availability
	cheapest := slices.MinFunc(all, func(a, b enumerated) int {
		return cmp.Or(cmp.Compare(a.price, b.price), cmp.Compare(a.loss, b.loss))
	})
	safest := slices.MinFunc(all, func(a, b enumerated) int {
		return cmp.Or(cmp.Compare(a.loss, b.loss), cmp.Compare(a.price, b.price))
	})
	scaled := func(value, from, to int64) float64 {
		switch {
		case to > from:
			return float64(value-from) / float64(to-from)
		case from > 0:
			return float64(value-from) / float64(from)
		}
		return float64(value - from)
	}
	for i := range all {
		if price > 0 && availability > 0 {
			all[i].score = price*scaled(all[i].price, cheapest.price, safest.price) +
				availability*scaled(all[i].loss, safest.loss, cheapest.loss)
		}
	}
	slices.SortFunc(all, func(a, b enumerated) int {
		byPrice, byLoss := cmp.Compare(a.price, b.price), cmp.Compare(a.loss, b.loss)
		if price == 0 && availability > 0 {
			byPrice, byLoss = byLoss, byPrice
		}
		return cmp.Or(cmp.Compare(a.score, b.score), byPrice, byLoss, cmp.Compare(a.vendors, b.vendors),
			slices.CompareFunc(a.at, b.at, strings.Compare))
	})
	return all
}
