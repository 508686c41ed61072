package vendor_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// negotiating is a house whose vendor comes down as told.
func negotiating(t *testing.T, policy vendor.Negotiation) *house {
	t.Helper()
	return newHouse(t, func(h *house) { h.options.Negotiation = policy })
}

// countering is the call of the next round, which asks for another price of the web.
func countering(call descriptors.CallForProposals, proposal sla.Proposal, micros int64) descriptors.CallForProposals {
	call.Round = proposal.Round + 1
	call.Counter = &descriptors.CounterOffer{To: proposal.ID, Terms: map[string]descriptors.Terms{
		"web": {Unit: quantity.Rate{PerHour: quantity.Money{Micros: micros, Currency: "EUR"}}},
	}}
	return call
}

func priceOf(proposal sla.Proposal) int64 { return proposal.Offers["web"].Unit.PerHour.Micros }

func TestAVendorComesDownToItsLowestAndNoFurther(t *testing.T) {
	h := negotiating(t, vendor.Negotiation{Lowest: 0.85, Step: 0.1})
	call := machines(exactly(2))
	first := h.propose(call)
	list := priceOf(first)
	second := h.propose(countering(call, first, 1))
	if priceOf(second) != list*90/100 || second.Round != 2 || second.Call != call.ID {
		t.Fatalf("second round: %d after %d, %+v", priceOf(second), list, second)
	}
	third := h.propose(countering(call, second, 1))
	if priceOf(third) != list*85/100 {
		t.Fatalf("third round: %d, list price %d", priceOf(third), list)
	}
	refusal := refused(t, h.call(countering(call, third, 1)), proto.Refuse, sla.RefusedPrice)
	if !strings.Contains(refusal.Message, "goes no lower for web") {
		t.Errorf("refused with %q", refusal.Message)
	}
	if held := h.status().Held; held.Cores != 2 {
		t.Errorf("%d cores are held, for one proposal of two", held.Cores)
	}
	agreement := content[sla.Agreement](t, h.accept(agreementOn(third)))
	if agreement.Classes["web"].Unit != third.Offers["web"].Unit {
		t.Errorf("agreed on %s", agreement.Classes["web"].Unit)
	}
}

func TestAVendorMeetsWhatItCan(t *testing.T) {
	h := negotiating(t, vendor.Negotiation{Lowest: 0.5, Rounds: 1})
	call := machines(exactly(1))
	first := h.propose(call)
	wanted := priceOf(first) * 9 / 10
	second := h.propose(countering(call, first, wanted))
	if priceOf(second) != wanted {
		t.Errorf("offers %d, asked for were %d", priceOf(second), wanted)
	}
	refusal := refused(t, h.call(countering(call, second, wanted-1)), proto.Refuse, sla.RefusedPrice)
	if !strings.Contains(refusal.Message, "1 times") {
		t.Errorf("refused with %q", refusal.Message)
	}
}

func TestAVendorThatDoesNotNegotiateStandsByItsProposal(t *testing.T) {
	for name, policy := range map[string]vendor.Negotiation{
		"nothing": {}, "other types": {Types: map[descriptors.ResourceType]quantity.Percent{descriptors.Volume: 0.5}},
	} {
		t.Run(name, func(t *testing.T) {
			h := negotiating(t, policy)
			call := machines(exactly(1))
			first := h.propose(call)
			refused(t, h.call(countering(call, first, 1)), proto.Refuse, sla.RefusedUnsupported)
			content[sla.Agreement](t, h.accept(agreementOn(first)))
		})
	}
}

func TestOnlyTheLastRoundIsAccepted(t *testing.T) {
	h := negotiating(t, vendor.Negotiation{Lowest: 0.9})
	call := machines(exactly(1))
	first := h.propose(call)
	second := h.propose(countering(call, first, 1))
	refusal := refused(t, h.accept(agreementOn(first)), proto.Failure, sla.RefusedConflict)
	if !strings.Contains(refusal.Message, "superseded by "+second.ID) {
		t.Errorf("refused with %q", refusal.Message)
	}
	cheaper := agreementOn(second)
	cheaper.Classes = first.Offers
	refused(t, h.accept(cheaper), proto.Failure, sla.RefusedBadRequest)
	content[sla.Agreement](t, h.cancel(proto.Cancellation{Proposal: first.ID}))
	content[sla.Agreement](t, h.accept(agreementOn(second)))
}

func TestARoundAskedAgainIsAnsweredTheSameAlsoAfterARestart(t *testing.T) {
	h := negotiating(t, vendor.Negotiation{Lowest: 0.9, Rounds: 1})
	call := machines(exactly(3))
	first := h.propose(call)
	bettering := countering(call, first, 1)
	second := h.propose(bettering)
	declining := countering(call, second, 1)
	before := refused(t, h.call(declining), proto.Refuse, sla.RefusedPrice)
	for _, when := range []string{"at once", "after a restart with another policy"} {
		if again := h.propose(bettering); again.ID != second.ID || priceOf(again) != priceOf(second) {
			t.Errorf("%s: proposes %s at %d after %s at %d", when, again.ID, priceOf(again), second.ID, priceOf(second))
		}
		if after := refused(t, h.call(declining), proto.Refuse, sla.RefusedPrice); after != before {
			t.Errorf("%s: refuses with %v after %v", when, after, before)
		}
		if held := h.status().Held.Cores; held != 3 {
			t.Errorf("%s: %d cores are held", when, held)
		}
		h.options.Negotiation = vendor.Negotiation{Lowest: 0.1}
		h.restart()
	}
	refused(t, h.accept(agreementOn(first)), proto.Failure, sla.RefusedConflict)
	content[sla.Agreement](t, h.accept(agreementOn(second)))
}

func TestACounterOfferToNothingThatStands(t *testing.T) {
	h := negotiating(t, vendor.Negotiation{Lowest: 0.9})
	call := machines(exactly(1))
	first := h.propose(call)
	unknown := first
	unknown.ID = "01JZZZZZZZZZZZZZZZZZZZZZZZ"
	refused(t, h.call(countering(call, unknown, 1)), proto.Refuse, sla.RefusedExpired)
	other := machines(exactly(1))
	refused(t, h.call(countering(other, first, 1)), proto.Refuse, sla.RefusedBadRequest)
	elsewhere := countering(call, first, 1)
	elsewhere.Counter.Terms = map[string]descriptors.Terms{"db": elsewhere.Counter.Terms["web"]}
	refused(t, h.call(elsewhere), proto.Refuse, sla.RefusedBadRequest)

	taken := machines(exactly(1))
	proposal := h.propose(taken)
	content[sla.Agreement](t, h.accept(agreementOn(proposal)))
	refused(t, h.call(countering(taken, proposal, 1)), proto.Refuse, sla.RefusedConflict)
	h.later(5*time.Minute + time.Second)
	refused(t, h.call(countering(call, first, 1)), proto.Refuse, sla.RefusedExpired)
}

// Whatever is asked for, in whatever steps, a price never rises and never falls below what the policy says.
func TestPricesStayWithinThePolicy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := vendor.Negotiation{
			Lowest: quantity.Percent(rapid.IntRange(0, 1000).Draw(t, "lowest")) / 1000, Rounds: rapid.IntRange(0, 5).Draw(t, "rounds"),
			Step: quantity.Percent(rapid.IntRange(0, 1000).Draw(t, "step")) / 1000,
		}
		list := rapid.Int64Range(0, 1e15).Draw(t, "list")
		rate := func(micros int64) quantity.Rate {
			return quantity.Rate{PerHour: quantity.Money{Micros: micros, Currency: "EUR"}}
		}
		now := list
		for range 6 {
			asked := rapid.Int64Range(0, list).Draw(t, "asked")
			next := policy.Unit(descriptors.Compute, rate(list), rate(now), rate(asked)).PerHour.Micros
			floor := int64(float64(list)*float64(policy.Lowest)) - 1
			if next > now || next < floor || next < asked && next < now {
				t.Fatalf("%d after %d of %d, asked for %d, by %+v", next, now, list, asked, policy)
			}
			now = next
		}
	})
}
