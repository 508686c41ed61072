package sla

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Check says what is wrong with a proposal as an answer to a call: every fault, joined, or nil. A proposal that passes
// answers this round of this call, in its currency, for each of its classes with either an offer that makes sense or a
// refusal, and for no others.
func (p Proposal) Check(call descriptors.CallForProposals) error {
	faults := p.checkHead(call)
	for _, name := range sortedNames(call.Classes) {
		offer, offered := p.Offers[name]
		_, refused := p.Refusals[name]
		switch {
		case offered && refused:
			faults = append(faults, fmt.Errorf("class %q: both offered and refused", name))
		case !offered && !refused:
			faults = append(faults, fmt.Errorf("class %q: neither offered nor refused", name))
		}
		if offered {
			faults = append(faults, offer.faults(name, p.Currency, Instances(call.Classes, name))...)
		}
	}
	for _, name := range sortedNames(p.Offers) {
		if _, called := call.Classes[name]; !called {
			faults = append(faults, fmt.Errorf("offer for %q: the call has no such class", name))
		}
	}
	for _, name := range sortedNames(p.Refusals) {
		if _, called := call.Classes[name]; !called {
			faults = append(faults, fmt.Errorf("refusal of %q: the call has no such class", name))
		}
		if p.Refusals[name].Code == "" {
			faults = append(faults, fmt.Errorf("refusal of %q: no code", name))
		}
	}
	return errors.Join(faults...)
}

func (p Proposal) checkHead(call descriptors.CallForProposals) []error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	if p.ID == "" {
		fault("id: missing")
	}
	if p.Vendor == "" {
		fault("vendor: missing")
	}
	if p.Call != call.ID {
		fault("call: answers %q, asked was %q", p.Call, call.ID)
	}
	if p.Round != call.Round {
		fault("round: answers %d, asked was %d", p.Round, call.Round)
	}
	if p.Currency != call.Currency {
		fault("currency: is %q, asked was %q", p.Currency, call.Currency)
	}
	if p.Country != "" && (len(p.Country) != 2 || strings.Trim(p.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		fault("country: %q is not two capital letters", p.Country)
	}
	if p.ValidUntil.IsZero() {
		fault("valid-until: missing")
	}
	if len(p.Offers) == 0 {
		fault("offers: none; a vendor that offers nothing refuses the call")
	}
	return faults
}

// faults lists what is wrong with an offer for the count asked, in the proposal's currency.
func (o Offer) faults(class string, currency quantity.Currency, asked quantity.Range) []error {
	var faults []error
	fault := func(format string, arguments ...any) {
		faults = append(faults, fmt.Errorf("offer for %q: %s", class, fmt.Sprintf(format, arguments...)))
	}
	if !o.Covers(asked) {
		fault("count %s does not cover the %s asked for", o.Count, asked)
	}
	if o.Count.Min < 0 || o.Count.Max > quantity.MaxCount {
		fault("count %s is not within 0..%d", o.Count, quantity.MaxCount)
	}
	if o.Unit.PerHour.Micros < 0 {
		fault("price %s is negative", o.Unit)
	}
	if o.Unit != (quantity.Rate{}) && o.Unit.PerHour.Currency != currency {
		fault("price %s is not in %s", o.Unit, currency)
	}
	if _, err := o.AtMaximum(); err != nil {
		fault("price: %v", err)
	}
	if !(o.Availability > 0 && o.Availability <= 1) {
		fault("availability %v is not above 0%% and at most 100%%", float64(o.Availability))
	}
	if o.ReadyIn < 0 {
		fault("ready in %s is negative", o.ReadyIn)
	}
	return faults
}

// Covers says whether the offer holds for every count that is asked for.
func (o Offer) Covers(asked quantity.Range) bool {
	return o.Count.Contains(asked.Min) && o.Count.Contains(asked.Max)
}
