package main

import (
	"math/big"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
)

// wanted makes the counter-offer to a proposal that the flags ask for.
func (v counterVerb) wanted(proposal sla.Proposal) (descriptors.CounterOffer, error) {
	offer := descriptors.CounterOffer{To: proposal.ID, Terms: map[string]descriptors.Terms{}}
	if v.Less == "" && len(v.Price) == 0 {
		return offer, badInput("write --less 10%, or --price 'web<=0.01 EUR/h'", "a counter-offer asks for something")
	}
	var whole string
	for _, price := range v.Price {
		class, text, named := strings.Cut(price, "=")
		if !named {
			if whole != "" {
				return offer, badInput("leave one of them out", "--price %q and --price %q are both about all of it", whole, price)
			}
			whole = price
			continue
		}
		class = strings.TrimSpace(strings.TrimSuffix(class, "<"))
		rate, err := quantity.ParseRate(strings.TrimSpace(text))
		if err != nil {
			return offer, badInput("write --price 'web<=0.01 EUR/h'", "--price: %s", err)
		}
		if _, offered := proposal.Offers[class]; !offered {
			return offer, badInput("`agency proposals "+v.Call+"` shows what it offers", "%s offers no %q", proposal.Vendor, class)
		}
		if _, twice := offer.Terms[class]; twice {
			return offer, badInput("leave one of them out", "--price is said twice for %s", class)
		}
		offer.Terms[class] = descriptors.Terms{Unit: rate}
	}
	switch {
	case v.Less != "" && whole != "":
		return offer, badInput("leave one of them out", "--less and --price %q are both about all of it", whole)
	case v.Less != "":
		return offer, v.less(proposal, offer.Terms)
	case whole != "":
		return offer, ceiling(whole, proposal, offer.Terms)
	}
	return offer, nil
}

// less asks for every class that was not named at so much less.
func (v counterVerb) less(proposal sla.Proposal, terms map[string]descriptors.Terms) error {
	share, err := quantity.ParsePercent(v.Less)
	if err != nil || share <= 0 {
		return badInput("write --less 10%", "--less %q is not a percentage above 0%%", v.Less)
	}
	for class, offer := range proposal.Offers {
		if _, named := terms[class]; !named && offer.Unit.PerHour.Micros > 0 {
			terms[class] = descriptors.Terms{Unit: quantity.Rate{PerHour: offer.Unit.PerHour.Share(1 - share)}}
		}
	}
	return nil
}

// ceiling asks for every class that was not named in such a measure that all of it costs no more than a rate.
func ceiling(text string, proposal sla.Proposal, terms map[string]descriptors.Terms) error {
	rate, err := quantity.ParseRate(text)
	if err != nil {
		return badInput("write --price '24 EUR/month', or --price 'web<=0.01 EUR/h'", "--price: %s", err)
	}
	left, rest := rate.PerHour.Micros, int64(0)
	for class, offer := range proposal.Offers {
		named, asked := terms[class]
		if asked {
			offer.Unit = named.Unit
		}
		price, err := offer.AtMinimum()
		switch {
		case err != nil:
			return badInput("ask for less", "--price for %s: %s", class, err)
		case asked:
			left -= price.PerHour.Micros
		default:
			rest += price.PerHour.Micros
		}
	}
	switch {
	case rate.PerHour.Currency != proposal.Currency:
		return badInput("", "%s asks for %s, not %s", proposal.Vendor, proposal.Currency, rate.PerHour.Currency)
	case left < 0:
		return badInput("ask for more, or for less of the classes that are named", "the classes that are named cost more than %s", text)
	case left >= rest:
		return badInput("ask for less", "all that %s offers costs no more than %s already", proposal.Vendor, text)
	}
	for class, offer := range proposal.Offers {
		if _, named := terms[class]; named || offer.Unit.PerHour.Micros == 0 {
			continue
		}
		unit := big.NewInt(offer.Unit.PerHour.Micros)
		unit.Mul(unit, big.NewInt(left)).Quo(unit, big.NewInt(rest))
		terms[class] = descriptors.Terms{Unit: quantity.Rate{PerHour: quantity.Money{Micros: unit.Int64(), Currency: proposal.Currency}}}
	}
	return nil
}
