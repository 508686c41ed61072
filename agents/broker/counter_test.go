package broker_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// yielding is a script of a vendor that gives what counter-offers ask for, after each was seen.
func yielding(see func(proto.Message)) func(*scripted) {
	return countered(func(v *scripted, message proto.Message, call descriptors.CallForProposals) proto.Message {
		see(message)
		return v.give(message, call, func(class string) quantity.Rate { return call.Counter.Terms[class].Unit })
	})
}

// countered is a script of a vendor that answers counter-offers so, and other calls as usual.
func countered(answer func(v *scripted, message proto.Message, call descriptors.CallForProposals) proto.Message) func(*scripted) {
	return func(v *scripted) {
		v.onCall = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			call, err := proto.Decode[descriptors.CallForProposals](message)
			if err != nil || call.Counter == nil {
				return usual()
			}
			return answer(v, message, call)
		}
	}
}

// give proposes other prices for the classes of a counter-offer, in the place of the proposal before.
func (v *scripted) give(
	message proto.Message, call descriptors.CallForProposals, price func(class string) quantity.Rate,
) proto.Message {
	proposal := v.proposal(call)
	for class := range call.Counter.Terms {
		offer := proposal.Offers[class]
		offer.Unit = price(class)
		proposal.Offers[class] = offer
	}
	v.offer(proposal)
	return answering(message, proto.Propose, proposal)
}

func countering(call, vendor, class string, micros int64) proto.Message {
	return message(proto.Request, proto.Counter{Call: call, Vendor: vendor, CounterOffer: descriptors.CounterOffer{
		Terms: map[string]descriptors.Terms{class: {Unit: euros(micros)}},
	}})
}

func lastRound(t *testing.T, offers proto.Offers, state proto.RoundState) proto.Round {
	t.Helper()
	if len(offers.Rounds) == 0 {
		t.Fatal("no round")
	}
	last := offers.Rounds[len(offers.Rounds)-1]
	if last.State != state {
		t.Fatalf("the last round is %+v, refused for %v", last, last.Refusal)
	}
	return last
}

func proposalOf(t *testing.T, offers proto.Offers, vendor string) sla.Proposal {
	t.Helper()
	for _, proposal := range offers.Proposals {
		if proposal.Vendor == vendor {
			return proposal
		}
	}
	t.Fatalf("%s proposes nothing", vendor)
	return sla.Proposal{}
}

func TestACounterOfferBettersAPlan(t *testing.T) {
	var heard proto.Message
	a, athens, lisbon := twoVendors(t, broker.Options{}, yielding(func(message proto.Message) { heard = message }), nil)
	before := a.submit("webshop")
	request := countering("webshop", "athens", "web", 6000)
	request.Command = ulid.Make().String()
	after := decoded[proto.Offers](t, a.do(request))
	round := lastRound(t, after, proto.RoundBettered)
	former, now := proposalOf(t, before, "athens"), proposalOf(t, after, "athens")
	if round.Round != 2 || round.To != former.ID || round.Proposal != now.ID || now.Round != 2 ||
		round.Before["web"] != euros(9000) || round.Now["web"] != euros(6000) || len(round.Now) != 1 {
		t.Errorf("the round is %+v", round)
	}
	best := after.Plans[0]
	if len(best.Legs) != 1 || best.Legs[0].Vendor != "athens" || best.Legs[0].Proposal != now.ID || best.Price != euros(2*6000+20000) {
		t.Errorf("the best plan is %+v", best)
	}
	if again := decoded[proto.Offers](t, a.do(request)); len(again.Rounds) != 1 || athens.called() != 2 || lisbon.called() != 1 {
		t.Errorf("%d rounds, athens was called %d times, lisbon %d", len(again.Rounds), athens.called(), lisbon.called())
	}
	if known := decoded[proto.Offers](t, a.ask(proto.TopicOffers, "webshop")); len(known.Rounds) != 1 {
		t.Error("the offers tell of no round")
	}

	// Bids stay sealed: nothing but the vendor's own conversation.
	for _, secret := range []string{"lisbon", "budget", "0.007 ", "0.03 "} {
		if strings.Contains(string(heard.Body), secret) {
			t.Errorf("athens was told of %q: %s", secret, heard.Body)
		}
	}
	if heard.Protocol != proto.IteratedContractNet || heard.Round != 2 || heard.Conversation != before.Call {
		t.Errorf("the envelope is %+v", heard)
	}

	attempt := decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
	if agreed := attempt.Legs[0].Agreement; agreed.Proposal != now.ID || agreed.Classes["web"].Unit != euros(6000) {
		t.Errorf("agreed on %+v", agreed)
	}
	eventually(t, func() bool { return len(athens.in(sla.ProposalOffered)) == 0 })
}

func TestWhatIsNoBetterProposalLeavesTheOneBefore(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(v *scripted, message proto.Message, call descriptors.CallForProposals) proto.Message
		state  proto.RoundState
		code   sla.RefusalCode
	}{
		"refusal": {func(_ *scripted, message proto.Message, _ descriptors.CallForProposals) proto.Message {
			return proto.Refusing(message, proto.Refuse, sla.Refusal{Code: sla.RefusedPrice, Message: "no"})
		}, proto.RoundDeclined, sla.RefusedPrice},
		"raise": {func(v *scripted, message proto.Message, call descriptors.CallForProposals) proto.Message {
			return v.give(message, call, func(string) quantity.Rate { return euros(9001) })
		}, proto.RoundDeclined, sla.RefusedBadRequest},
		"silence": {func(*scripted, proto.Message, descriptors.CallForProposals) proto.Message {
			return proto.Message{}
		}, proto.RoundSilent, sla.RefusedUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			var options broker.Options
			if test.state == proto.RoundSilent {
				options.ReplyWithin = time.Second
			}
			a, _, _ := twoVendors(t, options, countered(test.answer), nil)
			before := a.submit("webshop")
			after := decoded[proto.Offers](t, a.do(countering("webshop", "athens", "web", 6000)))
			round := lastRound(t, after, test.state)
			if round.Refusal == nil || round.Refusal.Code != test.code || round.Proposal != "" {
				t.Errorf("the round is %+v, refused for %v", round, round.Refusal)
			}
			if proposalOf(t, after, "athens").ID != proposalOf(t, before, "athens").ID || after.Plans[0].Price != before.Plans[0].Price {
				t.Error("the offers have changed")
			}
			decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
		})
	}
}

func TestAVendorThatRepeatsItselfHasAProposalOfTheLastRound(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, countered(
		func(v *scripted, message proto.Message, call descriptors.CallForProposals) proto.Message {
			return v.give(message, call, func(class string) quantity.Rate { return euros(v.prices[class]) })
		}), nil)
	a.submit("webshop")
	after := decoded[proto.Offers](t, a.do(countering("webshop", "athens", "web", 6000)))
	if round := lastRound(t, after, proto.RoundRepeated); proposalOf(t, after, "athens").ID != round.Proposal {
		t.Errorf("the round is %+v", round)
	}
	third := lastRound(t, decoded[proto.Offers](t, a.do(countering("webshop", "athens", "web", 6000))), proto.RoundRepeated)
	if third.Round != 3 {
		t.Errorf("the round is %d", third.Round)
	}
}

func TestACounterOfferThatMakesNoSenseIsNotMade(t *testing.T) {
	a, athens, _ := twoVendors(t, broker.Options{RoundLimit: 2}, yielding(func(proto.Message) {}), nil)
	offers := a.submit("webshop")
	older := countering("webshop", "athens", "web", 6000)
	stale := message(proto.Request, proto.Counter{Call: "webshop", Vendor: "athens", CounterOffer: descriptors.CounterOffer{
		To: "another", Terms: map[string]descriptors.Terms{"web": {Unit: euros(6000)}},
	}})
	dollars := message(proto.Request, proto.Counter{Call: "webshop", Vendor: "athens", CounterOffer: descriptors.CounterOffer{
		Terms: map[string]descriptors.Terms{"web": {Unit: quantity.Rate{PerHour: quantity.Money{Micros: 1, Currency: "USD"}}}},
	}})
	for name, test := range map[string]struct {
		message proto.Message
		code    sla.RefusalCode
	}{
		"no such call":      {countering("nothing", "athens", "web", 6000), sla.RefusedNotFound},
		"no such vendor":    {countering("webshop", "oslo", "web", 6000), sla.RefusedNotFound},
		"no such class":     {countering("webshop", "athens", "cache", 6000), sla.RefusedBadRequest},
		"no better price":   {countering("webshop", "athens", "web", 9000), sla.RefusedBadRequest},
		"another currency":  {dollars, sla.RefusedBadRequest},
		"nothing":           {message(proto.Request, proto.Counter{Call: "webshop", Vendor: "athens"}), sla.RefusedBadRequest},
		"an older proposal": {stale, sla.RefusedConflict},
	} {
		if refusal := refused(t, a.do(test.message), test.code); refusal.Message == "" {
			t.Errorf("%s: refused without a word", name)
		}
	}
	if athens.called() != 1 {
		t.Errorf("athens was called %d times", athens.called())
	}
	decoded[proto.Offers](t, a.do(older))
	refused(t, a.do(countering("webshop", "athens", "web", 5000)), sla.RefusedState)
	decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
	refused(t, a.do(countering(offers.Call, "athens", "web", 5000)), sla.RefusedState)

	a.submit("other")
	decoded[proto.Offers](t, a.do(message(proto.RejectProposal, proto.PlanChoice{Call: "other"})))
	refused(t, a.do(countering("other", "athens", "web", 5000)), sla.RefusedState)
}

// considering is a script of a vendor that yields to counter-offers when it is let.
func considering(asked, let chan struct{}) func(*scripted) {
	return func(v *scripted) {
		v.onCall = func(ctx context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			call, err := proto.Decode[descriptors.CallForProposals](message)
			if err != nil || call.Counter == nil {
				return usual()
			}
			select {
			case asked <- struct{}{}:
			default:
			}
			select {
			case <-let:
				return v.give(message, call, func(class string) quantity.Rate { return call.Counter.Terms[class].Unit })
			case <-ctx.Done():
				return proto.Message{}
			}
		}
	}
}

func TestNothingIsTakenDuringARoundAndACallThatIsGivenUpDropsIt(t *testing.T) {
	asked, let := make(chan struct{}, 1), make(chan struct{})
	a, athens, _ := twoVendors(t, broker.Options{}, considering(asked, let), nil)
	a.submit("webshop")
	answer := make(chan proto.Message, 1)
	go func() { answer <- a.do(countering("webshop", "athens", "web", 6000)) }()
	<-asked
	refused(t, a.do(accepting("webshop", 1)), sla.RefusedConflict)
	refused(t, a.do(countering("webshop", "lisbon", "web", 6000)), sla.RefusedConflict)
	decoded[proto.Offers](t, a.do(message(proto.RejectProposal, proto.PlanChoice{Call: "webshop"})))
	close(let)
	offers := decoded[proto.Offers](t, <-answer)
	lastRound(t, offers, proto.RoundDropped)
	if offers.State != descriptors.CallClosed {
		t.Errorf("the call is %s", offers.State)
	}
	eventually(t, func() bool { return len(athens.in(sla.ProposalOffered)) == 0 })
}

func TestARoundIsTakenUpAfterACrash(t *testing.T) {
	asked, let := make(chan struct{}, 1), make(chan struct{})
	a, _, _ := twoVendors(t, broker.Options{}, considering(asked, let), nil)
	a.submit("webshop")
	request := countering("webshop", "athens", "web", 6000)
	request.Command = ulid.Make().String()
	answer := make(chan proto.Message, 1)
	go func() { answer <- a.do(request) }()
	<-asked
	a.stop()
	close(let)
	a.startBroker()
	offers := decoded[proto.Offers](t, <-answer)
	if round := lastRound(t, offers, proto.RoundBettered); len(offers.Rounds) != 1 || round.Now["web"] != euros(6000) {
		t.Errorf("the rounds are %+v", offers.Rounds)
	}
	decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
}

func TestALateAnswerIsDropped(t *testing.T) {
	asked, let := make(chan struct{}, 1), make(chan struct{})
	a, athens, _ := twoVendors(t, broker.Options{ReplyWithin: time.Second}, considering(asked, let), nil)
	before := a.submit("webshop")
	after := decoded[proto.Offers](t, a.do(countering("webshop", "athens", "web", 6000)))
	close(let)
	lastRound(t, after, proto.RoundSilent)
	late := proposalID("athens", descriptors.CallForProposals{ID: before.Call, Round: 2})
	eventually(t, func() bool { return slices.Contains(athens.in(sla.ProposalTombstone), late) })
	if known := decoded[proto.Offers](t, a.ask(proto.TopicOffers, "webshop")); proposalOf(t, known, "athens").Round != 1 {
		t.Error("the late proposal was taken")
	}
}

func TestAChangeIsNegotiatedToo(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, yielding(func(proto.Message) {}), nil)
	a.submit("webshop")
	attempt := decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
	larger := shop()
	web := larger.Resources["db"]
	web.Cores = 4
	larger.Resources["db"] = web
	change := message(proto.Request, proto.Submission{
		Application: larger, Change: &proto.Change{Deployment: attempt.Deployment},
	})
	offers := decoded[proto.Offers](t, a.do(change))
	if !slices.Equal(offers.Change.Classes, []string{"db"}) {
		t.Fatalf("asked anew are %v", offers.Change.Classes)
	}
	after := decoded[proto.Offers](t, a.do(countering(offers.Call, "athens", "db", 15000)))
	lastRound(t, after, proto.RoundBettered)
	if price := after.Plans[0].Price; price != euros(2*7000+15000) {
		t.Errorf("the best plan costs %s", price)
	}
	changed := decoded[proto.Attempt](t, a.do(accepting(offers.Call, 1)))
	if len(changed.Legs) != 1 || changed.Legs[0].Agreement.Classes["db"].Unit != euros(15000) {
		t.Errorf("agreed on %+v", changed.Legs)
	}
}
