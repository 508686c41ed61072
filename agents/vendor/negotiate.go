package vendor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Negotiation is how far the vendor comes down from its list prices when it is asked to. The zero value does not negotiate.
type Negotiation struct {
	// Lowest share of the list price that it goes down to; 0 stays at the list price.
	Lowest quantity.Percent
	// Types have a lowest share of their own.
	Types map[descriptors.ResourceType]quantity.Percent
	// Rounds is how often it comes down in one call; 3 by default.
	Rounds int
	// Step is the most that it comes down in one round, as a share of the list price; by default so much that it is at the
	// lowest after all rounds.
	Step quantity.Percent
}

// roundsByDefault is how often a vendor comes down that was not told otherwise.
const roundsByDefault = 3

func (n Negotiation) rounds() int {
	if n.Rounds == 0 {
		return roundsByDefault
	}
	return n.Rounds
}

// lowest is the lowest share of the list price of one kind of class, 0 if that is not negotiated.
func (n Negotiation) lowest(kind descriptors.ResourceType) quantity.Percent {
	if share, own := n.Types[kind]; own {
		return share
	}
	return n.Lowest
}

// Unit is the price of one instance that follows on what it costs now, when so much is asked for: never more than now,
// never less than the lowest share of the list price, nor than was asked for.
func (n Negotiation) Unit(kind descriptors.ResourceType, list, now, asked quantity.Rate) quantity.Rate {
	lowest := n.lowest(kind)
	if lowest == 0 {
		return now
	}
	step := n.Step
	if step == 0 {
		step = (1 - lowest) / quantity.Percent(n.rounds())
	}
	next := now.PerHour
	next.Micros -= list.PerHour.Share(step).Micros
	next.Micros = max(next.Micros, list.PerHour.Share(lowest).Micros, asked.PerHour.Micros)
	next.Micros = min(next.Micros, now.PerHour.Micros)
	return quantity.Rate{PerHour: next}
}

// counter answers a counter-offer, durably: with a proposal that takes the place of the one before, or with a refusal that
// leaves that one as it is. An error says that the answer is not written down, so that there is none yet.
func (a *Agent) counter(ctx context.Context, call descriptors.CallForProposals) (reply, error) {
	a.agreements.Lock()
	defer a.agreements.Unlock()
	key := round{call.ID, call.Round}
	a.mutex.Lock()
	a.ledger.expire(a.Now())
	known, answered := a.ledger.answered[key]
	former := a.ledger.proposals[call.Counter.To]
	a.mutex.Unlock()
	if answered {
		return known, nil
	}
	refusal := a.unanswerable(former, call)
	if refusal != nil {
		return reply{refusal: refusal}, nil
	}
	offers, refusal := a.bettered(former, call)
	if refusal != nil {
		return a.decline(ctx, former, key, refusal)
	}
	return a.supersede(ctx, former, key, offers)
}

// unanswerable says why a counter-offer is about nothing that stands.
func (a *Agent) unanswerable(former *proposalRecord, call descriptors.CallForProposals) *sla.Refusal {
	switch to := call.Counter.To; {
	case former == nil:
		return refusalf(sla.RefusedExpired, "%s has no proposal %s, or no longer", a.name, to)
	case former.State != sla.ProposalOffered:
		return refusalf(sla.RefusedConflict, "proposal %s is %s", to, former.stands())
	case former.Proposal.Call != call.ID || former.Proposal.Round >= call.Round:
		return refusalf(sla.RefusedBadRequest, "proposal %s is no earlier one of this call", to)
	}
	return nil
}

// stands says in words where a proposal stands.
func (r *proposalRecord) stands() string {
	if r.Successor != "" {
		return "superseded by " + r.Successor
	}
	return string(r.State)
}

// bettered are the offers of the next round, or the reason why none of them is better.
func (a *Agent) bettered(former *proposalRecord, call descriptors.CallForProposals) (map[string]sla.Offer, *sla.Refusal) {
	offers := maps.Clone(former.Proposal.Offers)
	var fixed, lowest []string
	for _, class := range slices.Sorted(maps.Keys(call.Counter.Terms)) {
		offer, offered := offers[class]
		asked := call.Counter.Terms[class].Unit
		switch {
		case !offered:
			return nil, refusalf(sla.RefusedBadRequest, "proposal %s offers no %s", former.ID, class)
		case asked.PerHour.Currency != call.Currency || asked.PerHour.Micros < 0:
			return nil, refusalf(sla.RefusedBadRequest, "%s: a price in %s is asked for", class, call.Currency)
		}
		kind := single(call.Classes[class].Type)
		if a.Negotiation.lowest(kind) == 0 {
			fixed = append(fixed, class)
			continue
		}
		unit := a.Negotiation.Unit(kind, former.list(class), offer.Unit, asked)
		if unit == offer.Unit {
			lowest = append(lowest, class)
			continue
		}
		offer.Unit = unit
		offers[class] = offer
	}
	switch asked := len(call.Counter.Terms); {
	case len(fixed) == asked:
		return nil, refusalf(sla.RefusedUnsupported, "%s does not negotiate about %s", a.name, strings.Join(fixed, ", "))
	case former.Bettered >= a.Negotiation.rounds():
		return nil, refusalf(sla.RefusedPrice, "%s has come down %d times, which is as often as it does", a.name, former.Bettered)
	case len(fixed)+len(lowest) == asked:
		return nil, refusalf(sla.RefusedPrice, "%s goes no lower for %s", a.name, strings.Join(lowest, ", "))
	}
	return offers, nil
}

// list is the list price of one instance of a class: what the first proposal asked for it.
func (r *proposalRecord) list(class string) quantity.Rate {
	if r.List != nil {
		return r.List[class]
	}
	return r.Proposal.Offers[class].Unit
}

// decline notes with the proposal, which goes on to stand, that it was not bettered in a round.
func (a *Agent) decline(ctx context.Context, former *proposalRecord, key round, refusal *sla.Refusal) (reply, error) {
	next := *former
	next.Declined = maps.Clone(former.Declined)
	if next.Declined == nil {
		next.Declined = map[int]sla.Refusal{}
	}
	next.Declined[key.round] = *refusal
	return a.settle(ctx, &next, nil, key)
}

// supersede makes the proposal of the next round of what the former offers, and makes that one a tombstone.
func (a *Agent) supersede(
	ctx context.Context, former *proposalRecord, key round, offers map[string]sla.Offer,
) (reply, error) {
	now := a.Now().UTC()
	first, _, _ := strings.Cut(former.ID, roundMark)
	next := *former
	next.Proposal.Offers, next.Proposal.Round, next.Proposal.ValidUntil = offers, key.round, now.Add(a.OfferValidity)
	next.Changed, next.Bettered, next.Declined = now, former.Bettered+1, nil
	// Made of what is known, so that a repeat after a commit whose outcome was not known makes the same.
	next.ID = fmt.Sprintf("%s%s%d", first, roundMark, key.round)
	next.Proposal.ID = next.ID
	if next.List == nil {
		next.List = map[string]quantity.Rate{}
		for class, offer := range former.Proposal.Offers {
			next.List[class] = offer.Unit
		}
	}
	tombstone := *former
	tombstone.Successor, tombstone.Changed = next.ID, now
	if err := sla.ProposalStates.Move(&tombstone.State, sla.ProposalTombstone); err != nil {
		return reply{}, err
	}
	return a.settle(ctx, &tombstone, &next, key)
}

// roundMark stands in the id of a proposal between that of the first round and its own round.
const roundMark = "-"

// settle writes down what has become of a proposal in a round, together with the one that takes its place if there is
// one, then lets memory follow.
func (a *Agent) settle(ctx context.Context, former, next *proposalRecord, key round) (reply, error) {
	changes := []services.Change{a.tables.proposal(former)}
	if next != nil {
		changes = append(changes, a.tables.proposal(next))
	}
	a.mutex.Lock()
	a.ledger.deciding[former.ID] = struct{}{}
	a.mutex.Unlock()
	if err := a.commit(ctx, changes...); err != nil {
		return reply{}, err
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	delete(a.ledger.deciding, former.ID)
	a.ledger.put(former)
	if next != nil {
		a.ledger.put(next)
	}
	a.rememberRounds(former)
	if next != nil {
		a.rememberRounds(next)
	}
	return a.ledger.answered[key], nil
}

// rememberRounds notes what was answered in the rounds that a record tells of. The caller holds the mutex.
func (a *Agent) rememberRounds(record *proposalRecord) {
	proposal := &record.Proposal
	own := round{proposal.Call, proposal.Round}
	if _, known := a.ledger.answered[own]; !known && (record.State == sla.ProposalOffered || record.Successor != "") {
		a.ledger.remember(own, reply{proposal: proposal}, proposal.ValidUntil)
	}
	for number, refusal := range record.Declined {
		key := round{proposal.Call, number}
		if _, known := a.ledger.answered[key]; !known {
			a.ledger.remember(key, reply{refusal: &refusal}, proposal.ValidUntil)
		}
	}
}
