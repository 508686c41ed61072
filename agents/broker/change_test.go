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
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// agreed is the deployment as it was agreed on last.
func (a *agency) agreed(name string) descriptors.Deployment {
	a.t.Helper()
	return decoded[descriptors.Deployment](a.t, a.ask(proto.TopicDescriptor, name))
}

// standing is an application that was agreed on: db at athens, web at lisbon.
func (a *agency) standing(name string) descriptors.Deployment {
	a.t.Helper()
	a.submit(name)
	decoded[proto.Attempt](a.t, a.do(accepting(name, 1)))
	return a.agreed(name)
}

// changing asks for what a deployment is to be changed in, from where it stands.
func changing(from descriptors.Deployment, edit func(map[string]descriptors.Class)) proto.Message {
	application := shop()
	application.Resources = from.Classes()
	edit(application.Resources)
	return message(proto.Request, proto.Submission{
		Application: application, Change: &proto.Change{Deployment: from.ID, Revision: from.Revision},
	})
}

func undoing(from descriptors.Deployment) proto.Message {
	return message(proto.Request, proto.Submission{
		Change: &proto.Change{Deployment: from.ID, Revision: from.Revision, Undo: true},
	})
}

// releasing says which agreements the deployer needs no more.
func releasing(deployment string, releases map[string][]string) proto.Message {
	return message(proto.Cancel, proto.Cancellation{Name: deployment, Releases: releases})
}

// edited is an edit of one class.
func edited(name string, edit func(*descriptors.Class)) func(map[string]descriptors.Class) {
	return func(classes map[string]descriptors.Class) {
		class := classes[name]
		edit(&class)
		classes[name] = class
	}
}

var (
	moreCores    = edited("web", func(c *descriptors.Class) { c.Cores = 2 })
	otherCommand = edited("web", func(c *descriptors.Class) { c.Run = []string{"web --fast"} })
)

// change submits a change and takes its best plan.
func (a *agency) change(request proto.Message) (proto.Offers, proto.Attempt) {
	a.t.Helper()
	offers := decoded[proto.Offers](a.t, a.do(request))
	return offers, decoded[proto.Attempt](a.t, a.do(accepting(offers.Call, 1)))
}

func TestAChangeAsksOnlyForWhatIsNotCovered(t *testing.T) {
	var asked atomic.Value
	listen := func(v *scripted) {
		v.onCall = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			call, err := proto.Decode[descriptors.CallForProposals](message)
			if err == nil && call.Deployment != "" {
				asked.Store(call)
			}
			return usual()
		}
	}
	a, athens, lisbon := twoVendors(t, broker.Options{}, nil, listen)
	before := a.standing("webshop")
	offers, attempt := a.change(changing(before, moreCores))
	call, _ := asked.Load().(descriptors.CallForProposals)
	if len(call.Classes) != 1 || call.Classes["web"].Cores != 2 || call.Deployment != before.ID {
		t.Errorf("the vendors were asked for %+v", call)
	}
	if offers.Called != 2 || !slices.Equal(offers.Change.Classes, []string{"web"}) || offers.Name != "webshop" {
		t.Errorf("offers are %+v", offers)
	}
	if plan := offers.Plans[0]; len(plan.Legs) != 2 || plan.Price != euros(20_000+2*7000) {
		t.Errorf("the plan is %+v", plan)
	}
	if len(attempt.Legs) != 1 || attempt.Deployment != before.ID || attempt.Legs[0].Agreement.Vendor != "lisbon" {
		t.Errorf("attempt is %+v", attempt)
	}
	after := a.agreed("webshop")
	if after.ID != before.ID || after.Revision != before.Revision+1 || !after.Created.Equal(before.Created) || after.Call != offers.Call {
		t.Errorf("%+v became %+v", before, after)
	}
	db, web := after.Resources["db"], after.Resources["web"]
	if db.Agreement != before.Resources["db"].Agreement || web.Agreement != attempt.Legs[0].Agreement.ID || web.Cores != 2 {
		t.Errorf("the deployment is %+v", after)
	}
	if athens.serves() != "db" || lisbon.serves() != "web web" { // until the deployer lets go of the former
		t.Errorf("athens serves %s, lisbon %s", athens.serves(), lisbon.serves())
	}
}

func TestAChangeThatAgreementsCoverAsksNobody(t *testing.T) {
	a, athens, lisbon := twoVendors(t, broker.Options{}, nil, nil)
	before := a.standing("webshop")
	calls := athens.called() + lisbon.called()
	offers, attempt := a.change(changing(before, otherCommand))
	if offers.Called != 0 || len(offers.Change.Classes) != 0 || len(attempt.Legs) != 0 || athens.called()+lisbon.called() != calls {
		t.Errorf("offers are %+v, attempt %+v", offers, attempt)
	}
	after := a.agreed("webshop")
	web := after.Resources["web"]
	if web.Agreement != before.Resources["web"].Agreement || !slices.Equal(web.Run, []string{"web --fast"}) || after.Revision != before.Revision+1 {
		t.Errorf("%+v became %+v", before, after)
	}
}

// TestWhatAgreementsDoNotCover asks without obligation, so that every case starts from the same.
func TestWhatAgreementsDoNotCover(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, nil, nil)
	before := a.standing("webshop")
	volume := func(classes map[string]descriptors.Class) {
		edited("web", func(c *descriptors.Class) { c.Volumes = map[string]string{"data": "/data"} })(classes)
		classes["data"] = descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}
	}
	cases := map[string]struct {
		edit func(map[string]descriptors.Class)
		want string
	}{
		"nothing":                    {func(map[string]descriptors.Class) {}, ""},
		"another command":            {otherCommand, ""},
		"fewer of the range":         {edited("web", func(c *descriptors.Class) { c.Count.Max = 3 }), ""},
		"a class is gone":            {func(classes map[string]descriptors.Class) { delete(classes, "db") }, ""},
		"more cores":                 {moreCores, "web"},
		"a wider range":              {edited("web", func(c *descriptors.Class) { c.Count.Max = 9 }), "web"},
		"its vendor is not admitted": {edited("db", func(c *descriptors.Class) { c.Place.Vendors.Deny = descriptors.Names{"athens"} }), "db"},
		"a class is new":             {func(classes map[string]descriptors.Class) { classes["cache"] = classes["db"] }, "cache"},
		"volumes for several":        {volume, "data web"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			request := changing(before, test.edit)
			content, err := proto.Decode[proto.Submission](request)
			must(t, err)
			content.Advisory = true
			offers := decoded[proto.Offers](t, a.do(message(proto.Request, content)))
			if got := strings.Join(offers.Change.Classes, " "); got != test.want {
				t.Errorf("asked for %q, want %q", got, test.want)
			}
		})
	}
	if again := a.agreed("webshop"); again.Revision != before.Revision {
		t.Errorf("it was changed to revision %d", again.Revision)
	}
	if calls := decoded[proto.CallList](t, a.ask(proto.TopicCalls, "")).Calls; len(calls) != 1 {
		t.Errorf("calls that were written down: %+v", calls)
	}
}

// TestAClassMovesOnlyWhereItsVendorDoesNotGoOn: a dearer vendor keeps what it has, until it refuses.
func TestAClassMovesOnlyWhereItsVendorDoesNotGoOn(t *testing.T) {
	a, athens, lisbon := twoVendors(t, broker.Options{}, nil, nil)
	before := a.standing("webshop")
	lisbon.setPrice("web", 90_000)
	offers := decoded[proto.Offers](t, a.do(changing(before, moreCores)))
	if plan := offers.Plans[0]; plan.Legs[1].Vendor != "lisbon" {
		t.Errorf("the plan is %+v", plan)
	}
	lisbon.setPrice("web", 0)
	_, attempt := a.change(changing(before, moreCores))
	if len(attempt.Legs) != 1 || attempt.Legs[0].Agreement.Vendor != "athens" || a.agreed("webshop").Resources["web"].Vendor != "athens" {
		t.Errorf("attempt is %+v", attempt)
	}
	if athens.serves() != "db web" {
		t.Errorf("athens serves %s", athens.serves())
	}
	athens.setPrice("web", 0)
	moved := a.agreed("webshop")
	none := decoded[proto.Offers](t, a.do(changing(moved, edited("web", func(c *descriptors.Class) { c.Cores = 4 }))))
	if len(none.Plans) != 0 || none.State != descriptors.CallClosed || len(none.Obstacles) == 0 || none.Obstacles[0].Class != "web" {
		t.Errorf("offers are %+v", none)
	}
	if a.agreed("webshop").Revision != moved.Revision {
		t.Error("it was changed all the same")
	}
}

func TestChangesThatAreRefused(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, nil, nil)
	stands := a.standing("webshop")
	moved, unknown := stands, stands
	moved.Revision++
	unknown.ID = "01JUNKNOWN"
	bad := changing(stands, edited("web", func(c *descriptors.Class) { c.Targets = "nobody" }))
	cases := map[string]struct {
		request proto.Message
		code    sla.RefusalCode
		hint    string
	}{
		"another revision":  {changing(moved, moreCores), sla.RefusedConflict, "apply again"},
		"no deployment":     {changing(unknown, moreCores), sla.RefusedNotFound, "agency proposals"},
		"no sense":          {bad, sla.RefusedBadRequest, "agency validate"},
		"nothing to undo":   {undoing(stands), sla.RefusedState, ""},
		"undo of elsewhere": {undoing(unknown), sla.RefusedNotFound, "agency proposals"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			if refusal := refused(t, a.do(test.request), test.code); !strings.Contains(refusal.Hint, test.hint) {
				t.Errorf("the hint is %q", refusal.Hint)
			}
		})
	}
	decoded[proto.AgreementList](t, a.do(cancelling("webshop")))
	if refusal := refused(t, a.do(changing(stands, moreCores)), sla.RefusedState); !strings.Contains(refusal.Message, "does not stand") {
		t.Errorf("refused with %q", refusal.Message)
	}
}

func TestTheSameChangeAgainIsAnsweredAlike(t *testing.T) {
	a, athens, lisbon := twoVendors(t, broker.Options{}, nil, nil)
	before := a.standing("webshop")
	request := changing(before, moreCores)
	request.Command = ulid.Make().String()
	first := decoded[proto.Offers](t, a.do(request))
	calls := athens.called() + lisbon.called()
	again := func(when string, state descriptors.CallState) {
		t.Helper()
		offers := decoded[proto.Offers](t, a.do(request))
		if offers.Call != first.Call || offers.State != state || athens.called()+lisbon.called() != calls {
			t.Errorf("%s it is answered with %+v", when, offers)
		}
	}
	again("again", descriptors.CallOpen)
	a.startBroker()
	again("after a restart", descriptors.CallOpen)
	acceptance := accepting(first.Call, 1)
	acceptance.Command = ulid.Make().String()
	attempt := decoded[proto.Attempt](t, a.do(acceptance))
	again("when it was taken", descriptors.CallClosed)
	a.startBroker()
	again("when it was taken, after a restart", descriptors.CallClosed)
	if repeated := decoded[proto.Attempt](t, a.do(acceptance)); repeated.ID != attempt.ID || a.agreed("webshop").Revision != before.Revision+1 {
		t.Errorf("taken again it is %+v", repeated)
	}
	refused(t, a.do(accepting(first.Call, 1)), sla.RefusedState)
}

func TestAChangeTakesThePlaceOfOneThatWasNotTaken(t *testing.T) {
	a, athens, lisbon := twoVendors(t, broker.Options{}, nil, nil)
	before := a.standing("webshop")
	first := decoded[proto.Offers](t, a.do(changing(before, moreCores)))
	second := decoded[proto.Offers](t, a.do(changing(before, otherCommand)))
	if second.Call == first.Call {
		t.Fatalf("offers are %+v", second)
	}
	refused(t, a.do(accepting(first.Call, 1)), sla.RefusedState)
	eventually(t, func() bool { return len(athens.in(sla.ProposalOffered))+len(lisbon.in(sla.ProposalOffered)) == 0 })
	decoded[proto.Attempt](t, a.do(accepting(second.Call, 1)))
	if web := a.agreed("webshop").Resources["web"]; web.Cores != before.Resources["web"].Cores || len(web.Run) != 1 {
		t.Errorf("web is %+v", web)
	}
}

// TestOfTwoChangesAtOnceOneIsKept: both ask the vendors before either is written down.
func TestOfTwoChangesAtOnceOneIsKept(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	meet := func(v *scripted) {
		v.onCall = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			if call, err := proto.Decode[descriptors.CallForProposals](message); err == nil && call.Deployment != "" {
				both.Done()
				both.Wait()
			}
			return usual()
		}
	}
	a, athens, lisbon := twoVendors(t, broker.Options{}, nil, meet)
	before := a.standing("webshop")
	var answers [2]proto.Message
	var persons sync.WaitGroup
	for i := range answers {
		persons.Go(func() { answers[i] = a.do(changing(before, moreCores)) })
	}
	persons.Wait()
	if answers[0].Performative != proto.Inform {
		answers[0], answers[1] = answers[1], answers[0]
	}
	kept := decoded[proto.Offers](t, answers[0])
	if refusal := refused(t, answers[1], sla.RefusedConflict); refusal.Hint != "apply again" {
		t.Errorf("refused with %+v", refusal)
	}
	// What was offered to the other is let go of.
	eventually(t, func() bool {
		return len(athens.in(sla.ProposalOffered)) == 1 && len(lisbon.in(sla.ProposalOffered)) == 1
	})
	decoded[proto.Attempt](t, a.do(accepting(kept.Call, 1)))
}

// held is a vendor that keeps an acceptance waiting once it is told to.
type held struct {
	on      atomic.Bool
	asked   chan struct{}
	proceed chan struct{}
}

func (h *held) script(v *scripted) {
	v.onCommand = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
		if message.Performative == proto.AcceptProposal && h.on.CompareAndSwap(true, false) {
			close(h.asked)
			<-h.proceed
		}
		return usual()
	}
}

func TestWhatComesBetweenAChangeAndItsAgreements(t *testing.T) {
	waiting := &held{asked: make(chan struct{}), proceed: make(chan struct{})}
	a, athens, lisbon := twoVendors(t, broker.Options{AnswerWithin: 50 * time.Millisecond}, nil, waiting.script)
	before := a.standing("webshop")
	offers := decoded[proto.Offers](t, a.do(changing(before, moreCores)))
	waiting.on.Store(true)
	answer := make(chan proto.Message, 1)
	go func() { answer <- a.do(accepting(offers.Call, 1)) }()
	<-waiting.asked
	refusal := refused(t, a.do(changing(before, otherCommand)), sla.RefusedConflict)
	if !strings.Contains(refusal.Message, "is being agreed on") {
		t.Errorf("refused with %q", refusal.Message)
	}
	request := cancelling("webshop")
	request.Command = ulid.Make().String()
	if _, err := a.client.Ask(t.Context(), proto.SubjectBrokerCommand, request); err != nil {
		t.Fatal(err)
	}
	close(waiting.proceed)
	attempt := attemptIn(t, <-answer, sla.AttemptUndone)
	if attempt.Reason != "the deployment is being removed" {
		t.Errorf("attempt is %+v", attempt)
	}
	for _, agreement := range decoded[proto.AgreementList](t, a.do(request)).Agreements {
		if agreement.State != sla.AgreementTerminated {
			t.Errorf("agreement is %+v", agreement)
		}
	}
	if athens.serves() != "" || lisbon.serves() != "" {
		t.Errorf("athens serves %q, lisbon %q", athens.serves(), lisbon.serves())
	}
	a.submit("webshop")
}
