package vendor_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

func TestNewWantsItsParts(t *testing.T) {
	if _, err := vendor.New(vendor.Options{}); err == nil {
		t.Error("an agent without a peer was made")
	}
}

func TestAnOfferHoldsCapacity(t *testing.T) {
	h := newHouse(t, nil)
	proposal := h.propose(machines(quantity.Range{Min: 1, Max: 3}))
	offer := proposal.Offers["web"]
	if offer.Count != (quantity.Range{Min: 1, Max: 3}) || offer.Unit.PerHour.Micros != 10_000 || !proposal.Held {
		t.Errorf("offered %+v, held %t", offer, proposal.Held)
	}
	if held := h.status().Held; held.Cores != 3 {
		t.Errorf("held %+v, want the maximum, 3 cores", held)
	}
}

func TestARefusalSaysTheNearestFit(t *testing.T) {
	h := newHouse(t, nil)
	refusal := refused(t, h.call(machines(exactly(6))), proto.Refuse, sla.RefusedCapacity)
	if text := refusal.Error(); !strings.Contains(text, "6 need 6 cores, 4 are free") || !strings.Contains(text, "would do 4") {
		t.Errorf("refused with %q", text)
	}
	h.propose(machines(exactly(4)))
	refusal = refused(t, h.call(machines(exactly(1))), proto.Refuse, sla.RefusedCapacity)
	if text := refusal.Error(); !strings.Contains(text, "1 needs 1 cores, 0 are free") || strings.Contains(text, "would do") {
		t.Errorf("refused with %q", text)
	}
}

func TestEachClassIsRefusedForItself(t *testing.T) {
	h := newHouse(t, nil)
	elsewhere, apart := machine(exactly(1)), machine(exactly(1))
	elsewhere.Place.Country = descriptors.Names{"NO"}
	apart.Isolation = "required"
	proposal := h.propose(callFor(map[string]descriptors.Class{
		"web": machine(exactly(2)), "far": elsewhere, "alone": apart, "big": machine(exactly(9)),
		"workers": {Type: descriptors.Cluster, Image: "shell", Cores: 1, Count: exactly(1)},
	}))
	want := map[string]sla.RefusalCode{
		"far": sla.RefusedPlacement, "alone": sla.RefusedIsolation, "big": sla.RefusedCapacity,
	}
	for class, code := range want {
		if got := proposal.Refusals[class]; got.Code != code || got.Message == "" {
			t.Errorf("%s: refused with %+v, want %s", class, got, code)
		}
	}
	if len(proposal.Offers) != 2 || len(proposal.Refusals) != len(want) {
		t.Errorf("offers %v, refusals %v", proposal.Offers, proposal.Refusals)
	}
}

func TestWhatBelongsTogetherIsOfferedTogether(t *testing.T) {
	mounting := machine(exactly(1))
	mounting.Volumes = map[string]string{"data": "/srv"}
	together := machine(exactly(1))
	together.Place.Together = descriptors.Names{"big"}
	for name, classes := range map[string]map[string]descriptors.Class{
		"private network": {
			"big": machine(exactly(9)), "web": machine(exactly(2)), "free": machine(exactly(4)),
			"lan": {Type: descriptors.Network, Private: true, Members: descriptors.Names{"big", "web"}},
		},
		"volume": {
			"web": mounting, "free": machine(exactly(4)), "data": {Type: descriptors.Volume, Size: quantity.TiB},
		},
		"together": {"big": machine(exactly(9)), "web": together, "free": machine(exactly(4))},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			proposal := h.propose(callFor(classes))
			if _, offered := proposal.Offers["free"]; !offered || len(proposal.Offers) != 1 {
				t.Errorf("offers %v, want the free machines alone", proposal.Offers)
			}
			if web := proposal.Refusals["web"]; web.Code != sla.RefusedCapacity || !strings.Contains(web.Message, "together with") {
				t.Errorf("web refused with %+v", web)
			}
		})
	}
}

func TestASpanningNetworkTiesNobody(t *testing.T) {
	h := newHouse(t, nil)
	proposal := h.propose(callFor(map[string]descriptors.Class{
		"big": machine(exactly(9)), "web": machine(exactly(2)),
		"lan": {Type: descriptors.Network, Private: true, Span: true, Members: descriptors.Names{"big", "web"}},
	}))
	if len(proposal.Offers) != 2 {
		t.Errorf("offers %v, want the web and the network", proposal.Offers)
	}
}

func TestACallAskedAgainIsAnsweredTheSame(t *testing.T) {
	h := newHouse(t, nil)
	call := machines(exactly(3))
	first := h.propose(call)
	if again := h.propose(call); again.ID != first.ID || h.status().Held.Cores != 3 {
		t.Errorf("answered %s after %s, %d cores held", again.ID, first.ID, h.status().Held.Cores)
	}
	tooMany := machines(exactly(2))
	before := refused(t, h.call(tooMany), proto.Refuse, sla.RefusedCapacity)
	content[sla.Agreement](t, h.cancel(proto.Cancellation{Proposal: first.ID}))
	if after := refused(t, h.call(tooMany), proto.Refuse, sla.RefusedCapacity); after != before {
		t.Errorf("refused with %v after %v", after, before)
	}
	tooMany.Round = 2
	h.propose(tooMany)
}

func TestARestartKeepsAnOffer(t *testing.T) {
	h := newHouse(t, nil)
	call := machines(exactly(3))
	first := h.propose(call)
	h.eventually("the offer is written", func() error {
		entries, err := h.store.List(t.Context(), "proposals.")
		if err == nil && len(entries) == 0 {
			err = fmt.Errorf("nothing yet")
		}
		return err
	})
	h.restart()
	if again := h.propose(call); again.ID != first.ID {
		t.Errorf("answered %s after %s", again.ID, first.ID)
	}
}

func TestAnAdvisoryCallHoldsNothing(t *testing.T) {
	h := newHouse(t, nil)
	call := machines(exactly(3))
	call.Advisory = true
	proposal := h.propose(call)
	if held := h.status().Held; proposal.Held || held != (vendormodules.Usage{}) {
		t.Errorf("held %t, %+v", proposal.Held, held)
	}
	refused(t, h.accept(agreementOn(proposal)), proto.Failure, sla.RefusedExpired)
}

func TestExpiryFreesWhatIsHeld(t *testing.T) {
	h := newHouse(t, nil)
	proposal := h.propose(machines(exactly(4)))
	h.later(5*time.Minute + time.Second)
	if held := h.status().Held; held.Cores != 0 {
		t.Errorf("%d cores are still held", held.Cores)
	}
	h.propose(machines(exactly(4)))
	refused(t, h.accept(agreementOn(proposal)), proto.Failure, sla.RefusedExpired)
}

func TestOnlyABrokerCalls(t *testing.T) {
	h := newHouse(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	question := message(t, proto.CallForProposal, "", machines(exactly(1)))
	if answer, err := h.deployer.Ask(ctx, proto.SubjectCall(vendorName), question); err == nil {
		refused(t, answer, proto.Refuse, sla.RefusedPermission)
	}
	refused(t, h.ask(h.client, proto.SubjectCommand(vendorName), message(t, proto.AcceptProposal, "c", proto.Acceptance{})),
		proto.Refuse, sla.RefusedPermission)
	if h.cloud.called("quote") != 0 {
		t.Error("the module was asked")
	}
}

func TestOtherCurrenciesAreRefused(t *testing.T) {
	h := newHouse(t, nil)
	call := machines(exactly(1))
	call.Currency = "USD"
	if refusal := refused(t, h.call(call), proto.Refuse, sla.RefusedCurrency); !strings.Contains(refusal.Message, "EUR, not in USD") {
		t.Errorf("refused with %q", refusal.Message)
	}
}

func TestACallThatMakesNoSense(t *testing.T) {
	h := newHouse(t, nil)
	empty, badName := machines(exactly(1)), callFor(map[string]descriptors.Class{"a.b": machine(exactly(1))})
	empty.Classes = map[string]descriptors.Class{}
	for name, call := range map[string]descriptors.CallForProposals{"no class": empty, "class name": badName} {
		if answer := h.call(call); answer.Performative != proto.NotUnderstood {
			t.Errorf("%s: answered %s", name, answer.Performative)
		}
	}
}

func TestACloudThatDoesNotAnswerOffersNothing(t *testing.T) {
	h := newHouse(t, func(h *house) { h.options.Decorators.Retry.Within = time.Millisecond })
	h.cloud.script(func(context.Context, string, string) error { return vendormodules.ErrTransient }, nil)
	refused(t, h.call(machines(exactly(1))), proto.Refuse, sla.RefusedUnavailable)
	h.cloud.script(nil, nil)
}

// TestConcurrentCallsNeverOversell lets calls come at the same time, some accepted, some cancelled, some left, and looks
// that what was promised at any time fits.
func TestConcurrentCallsNeverOversell(t *testing.T) {
	h := newHouse(t, func(h *house) { h.cloud.capacity.Cores = 10 })
	rapid.Check(t, func(r *rapid.T) {
		counts := rapid.SliceOfN(rapid.IntRange(1, 6), 2, 8).Draw(r, "counts")
		proposals := make([]sla.Proposal, len(counts))
		var asking sync.WaitGroup
		for i, count := range counts {
			question := message(t, proto.CallForProposal, "", machines(exactly(count)))
			asking.Go(func() {
				answer, err := h.broker.Ask(t.Context(), proto.SubjectCall(vendorName), question)
				if err == nil && answer.Performative == proto.Propose {
					proposals[i], _ = proto.Decode[sla.Proposal](answer)
				}
			})
		}
		asking.Wait()
		promised, offered := 0, 0
		for i, proposal := range proposals {
			if proposal.ID != "" {
				promised += counts[i]
				offered++
			}
		}
		if promised > 10 || offered == 0 {
			r.Errorf("%d cores of 10 promised in %d offers", promised, offered)
		}
		for i, proposal := range proposals {
			if proposal.ID == "" {
				continue
			}
			agreement := agreementOn(proposal)
			if i%2 == 0 {
				content[sla.Agreement](t, h.accept(agreement))
			}
			content[sla.Agreement](t, h.cancel(proto.Cancellation{Proposal: proposal.ID, Agreement: agreement.ID}))
		}
		if status := h.status(); status.Held != (vendormodules.Usage{}) || status.Used != (vendormodules.Usage{}) {
			r.Errorf("after all was cancelled %+v is held and %+v used", status.Held, status.Used)
		}
	})
}
