package broker_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

var allPrices = map[string]int64{"web": 9000, "db": 20000}

func TestWhatIsNoProposalIsARefusalWithItsReason(t *testing.T) {
	a := startAgency(t, broker.Options{ReplyWithin: 500 * time.Millisecond})
	a.startVendor("athens", allPrices, nil)
	a.startVendor("refusing", nil, nil)
	a.enrol("absent")
	a.startVendor("silent", allPrices, func(v *scripted) {
		v.onCall = func(context.Context, proto.Message, func() proto.Message) proto.Message { return proto.Message{} }
	})
	a.startVendor("garbled", allPrices, func(v *scripted) {
		v.onCall = func(_ context.Context, message proto.Message, _ func() proto.Message) proto.Message {
			answer := message.Reply(proto.Propose)
			answer.ContentType, answer.Body = proto.ContentType("proposal", 1), []byte(`{"id": 7`)
			return answer
		}
	})
	a.startVendor("forger", allPrices, func(v *scripted) {
		v.onCall = func(_ context.Context, message proto.Message, _ func() proto.Message) proto.Message {
			call, _ := proto.Decode[descriptors.CallForProposals](message)
			proposal := v.proposal(call)
			proposal.Vendor = "athens"
			return answering(message, proto.Propose, proposal)
		}
	})
	a.startVendor("careless", allPrices, func(v *scripted) {
		v.onCall = func(_ context.Context, message proto.Message, _ func() proto.Message) proto.Message {
			call, _ := proto.Decode[descriptors.CallForProposals](message)
			proposal := v.proposal(call)
			delete(proposal.Offers, "db")
			return answering(message, proto.Propose, proposal)
		}
	})
	a.startBroker()

	offers := a.submit("webshop")
	want := map[string]sla.RefusalCode{
		"refusing": sla.RefusedCapacity, "absent": sla.RefusedUnavailable, "silent": sla.RefusedUnavailable,
		"garbled": sla.RefusedBadRequest, "forger": sla.RefusedBadRequest, "careless": sla.RefusedBadRequest,
	}
	for vendor, code := range want {
		if got := offers.Refusals[vendor]; got.Code != code || got.Message == "" {
			t.Errorf("%s is %+v, want refused for %s", vendor, got, code)
		}
	}
	if len(offers.Refusals) != len(want) || offers.Called != 7 || len(offers.Proposals) != 1 || len(offers.Plans) != 1 {
		t.Fatalf("called %d, refusals %v, plans %v", offers.Called, offers.Refusals, offers.Plans)
	}
}

func TestAProposalThatComesTooLateIsRejected(t *testing.T) {
	answered, rejected := make(chan struct{}), make(chan string, 1)
	a, _, lisbon := twoVendors(t, broker.Options{ReplyWithin: 300 * time.Millisecond}, nil, func(v *scripted) {
		v.onCall = func(ctx context.Context, _ proto.Message, usual func() proto.Message) proto.Message {
			select {
			case <-answered:
				return usual()
			case <-ctx.Done():
				return proto.Message{}
			}
		}
		v.onCommand = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			answer := usual()
			rejected <- string(message.Performative)
			return answer
		}
	})
	offers := a.submit("webshop")
	close(answered)
	if len(offers.Proposals) != 1 || offers.Refusals["lisbon"].Code != sla.RefusedUnavailable {
		t.Fatalf("offers are %+v", offers)
	}
	if performative := <-rejected; performative != string(proto.RejectProposal) || len(lisbon.in(sla.ProposalOffered)) != 0 {
		t.Fatalf("lisbon was told %s", performative)
	}
}

func TestASubmissionThatComesAgainGetsTheSameOffers(t *testing.T) {
	a, athens, _ := twoVendors(t, broker.Options{}, nil, nil)
	request := submission("webshop")
	request.Command = ulid.Make().String()
	var repeats sync.WaitGroup
	calls := make([]string, 8)
	for i := range calls {
		repeats.Go(func() { calls[i] = decoded[proto.Offers](t, a.do(request)).Call })
	}
	repeats.Wait()
	later := decoded[proto.Offers](t, a.do(request))
	if calls = slices.Compact(append(calls, later.Call)); len(calls) != 1 || athens.called() != 1 {
		t.Fatalf("%d calls, athens was called %d times", len(calls), athens.called())
	}
	if len(later.Plans) == 0 || len(later.Proposals) != 2 || later.Application.Name != "shop" {
		t.Fatalf("offers asked for again are %+v", later)
	}
}

func TestANameHasOneOpenCall(t *testing.T) {
	a, athens, lisbon := twoVendors(t, broker.Options{}, nil, nil)
	a.submit("webshop")
	refusal := refused(t, a.do(submission("webshop")), sla.RefusedConflict)
	if !strings.Contains(refusal.Hint, "agency reject webshop") {
		t.Errorf("hint is %q", refusal.Hint)
	}
	offers := decoded[proto.Offers](t, a.do(message(proto.RejectProposal, proto.PlanChoice{Call: "webshop"})))
	if offers.State != descriptors.CallClosed {
		t.Fatalf("rejected call is %s", offers.State)
	}
	refused(t, a.do(accepting("webshop", 1)), sla.RefusedState)
	again := a.submit("webshop")
	if again.Call == offers.Call || again.State != descriptors.CallOpen {
		t.Fatalf("second call is %+v", again)
	}
	eventually(t, func() bool {
		return len(athens.in(sla.ProposalTombstone)) == 1 && len(lisbon.in(sla.ProposalTombstone)) == 1
	})
}

func TestACallWithoutAPlanLeavesTheNameFree(t *testing.T) {
	a := startAgency(t, broker.Options{})
	vendor := a.startVendor("athens", map[string]int64{"web": 1}, nil)
	a.startBroker()
	offers := a.submit("webshop")
	if len(offers.Plans) != 0 || len(offers.Obstacles) == 0 || offers.State != descriptors.CallClosed {
		t.Fatalf("offers are %+v", offers)
	}
	eventually(t, func() bool { return len(vendor.in(sla.ProposalTombstone)) == 1 })
	a.submit("webshop")
}

func TestProposalsThatFitNoMessageAreLeftOut(t *testing.T) {
	// Every vendor answers; none must be left out for being slow on a busy machine.
	a, _, _ := twoVendors(t, broker.Options{PlanLimit: 1, ReplyWithin: time.Minute}, nil, nil)
	talkative := func(v *scripted) {
		v.onCall = func(_ context.Context, message proto.Message, _ func() proto.Message) proto.Message {
			call, _ := proto.Decode[descriptors.CallForProposals](message)
			proposal := v.proposal(call)
			proposal.Notes = []string{strings.Repeat("blah", 100_000)}
			v.offer(proposal)
			return answering(message, proto.Propose, proposal)
		}
	}
	porto := a.startVendor("porto", map[string]int64{"web": 90000, "db": 90000}, talkative)
	a.startVendor("split", map[string]int64{"web": 90000, "db": 90000}, talkative)
	a.startBroker()
	offers := a.submit("webshop")
	if len(offers.Proposals) != 2 || len(offers.Plans) != 1 || !strings.Contains(offers.Obstacles[0].Reason, "2 proposals") {
		t.Fatalf("%d proposals, obstacles %v", len(offers.Proposals), offers.Obstacles)
	}
	eventually(t, func() bool { return len(porto.in(sla.ProposalTombstone)) == 1 })
	decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
}

func TestAnAdvisoryCallKeepsNothing(t *testing.T) {
	a, athens, _ := twoVendors(t, broker.Options{}, nil, nil)
	content := proto.Submission{Name: "webshop", Application: shop(), Advisory: true}
	offers := decoded[proto.Offers](t, a.do(message(proto.Request, content)))
	if !offers.Advisory || len(offers.Plans) == 0 || len(athens.in(sla.ProposalOffered)) != 0 {
		t.Fatalf("offers are %+v", offers)
	}
	if calls := decoded[proto.CallList](t, a.ask(proto.TopicCalls, "")).Calls; len(calls) != 0 {
		t.Fatalf("calls are %+v", calls)
	}
	refused(t, a.do(accepting(offers.Call, 1)), sla.RefusedNotFound)
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	a, athens, _ := twoVendors(t, broker.Options{}, nil, nil)
	faulty := shop()
	faulty.Resources["web"] = descriptors.Class{Type: "cloud"}
	for name, content := range map[string]proto.Submission{
		"application": {Application: faulty},
		"name":        {Name: "Web Shop", Application: shop()},
		"upload":      {Application: shop(), Uploads: map[string]string{"wbe": "x"}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, a.do(message(proto.Request, content)), sla.RefusedBadRequest) })
	}
	if athens.called() != 0 {
		t.Error("a vendor was called")
	}
	refused(t, a.do(accepting("nothing", 1)), sla.RefusedNotFound)
	refused(t, a.do(cancelling("no.such*key")), sla.RefusedNotFound)
}

func TestAVendorEnrolledLaterIsCalledToo(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, nil, nil)
	credentials := a.enrol("porto")
	must(t, a.server.Provision(t.Context()))
	porto := &scripted{table: newTable("porto", time.Now), prices: map[string]int64{"web": 1, "db": 1}, valid: time.Minute}
	porto.peer = a.connect(credentials)
	porto.start(t)
	eventually(t, func() bool { return len(decoded[proto.VendorList](t, a.ask(proto.TopicVendors, "")).Vendors) == 3 })
	if offers := a.submit("webshop"); offers.Called != 3 || offers.Plans[0].Legs[0].Vendor != "porto" {
		t.Fatalf("offers are %+v", offers)
	}
}

func TestQuestions(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, nil, nil)
	a.enrol("absent")
	a.startBroker()
	offers := a.submit("webshop")
	vendors := decoded[proto.VendorList](t, a.ask(proto.TopicVendors, "")).Vendors
	if len(vendors) != 3 || vendors[0].Name != "absent" || vendors[0].Present || !vendors[1].Present {
		t.Errorf("vendors are %+v", vendors)
	}
	calls := decoded[proto.CallList](t, a.ask(proto.TopicCalls, "")).Calls
	if len(calls) != 1 || calls[0].Call != offers.Call || calls[0].State != descriptors.CallOpen || calls[0].Proposals != 2 {
		t.Errorf("calls are %+v", calls)
	}
	if again := decoded[proto.Offers](t, a.ask(proto.TopicOffers, "webshop")); again.Call != offers.Call {
		t.Errorf("offers are %+v", again)
	}
	if signed := decoded[proto.SignedRegister](t, a.ask(proto.TopicRegister, "")); signed.Text == "" {
		t.Error("no register")
	}
	refused(t, a.ask(proto.TopicDescriptor, "webshop"), sla.RefusedState)
	refused(t, a.ask(proto.TopicOffers, "nothing"), sla.RefusedNotFound)
	refused(t, a.ask("weather", ""), sla.RefusedNotFound)
	if list := decoded[proto.AgreementList](t, a.ask(proto.TopicAgreements, "")); len(list.Agreements) != 0 {
		t.Errorf("agreements are %+v", list)
	}
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("it never came to hold")
}
