package broker_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// refusing answers acceptances with a failure.
func refusing(v *scripted) {
	v.onCommand = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
		if message.Performative == proto.AcceptProposal {
			return proto.Refusing(message, proto.Failure, sla.Refusal{Code: sla.RefusedCapacity, Message: "sold"})
		}
		return usual()
	}
}

// attemptIn is the attempt that a failure tells of.
func attemptIn(t *testing.T, answer proto.Message, state sla.AttemptState) proto.Attempt {
	t.Helper()
	attempt, err := proto.Decode[proto.Attempt](answer)
	if err != nil || answer.Performative != proto.Failure || attempt.State != state {
		t.Fatalf("answer is %s, attempt %+v, %v", answer.Performative, attempt, err)
	}
	return attempt
}

func TestWhereOneVendorFailsNothingStands(t *testing.T) {
	a, athens, _ := twoVendors(t, broker.Options{}, nil, refusing)
	a.submit("webshop")
	attempt := attemptIn(t, a.do(accepting("webshop", 1)), sla.AttemptUndone)
	if !strings.Contains(attempt.Reason, "lisbon: sold") || attempt.Legs[0].State != proto.LegCancelled || attempt.Legs[1].State != proto.LegRefused {
		t.Fatalf("attempt is %+v", attempt)
	}
	if len(athens.in(sla.ProposalObserved)) != 0 {
		t.Fatal("athens is bound")
	}
	offers := decoded[proto.Offers](t, a.ask(proto.TopicOffers, "webshop"))
	if offers.State != descriptors.CallOpen || len(offers.Attempts) != 1 {
		t.Fatalf("offers are %+v", offers)
	}
	// Both proposals are used up, and with them every plan.
	refusal := refused(t, a.do(accepting("webshop", 2)), sla.RefusedExpired)
	if refusal.Hint != "submit again" {
		t.Errorf("hint is %q", refusal.Hint)
	}
	if list := decoded[proto.AgreementList](t, a.do(cancelling("webshop"))); list.Agreements[0].State != sla.AgreementTerminated {
		t.Errorf("cancelled afterwards: %+v", list)
	}
}

func TestTheNextPlanIsTakenIfWished(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, nil, refusing)
	porto := a.startVendor("porto", map[string]int64{"web": 7500, "db": 20500}, nil)
	a.startBroker()
	a.submit("webshop")
	request := message(proto.AcceptProposal, proto.PlanChoice{Call: "webshop", Rank: 1, OrNext: true})
	attempt := decoded[proto.Attempt](t, a.do(request))
	if attempt.State != sla.AttemptCommitted || len(attempt.Legs) != 1 || attempt.Legs[0].Agreement.Vendor != "porto" {
		t.Fatalf("attempt is %+v", attempt)
	}
	offers := decoded[proto.Offers](t, a.ask(proto.TopicOffers, "webshop"))
	if len(offers.Attempts) != 2 || offers.Attempts[0].State != sla.AttemptUndone || len(porto.in(sla.ProposalObserved)) != 1 {
		t.Fatalf("attempts are %+v", offers.Attempts)
	}
}

func TestOfTwoAcceptancesOneWins(t *testing.T) {
	a, athens, _ := twoVendors(t, broker.Options{}, nil, nil)
	a.submit("webshop")
	var persons sync.WaitGroup
	answers := make([]proto.Message, 6)
	for i := range answers {
		persons.Go(func() { answers[i] = a.do(accepting("webshop", 1+i%2)) })
	}
	persons.Wait()
	informed := 0
	for _, answer := range answers {
		if answer.Performative == proto.Inform {
			informed++
			continue
		}
		if refusal, _ := proto.AsRefusal(answer); refusal.Code != sla.RefusedConflict && refusal.Code != sla.RefusedState {
			t.Errorf("refused for %+v", refusal)
		}
	}
	if offers := decoded[proto.Offers](t, a.ask(proto.TopicOffers, "webshop")); informed != 1 || len(offers.Attempts) != 1 {
		t.Fatalf("%d informed, attempts %+v", informed, offers.Attempts)
	}
	if len(athens.breaches) != 0 {
		t.Error(athens.breaches)
	}
}

func TestAVendorThatDiesBetweenAgreeAndInform(t *testing.T) {
	var dying atomic.Bool
	dying.Store(true)
	agreed := make(chan struct{}, 100)
	a, _, lisbon := twoVendors(t, broker.Options{}, nil, func(v *scripted) {
		v.onCommand = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			if dying.Load() {
				agreed <- struct{}{}
				return message.Reply(proto.Agree)
			}
			return usual()
		}
	})
	a.submit("webshop")
	go func() {
		<-agreed
		lisbon.stop()
		dying.Store(false)
		lisbon.start(t)
	}()
	attempt := decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
	if attempt.State != sla.AttemptCommitted || len(lisbon.in(sla.ProposalObserved)) != 1 {
		t.Fatalf("attempt is %+v", attempt)
	}
}

func TestAnAttemptSurvivesTheBroker(t *testing.T) {
	var back atomic.Bool
	asked := make(chan struct{}, 100)
	a, athens, lisbon := twoVendors(t, broker.Options{AnswerWithin: 50 * time.Millisecond}, nil, func(v *scripted) {
		v.onCommand = func(_ context.Context, _ proto.Message, usual func() proto.Message) proto.Message {
			if back.Load() {
				return usual()
			}
			asked <- struct{}{}
			return proto.Message{} // nobody hears from it
		}
	})
	a.submit("webshop")
	request := accepting("webshop", 1)
	request.Command = ulid.Make().String()
	answer, err := a.client.Ask(t.Context(), proto.SubjectBrokerCommand, request)
	if err != nil || answer.Performative != proto.Agree {
		t.Fatalf("answer is %s, %v", answer.Performative, err)
	}
	<-asked
	offers := decoded[proto.Offers](t, a.ask(proto.TopicOffers, "webshop"))
	if len(offers.Attempts) != 1 || offers.Attempts[0].State != sla.AttemptAccepting {
		t.Fatalf("attempts are %+v", offers.Attempts)
	}
	a.stop()
	back.Store(true)
	a.startBroker()
	attempt := decoded[proto.Attempt](t, a.do(request))
	if attempt.ID != offers.Attempts[0].ID || attempt.State != sla.AttemptCommitted {
		t.Fatalf("attempt is %+v", attempt)
	}
	if len(athens.in(sla.ProposalObserved)) != 1 || len(lisbon.in(sla.ProposalObserved)) != 1 {
		t.Fatal("the vendors are not bound")
	}
}

// silent is a vendor that proposes and then does not answer any more.
func silent(v *scripted) {
	v.onCommand = func(context.Context, proto.Message, func() proto.Message) proto.Message { return proto.Message{} }
}

func TestASilentVendorIsUndoneAndCanBeAbandoned(t *testing.T) {
	options := broker.Options{DecideWithin: 200 * time.Millisecond, AnswerWithin: 50 * time.Millisecond, SilentPolicy: 2 * time.Second}
	a, athens, _ := twoVendors(t, options, nil, silent)
	a.submit("webshop")
	request := accepting("webshop", 1)
	request.Command = ulid.Make().String()
	state := func() proto.Attempt {
		return decoded[proto.Offers](t, a.ask(proto.TopicOffers, "webshop")).Attempts[0]
	}
	if _, err := a.client.Ask(t.Context(), proto.SubjectBrokerCommand, request); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return state().State == sla.AttemptUndoing })
	eventually(t, func() bool { return len(athens.in(sla.ProposalObserved)) == 0 })
	abandon := message(proto.Cancel, proto.Cancellation{Name: "webshop", Abandon: true})
	refused(t, a.do(abandon), sla.RefusedState)
	eventually(t, func() bool { return a.do(abandon).Performative == proto.Inform })
	attempt := state()
	if attempt.State != sla.AttemptAbandoned || attempt.Legs[1].State != proto.LegCancelling {
		t.Fatalf("attempt is %+v", attempt)
	}
	attemptIn(t, a.do(request), sla.AttemptAbandoned)
	told := ""
	must(t, a.client.Follow(t.Context(), bus.FollowOptions{Name: "webshop"}, func(event proto.Event) error {
		told += event.Message + "\n"
		return nil
	}))
	if !strings.Contains(told, "it may still cost") {
		t.Errorf("events are %s", told)
	}
}

func TestAPersonCancelsAnAttempt(t *testing.T) {
	var back atomic.Bool
	a, athens, _ := twoVendors(t, broker.Options{AnswerWithin: 50 * time.Millisecond}, nil, func(v *scripted) {
		v.onCommand = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			if message.Performative == proto.AcceptProposal && !back.Load() {
				return proto.Message{}
			}
			return usual()
		}
	})
	a.submit("webshop")
	request := accepting("webshop", 1)
	request.Command = ulid.Make().String()
	if _, err := a.client.Ask(t.Context(), proto.SubjectBrokerCommand, request); err != nil {
		t.Fatal(err)
	}
	agreements := decoded[proto.AgreementList](t, a.do(cancelling("webshop"))).Agreements
	if len(agreements) != 2 || agreements[0].State != sla.AgreementTerminated || agreements[1].State != sla.AgreementTerminated {
		t.Fatalf("agreements are %+v", agreements)
	}
	attempt := attemptIn(t, a.do(request), sla.AttemptUndone)
	if !strings.Contains(attempt.Reason, "cancelled by client.ada") || len(athens.in(sla.ProposalObserved)) != 0 {
		t.Fatalf("attempt is %+v", attempt)
	}
}

func TestExpiredProposalsAreNotTaken(t *testing.T) {
	var ahead atomic.Int64
	options := broker.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	a, athens, _ := twoVendors(t, options, nil, nil)
	first := a.submit("webshop")
	ahead.Store(int64(59 * time.Second)) // within the skew of the clocks
	refused(t, a.do(accepting("webshop", 1)), sla.RefusedExpired)
	ahead.Store(int64(61 * time.Second))
	refusal := refused(t, a.do(accepting("webshop", 1)), sla.RefusedExpired)
	if refusal.Hint != "submit again" || len(athens.in(sla.ProposalObserved)) != 0 {
		t.Errorf("refusal is %+v", refusal)
	}
	if offers := decoded[proto.Offers](t, a.ask(proto.TopicOffers, first.Call)); offers.State != descriptors.CallExpired {
		t.Errorf("call is %s", offers.State)
	}
	a.startBroker()
	if calls := decoded[proto.CallList](t, a.ask(proto.TopicCalls, "")).Calls; calls[0].State != descriptors.CallExpired {
		t.Errorf("calls are %+v", calls)
	}
	ahead.Store(0)
	if again := a.submit("webshop"); again.Call == first.Call {
		t.Error("the name was not free")
	}
}

func TestAVendorThatStillHasResourcesDoesNotEndItsAgreement(t *testing.T) {
	var standing atomic.Bool
	standing.Store(true)
	a, athens, lisbon := twoVendors(t, broker.Options{}, nil, func(v *scripted) {
		v.onCommand = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			if message.Performative == proto.Cancel && standing.Load() {
				return proto.Refusing(message, proto.Failure, sla.Refusal{
					Code: sla.RefusedState, Message: "web-1 still stands", Hint: "remove it first",
				})
			}
			return usual()
		}
	})
	a.submit("webshop")
	decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
	refusal := refused(t, a.do(cancelling("webshop")), sla.RefusedState)
	if refusal.Message != "lisbon: web-1 still stands" || refusal.Hint != "remove it first" {
		t.Errorf("refusal is %+v", refusal)
	}
	if len(athens.in(sla.ProposalObserved)) != 0 || len(lisbon.in(sla.ProposalObserved)) != 1 {
		t.Error("athens has not ended, or lisbon has")
	}
	refused(t, a.do(submission("webshop")), sla.RefusedConflict)
	standing.Store(false)
	for range 2 {
		for _, agreement := range decoded[proto.AgreementList](t, a.do(cancelling("webshop"))).Agreements {
			if agreement.State != sla.AgreementTerminated {
				t.Errorf("agreement is %+v", agreement)
			}
		}
	}
	a.submit("webshop")
}

func TestAnEndingSurvivesTheBrokerAndCanBeAbandoned(t *testing.T) {
	var dead atomic.Bool
	options := broker.Options{AnswerWithin: 50 * time.Millisecond, SilentPolicy: time.Nanosecond}
	a, _, lisbon := twoVendors(t, options, nil, func(v *scripted) {
		v.onCommand = func(_ context.Context, _ proto.Message, usual func() proto.Message) proto.Message {
			if dead.Load() {
				return proto.Message{}
			}
			return usual()
		}
	})
	for _, abandoned := range []bool{false, true} {
		dead.Store(false)
		a.submit("webshop")
		decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
		dead.Store(true)
		request := cancelling("webshop")
		request.Command = ulid.Make().String()
		if answer, err := a.client.Ask(t.Context(), proto.SubjectBrokerCommand, request); err != nil || answer.Performative != proto.Agree {
			t.Fatalf("answer is %s, %v", answer.Performative, err)
		}
		a.startBroker()
		if abandoned {
			request = message(proto.Cancel, proto.Cancellation{Name: "webshop", Abandon: true})
		} else {
			dead.Store(false)
		}
		agreements := decoded[proto.AgreementList](t, a.do(request)).Agreements
		if len(agreements) != 2 || agreements[1].State != sla.AgreementTerminated {
			t.Fatalf("agreements are %+v", agreements)
		}
		if bound := len(lisbon.in(sla.ProposalObserved)); bound != map[bool]int{true: 1}[abandoned] {
			t.Errorf("lisbon is bound by %d", bound)
		}
	}
}

func TestEventsTellTheStory(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, nil, nil)
	a.submit("webshop")
	attempt := decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
	decoded[proto.AgreementList](t, a.do(cancelling("webshop")))
	want := []proto.EventKind{
		proto.EventCallOpened, proto.EventAttemptBegun, proto.EventAgreementObserved, proto.EventAgreementObserved,
		proto.EventAttemptCommitted, proto.EventAgreementEnded, proto.EventAgreementEnded,
	}
	var got []proto.EventKind
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := a.client.Follow(ctx, bus.FollowOptions{Name: "webshop", Live: true}, func(event proto.Event) error {
		got = append(got, event.Kind)
		if event.Message == "" || event.Source != "broker" || len(got) > 1 && event.Deployment != attempt.Deployment {
			t.Errorf("event is %+v", event)
		}
		if len(got) == len(want) {
			cancel()
		}
		return nil
	})
	if ctx.Err() == nil || !slices.Equal(got, want) {
		t.Fatalf("events are %v, %v", got, err)
	}
}
