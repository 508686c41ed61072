package broker_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// oneVendor is an agency in which athens serves everything, under one agreement.
func oneVendor(t *testing.T, script func(*scripted)) (*agency, *scripted) {
	t.Helper()
	a := startAgency(t, broker.Options{})
	vendor := a.startVendor("athens", map[string]int64{"web": 9000, "db": 20000}, script)
	a.startBroker()
	return a, vendor
}

// known are the agreements of a deployment that are observed, as the broker tells them: their classes, sorted by when
// they were made.
func (a *agency) known(name string) []string {
	a.t.Helper()
	var known []string
	for _, agreement := range decoded[proto.AgreementList](a.t, a.ask(proto.TopicAgreements, name)).Agreements {
		if agreement.State == sla.AgreementObserved {
			known = append(known, strings.Join(slices.Sorted(maps.Keys(agreement.Classes)), " "))
		}
	}
	return known
}

// TestWhatAChangeNeedsNoMoreIsLetGoOf: of an agreement first a part, then the rest, and nothing that is needed.
func TestWhatAChangeNeedsNoMoreIsLetGoOf(t *testing.T) {
	a, athens := oneVendor(t, nil)
	before := a.standing("webshop")
	first := before.Resources["web"].Agreement
	_, attempt := a.change(changing(before, moreCores))
	second := attempt.Legs[0].Agreement.ID
	unneeded := releasing(before.ID, map[string][]string{
		first: {"web", "db", "unknown"}, second: {"web"}, "unknown": {"web"},
	})
	for range 2 {
		decoded[proto.AgreementList](t, a.do(unneeded))
		if got := a.known("webshop"); !slices.Equal(got, []string{"db", "web"}) || athens.serves() != "db web" {
			t.Fatalf("the broker knows of %q, athens serves %s", got, athens.serves())
		}
		a.startBroker()
	}
	for _, agreement := range decoded[proto.AgreementList](t, a.ask(proto.TopicAgreements, "webshop")).Agreements {
		for _, guarantee := range agreement.Guarantees {
			if _, has := agreement.Classes[guarantee.Class]; !has {
				t.Errorf("%s guarantees %+v", agreement.ID, guarantee)
			}
		}
	}
	a.change(changing(a.agreed("webshop"), func(classes map[string]descriptors.Class) { delete(classes, "db") }))
	list := decoded[proto.AgreementList](t, a.do(releasing(before.ID, map[string][]string{first: {"db"}}))).Agreements
	if list[0].State != sla.AgreementTerminated || list[0].Ended.IsZero() || athens.serves() != "web" {
		t.Errorf("agreements are %+v, athens serves %s", list, athens.serves())
	}
	decoded[proto.AgreementList](t, a.do(cancelling("webshop")))
	if got := a.known("webshop"); len(got) != 0 || athens.serves() != "" {
		t.Errorf("in the end the broker knows of %q, athens serves %s", got, athens.serves())
	}
}

func TestAVendorThatDoesNotLetGo(t *testing.T) {
	var standing atomic.Bool
	standing.Store(true)
	a, athens := oneVendor(t, func(v *scripted) {
		v.onCommand = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			if message.Performative == proto.Cancel && standing.Load() {
				return proto.Refusing(message, proto.Failure, sla.Refusal{
					Code: sla.RefusedState, Message: "web-1 still stands", Hint: "remove it first",
				})
			}
			return usual()
		}
	})
	before := a.standing("webshop")
	first := before.Resources["web"].Agreement
	a.change(changing(before, moreCores))
	request := releasing(before.ID, map[string][]string{first: {"web"}})
	refusal := refused(t, a.do(request), sla.RefusedState)
	if refusal.Message != "athens: web-1 still stands" || refusal.Hint != "remove it first" {
		t.Errorf("refused with %+v", refusal)
	}
	if got := a.known("webshop"); !slices.Equal(got, []string{"db web", "web"}) {
		t.Errorf("the broker knows of %q", got)
	}
	standing.Store(false)
	decoded[proto.AgreementList](t, a.do(request))
	if got := a.known("webshop"); !slices.Equal(got, []string{"db", "web"}) || athens.serves() != "db web" {
		t.Errorf("the broker knows of %q, athens serves %s", got, athens.serves())
	}
	refused(t, a.do(releasing("unknown", map[string][]string{first: {"db"}})), sla.RefusedNotFound)
}

// web is what the class web of a deployment is bound to and runs.
func web(deployment descriptors.Deployment) (agreement, run string, cores int) {
	bound := deployment.Resources["web"]
	return bound.Agreement, strings.Join(bound.Run, " "), bound.Cores
}

// TestAChangeIsUndone, and the undoing of it, and a change whose former agreements still stand.
func TestAChangeIsUndone(t *testing.T) {
	a, athens := oneVendor(t, nil)
	before := a.standing("webshop")
	first, _, cores := web(before)
	a.change(changing(before, otherCommand))
	offers, _ := a.change(undoing(a.agreed("webshop")))
	if offers.Called != 0 || len(offers.Change.Classes) != 0 || len(offers.Application.Resources["web"].Run) != 0 {
		t.Errorf("offers are %+v", offers)
	}
	back := a.agreed("webshop")
	if agreement, run, _ := web(back); agreement != first || run != "" || back.Revision != before.Revision+2 {
		t.Errorf("undone it is %+v", back)
	}
	a.change(undoing(back))
	again := a.agreed("webshop")
	if agreement, run, _ := web(again); agreement != first || run != "web --fast" {
		t.Errorf("with that undone it is %+v", again)
	}

	a.change(changing(again, moreCores))
	changed := a.agreed("webshop")
	second, _, _ := web(changed)
	a.change(undoing(changed))
	if agreement, _, now := web(a.agreed("webshop")); agreement != first || now != cores {
		t.Errorf("under %s with %d cores, want %s with %d", agreement, now, first, cores)
	}
	decoded[proto.AgreementList](t, a.do(releasing(before.ID, map[string][]string{second: {"web"}, first: {"web"}})))
	if athens.serves() != "db web" {
		t.Errorf("athens serves %s", athens.serves())
	}
}

// TestAChangeIsNotUndoneOnceItsAgreementsHaveEnded says how to get there all the same.
func TestAChangeIsNotUndoneOnceItsAgreementsHaveEnded(t *testing.T) {
	a, _ := oneVendor(t, nil)
	before := a.standing("webshop")
	first, _, _ := web(before)
	a.change(changing(before, moreCores))
	decoded[proto.AgreementList](t, a.do(releasing(before.ID, map[string][]string{first: {"web"}})))
	changed := a.agreed("webshop")
	refusal := refused(t, a.do(undoing(changed)), sla.RefusedState)
	if refusal.Message != "the agreement with athens on web of webshop has ended" || !strings.Contains(refusal.Hint, "agency apply FILE") {
		t.Errorf("refused with %+v", refusal)
	}
	if a.agreed("webshop").Revision != changed.Revision {
		t.Error("it was changed all the same")
	}
	a.change(changing(changed, edited("web", func(c *descriptors.Class) { c.Cores = 1 })))
	if _, _, cores := web(a.agreed("webshop")); cores != 1 {
		t.Errorf("web has %d cores", cores)
	}
}

// TestWhatIsBeingLetGoOfIsNotGoneBackTo: while a vendor is asked to end an agreement, nobody knows whether it stands.
func TestWhatIsBeingLetGoOfIsNotGoneBackTo(t *testing.T) {
	asked, proceed := make(chan struct{}), make(chan struct{})
	a, athens := oneVendor(t, func(v *scripted) {
		v.onCommand = func(_ context.Context, message proto.Message, usual func() proto.Message) proto.Message {
			if message.Performative == proto.Cancel {
				close(asked)
				<-proceed
			}
			return usual()
		}
	})
	before := a.standing("webshop")
	first, _, _ := web(before)
	a.change(changing(before, moreCores))
	changed := a.agreed("webshop")
	opened := decoded[proto.Offers](t, a.do(undoing(changed)))
	released := make(chan proto.Message, 1)
	go func() { released <- a.do(releasing(before.ID, map[string][]string{first: {"web"}})) }()
	<-asked
	attempt := attemptIn(t, a.do(accepting(opened.Call, 1)), sla.AttemptUndone)
	if !strings.Contains(attempt.Reason, "has ended meanwhile") {
		t.Errorf("attempt is %+v", attempt)
	}
	refused(t, a.do(undoing(changed)), sla.RefusedState)
	close(proceed)
	decoded[proto.AgreementList](t, <-released)
	if now := a.agreed("webshop"); now.Revision != changed.Revision || athens.serves() != "db web" {
		t.Errorf("it is %+v, athens serves %s", now, athens.serves())
	}
	a.change(changing(changed, otherCommand)) // anything else goes on
}
