package broker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// roundRecord is a round of negotiation. The first commit of it is the intent: it is asked until it has an end.
type roundRecord struct {
	proto.Round
	// Command of the person's counter-offer, with its sender.
	Command string `json:"command"`
}

// counter makes a vendor a counter-offer and answers with the offers as they are after it.
func (a *Agent) counter(ctx context.Context, message proto.Message) proto.Message {
	content, err := proto.Decode[proto.Counter](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	round, err := a.beginRound(ctx, content, commandOf(message))
	if err != nil {
		return a.refuse(message, err)
	}
	within, cancel := context.WithTimeout(ctx, a.AnswerWithin)
	defer cancel()
	select {
	case <-a.pursueRound(round.call).done:
	case <-within.Done():
		return message.Reply(proto.Agree)
	}
	offers, err := a.knownOffers(ctx, round.call, nil)
	if err != nil {
		return a.refuse(message, err)
	}
	if offers.Rounds[round.index].State == proto.RoundAsked {
		return message.Reply(proto.Agree) // the broker is closing down
	}
	return proto.Answer(message, proto.Inform, offers)
}

// roundPlace is where a round is among those of a call.
type roundPlace struct {
	call  string
	index int
}

// beginRound writes down a round before the vendor is asked, or returns the one that the same command began before.
func (a *Agent) beginRound(ctx context.Context, content proto.Counter, command string) (roundPlace, error) {
	for {
		stands, err := a.find(ctx, content.Call)
		if err != nil {
			return roundPlace{}, err
		}
		call, err := load(ctx, a.books.calls, stands.record.Call)
		if err != nil {
			return roundPlace{}, err
		}
		place := roundPlace{stands.record.Call, len(call.record.Rounds)}
		known := slices.IndexFunc(call.record.Rounds, func(round roundRecord) bool { return round.Command == command })
		if known >= 0 {
			place.index = known
			return place, nil
		}
		round, err := a.newRound(call.record, stands.record, content)
		if err != nil {
			return roundPlace{}, err
		}
		call.record.Rounds = append(slices.Clone(call.record.Rounds), roundRecord{round, command})
		stands.record.Countering = true
		batch := a.batch()
		batch.add(a.books.calls.Put(place.call, call.record, call.revision))
		batch.add(a.books.standings.Put(place.call, stands.record, stands.revision))
		if len(batch.changes[0].Value) > largestCall {
			return roundPlace{}, refusalf(sla.RefusedState, "", "what was said about %s fills a message", stands.record.Name)
		}
		if err := batch.commit(ctx); !errors.Is(err, services.ErrRevision) {
			return place, err
		}
		// Somebody else changed where the call stands; what there is to do now shows when one looks again.
	}
}

// newRound makes the round that a counter-offer begins, or says why there can be none.
func (a *Agent) newRound(call callRecord, stands standing, content proto.Counter) (proto.Round, error) {
	if err := a.untaken(stands); err != nil {
		return proto.Round{}, err
	}
	at := slices.IndexFunc(call.Offers.Proposals, func(proposal sla.Proposal) bool { return proposal.Vendor == content.Vendor })
	if at < 0 {
		return proto.Round{}, refusalf(sla.RefusedNotFound, "agency proposals "+stands.Name+" shows who proposes what",
			"%s proposes nothing for %s", content.Vendor, stands.Name)
	}
	proposal := call.Offers.Proposals[at]
	round := proto.Round{
		Round: proposal.Round + 1, Vendor: proposal.Vendor, CounterOffer: content.CounterOffer, Asked: a.Now().UTC(),
		State: proto.RoundAsked, Before: map[string]quantity.Rate{},
	}
	for _, former := range call.Rounds {
		if former.Vendor == round.Vendor {
			round.Round = max(round.Round, former.Round.Round+1)
		}
	}
	switch {
	case content.To != "" && content.To != proposal.ID:
		return proto.Round{}, refusalf(sla.RefusedConflict, "agency proposals "+stands.Name+" shows it",
			"%s has made another proposal meanwhile", round.Vendor)
	case !a.Now().Before(proposal.ValidUntil.Add(-a.ClockSkew)):
		return proto.Round{}, refusalf(sla.RefusedExpired, "submit again", "the proposal of %s has run out", round.Vendor)
	case round.Round > a.RoundLimit:
		return proto.Round{}, refusalf(sla.RefusedState, "agency accept "+stands.Name+" takes what there is",
			"%s was asked %d times, which is the limit", round.Vendor, a.RoundLimit-1)
	case len(content.Terms) == 0:
		return proto.Round{}, refusalf(sla.RefusedBadRequest, "", "a counter-offer asks for something")
	}
	round.To = proposal.ID
	for _, class := range slices.Sorted(maps.Keys(content.Terms)) {
		offer, offered := proposal.Offers[class]
		order, err := content.Terms[class].Unit.PerHour.Compare(offer.Unit.PerHour)
		switch {
		case !offered:
			return proto.Round{}, refusalf(sla.RefusedBadRequest, "", "%s offers no %s", round.Vendor, class)
		case err != nil || content.Terms[class].Unit.PerHour.Micros < 0:
			return proto.Round{}, refusalf(sla.RefusedBadRequest, "", "%s: prices are in %s, and not below zero", class, proposal.Currency)
		case order >= 0:
			return proto.Round{}, refusalf(sla.RefusedBadRequest, "ask for less", "%s costs no more than %s each at %s already",
				class, offer.Unit, round.Vendor)
		}
		round.Before[class] = offer.Unit
	}
	return round, nil
}

// untaken says why a call is not one that proposals are still chosen from.
func (a *Agent) untaken(stands standing) error {
	switch state := stands.state(a.Now()); {
	case stands.Attempt != "":
		return refusalf(sla.RefusedConflict, "agency status "+stands.Name+" shows how it goes", "a plan for %s is being taken", stands.Name)
	case stands.Deployment != "":
		return refusalf(sla.RefusedState, "agency descriptor "+stands.Name+" shows what was agreed",
			"a plan for %s was taken already", stands.Name)
	case state == descriptors.CallExpired:
		return runOut(stands.Name)
	case state == descriptors.CallClosed:
		return refusalf(sla.RefusedState, "submit again", "the call for %s was given up", stands.Name)
	case stands.Countering:
		a.pursueRound(stands.Call) // which has failed to write its end down, if it is not at work
		return refusalf(sla.RefusedConflict, "try again when it has answered, within seconds",
			"a vendor is considering a counter-offer for %s", stands.Name)
	}
	return nil
}

// pursueRound has the round of a call brought to its end that has none yet.
func (a *Agent) pursueRound(call string) *work {
	return a.works.begin("round."+call, func(ctx context.Context, _ <-chan struct{}) error { return a.finishRound(ctx, call) })
}

// resumeRounds takes up the rounds that have not come to an end.
func (a *Agent) resumeRounds(ctx context.Context) error {
	all, err := values(a.books.standings.List(ctx))
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Countering {
			a.pursueRound(one.Call)
		}
	}
	return nil
}

// finishRound asks the vendor and writes down what it has answered. One that a crash interrupted is asked anew, which the
// vendor answers as it did before.
func (a *Agent) finishRound(ctx context.Context, id string) error {
	call, err := load(ctx, a.books.calls, id)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(call.record.Rounds, func(round roundRecord) bool { return round.State == proto.RoundAsked })
	if at < 0 {
		return nil
	}
	answer, err := a.askRound(ctx, call.record, call.record.Rounds[at].Round)
	if err != nil {
		return err
	}
	return a.keepRound(ctx, roundPlace{id, at}, answer)
}

// roundAnswer is what a vendor answered in a round: a proposal, a refusal, or nothing in time.
type roundAnswer struct {
	proposal *sla.Proposal
	refusal  *sla.Refusal
	silent   bool
}

// askRound makes the counter-offer to its vendor, and to nobody else.
func (a *Agent) askRound(ctx context.Context, record callRecord, round proto.Round) (roundAnswer, error) {
	call := record.call(round.Round, a.Now().UTC().Add(a.ReplyWithin))
	call.Counter = &round.CounterOffer
	message, err := cfp(call)
	if err != nil {
		return roundAnswer{}, err
	}
	message.Protocol = proto.IteratedContractNet
	within, cancel := context.WithTimeout(ctx, a.ReplyWithin)
	defer cancel()
	reply := <-a.Peer.Gather(within, message, []string{proto.SubjectCall(round.Vendor)}, a.Reask)
	if ctx.Err() != nil {
		return roundAnswer{}, ctx.Err()
	}
	proposal, refusal := judge(reply, round.Vendor, call)
	switch {
	case errors.Is(reply.Err, context.DeadlineExceeded):
		a.dismissLate(message, []string{round.Vendor})
		fallthrough
	case reply.Err != nil:
		return roundAnswer{refusal: refusal, silent: true}, nil
	case refusal != nil:
		return roundAnswer{refusal: refusal}, nil
	}
	if class := worse(record.proposed(round.To), proposal); class != "" {
		a.dismiss(record.Offers, "it is worse than the one before", []sla.Proposal{proposal})
		refusal := refusalf(sla.RefusedBadRequest, "", "%s answered with a worse offer for %s", round.Vendor, class)
		return roundAnswer{refusal: &refusal}, nil
	}
	return roundAnswer{proposal: &proposal}, nil
}

// call is the call for proposals as it is in some round.
func (r callRecord) call(round int, replyBy time.Time) descriptors.CallForProposals {
	offers := r.Offers
	call := descriptors.Call(offers.Application, offers.Call, round, replyBy)
	call.Advisory = offers.Advisory
	if offers.Change != nil {
		call.Deployment = offers.Change.Deployment
		maps.DeleteFunc(call.Classes, func(class string, _ descriptors.Class) bool {
			return !slices.Contains(offers.Change.Classes, class)
		})
	}
	return call
}

// proposed is the proposal of an id, the zero one if there is none any more.
func (r callRecord) proposed(id string) sla.Proposal {
	at := slices.IndexFunc(r.Offers.Proposals, func(proposal sla.Proposal) bool { return proposal.ID == id })
	if at < 0 {
		return sla.Proposal{}
	}
	return r.Offers.Proposals[at]
}

// worse is a class that a proposal offers on worse terms than the former, or not any more; empty if there is none.
func worse(former, proposal sla.Proposal) string {
	for _, class := range slices.Sorted(maps.Keys(former.Offers)) {
		before, now := former.Offers[class], proposal.Offers[class]
		dearer := now.Unit.PerHour.Micros > before.Unit.PerHour.Micros
		if dearer || now.Availability < before.Availability || now.ReadyIn > before.ReadyIn || before.Resizes && !now.Resizes {
			return class
		}
	}
	return ""
}

// keepRound writes down what came of a round, and what plans there are now. An answer to a call that is no longer open is
// dropped.
func (a *Agent) keepRound(ctx context.Context, place roundPlace, answer roundAnswer) error {
	for {
		call, err := load(ctx, a.books.calls, place.call)
		if err != nil {
			return err
		}
		stands, err := load(ctx, a.books.standings, place.call)
		if err != nil {
			return err
		}
		record, round := call.record, &call.record.Rounds[place.index]
		if round.State != proto.RoundAsked {
			return nil
		}
		former := record.proposed(round.To)
		stands.record.Countering = false
		if stands.record.State != descriptors.CallOpen {
			round.State = proto.RoundDropped
		} else if err := a.conclude(ctx, &record, place.index, answer, stands.record); err != nil {
			return err
		}
		stands.record.Until = lastUntil(record.Offers.Proposals)
		batch := a.batch()
		batch.add(a.books.calls.Put(place.call, record, call.revision))
		batch.add(a.books.standings.Put(place.call, stands.record, stands.revision))
		batch.tell(countered(stands.record, round.Round))
		err = batch.commit(ctx)
		if errors.Is(err, services.ErrRevision) {
			continue
		}
		if err == nil && answer.proposal != nil {
			gone := former
			if round.Proposal == "" {
				gone = *answer.proposal
			}
			a.dismiss(record.Offers, "it was superseded", []sla.Proposal{gone})
		}
		return err
	}
}

// conclude notes an answer in the record of a call, which gets the proposal of the last round and the plans that there
// are with it.
func (a *Agent) conclude(ctx context.Context, record *callRecord, index int, answer roundAnswer, stands standing) error {
	round := &record.Rounds[index]
	round.Refusal = answer.refusal
	switch {
	case answer.silent:
		round.State = proto.RoundSilent
		return nil
	case answer.proposal == nil:
		round.State = proto.RoundDeclined
		return nil
	}
	at := slices.IndexFunc(record.Offers.Proposals, func(proposal sla.Proposal) bool { return proposal.ID == round.To })
	if at < 0 {
		round.State = proto.RoundDropped
		return nil
	}
	former := record.Offers.Proposals[at]
	record.Offers.Proposals = slices.Clone(record.Offers.Proposals)
	record.Offers.Proposals[at] = *answer.proposal
	round.State, round.Proposal, round.Now = proto.RoundRepeated, answer.proposal.ID, map[string]quantity.Rate{}
	for class, before := range former.Offers {
		now := answer.proposal.Offers[class].Unit
		if now != before.Unit {
			round.State = proto.RoundBettered
		}
		if _, asked := round.Before[class]; asked || now != before.Unit {
			round.Before[class], round.Now[class] = before.Unit, now
		}
	}
	record.Offers.Obstacles = nil
	if record.Offers.Change == nil {
		return a.plan(&record.Offers)
	}
	from, err := a.standingGround(ctx, *record.Offers.Change, stands)
	if err != nil {
		return err
	}
	return a.planChange(&record.Offers, from)
}

// standingGround is what a change that was called for starts from, as it stands now.
func (a *Agent) standingGround(ctx context.Context, change proto.Change, stands standing) (ground, error) {
	base, err := load(ctx, a.books.standings, stands.Base)
	if err != nil {
		return ground{}, err
	}
	from := ground{base: base}
	if from.deployment, err = load(ctx, a.books.deployments, change.Deployment); err != nil {
		return ground{}, err
	}
	return from, a.bind(ctx, &from, from.deployment.record.Resources)
}
