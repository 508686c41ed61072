package vendor_test

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// A round whose end is not written, or of which that is not known, has no answer yet; asked again it has one, once.
func TestARoundWhoseEndIsNotWritten(t *testing.T) {
	for _, took := range []bool{true, false} {
		t.Run(fmt.Sprintf("took hold %t", took), func(t *testing.T) {
			var failing atomic.Bool
			h := newHouse(t, func(h *house) {
				h.log = zap.NewNop() // it fails on purpose
				h.options.Negotiation = vendor.Negotiation{Lowest: 0.9}
				h.options.Store = &flakyStore{fail: func() (bool, error) {
					if failing.Load() {
						return took, errors.New("the disk says nothing")
					}
					return true, nil
				}}
			})
			call := machines(exactly(3))
			first := h.propose(call)
			next := countering(call, first, 1)
			failing.Store(true)
			if answer := h.call(next); answer.Performative != proto.Agree {
				t.Fatalf("answered %s", answer.Performative)
			}
			failing.Store(false)
			if took {
				h.restart()
			}
			second := h.propose(next)
			if held := h.status().Held.Cores; held != 3 || priceOf(second) >= priceOf(first) {
				t.Errorf("%d cores are held, for %d after %d", held, priceOf(second), priceOf(first))
			}
			h.restart()
			if again := h.propose(next); !reflect.DeepEqual(again, second) || h.status().Held.Cores != 3 {
				t.Errorf("proposes %+v after %+v, holds %d cores", again, second, h.status().Held.Cores)
			}
			refused(t, h.accept(agreementOn(first)), proto.Failure, sla.RefusedConflict)
			content[sla.Agreement](t, h.accept(agreementOn(second)))
		})
	}
}

// However a negotiation goes, with repeats of any round and restarts between, capacity is held once, a price never rises,
// a round is answered the same, and the last proposal alone can be accepted.
func TestHoweverANegotiationGoes(t *testing.T) {
	h := negotiating(t, vendor.Negotiation{Lowest: 0.5, Rounds: 3})
	rapid.Check(t, func(rt *rapid.T) {
		call := machines(exactly(2))
		asked := []descriptors.CallForProposals{call}
		answers := []proto.Message{h.call(call)}
		proposals := []sla.Proposal{content[sla.Proposal](t, answers[0])}
		for range rapid.IntRange(0, 6).Draw(rt, "steps") {
			switch step := rapid.IntRange(0, 20).Draw(rt, "step"); {
			case step == 0 && len(asked) > 1: // a first offer may be lost in a crash
				h.restart()
			case step < 7:
				at := rapid.IntRange(1, len(asked)).Draw(rt, "again") - 1
				if again := h.call(asked[at]); again.Performative != answers[at].Performative || string(again.Body) != string(answers[at].Body) {
					rt.Fatalf("round %d is answered %s %s after %s", asked[at].Round, again.Performative, again.Body, answers[at].Body)
				}
			default:
				last := proposals[len(proposals)-1]
				next := countering(call, last, rapid.Int64Range(0, priceOf(last)).Draw(rt, "price"))
				next.Round = asked[len(asked)-1].Round + 1
				answer := h.call(next)
				asked, answers = append(asked, next), append(answers, answer)
				if answer.Performative == proto.Propose {
					proposal := content[sla.Proposal](t, answer)
					if priceOf(proposal) >= priceOf(last) || priceOf(proposal)*2 < priceOf(proposals[0]) {
						rt.Fatalf("%d after %d, list price %d", priceOf(proposal), priceOf(last), priceOf(proposals[0]))
					}
					proposals = append(proposals, proposal)
				}
			}
			if held := h.status().Held.Cores; held != 2 {
				rt.Fatalf("%d cores are held", held)
			}
		}
		chosen := rapid.IntRange(1, len(proposals)).Draw(rt, "accepted") - 1
		agreement := agreementOn(proposals[chosen])
		answer := h.accept(agreement)
		if accepted := answer.Performative == proto.Inform; accepted != (chosen == len(proposals)-1) {
			rt.Fatalf("accepting proposal %d of %d is answered %s", chosen+1, len(proposals), answer.Performative)
		}
		for _, proposal := range proposals {
			content[sla.Agreement](t, h.cancel(proto.Cancellation{Proposal: proposal.ID}))
		}
		if status := h.status(); status.Held != (vendormodules.Usage{}) || status.Used != (vendormodules.Usage{}) {
			rt.Fatalf("%+v is held, %+v is used", status.Held, status.Used)
		}
	})
}
