package vendor_test

import (
	"context"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// elastic is a cloud that gives what exists another size.
type elastic struct{ *cloud }

// Resize implements vendormodules.Resizer.
func (e elastic) Resize(ctx context.Context, id string, _ descriptors.Class) error {
	return e.call(ctx, "resize", id, func() error {
		_, err := e.find(id)
		return err
	})
}

// cores is a call for one machine of so many cores, of a deployment that stands or is to be.
func cores(count int, deployment string) descriptors.CallForProposals {
	large := machine(exactly(1))
	large.Cores = count
	call := callFor(map[string]descriptors.Class{"web": large})
	call.Deployment = deployment
	return call
}

// agreedAgain is an agreement on what another is about, of the same deployment.
func (h *house) agreedAgain(former sla.Agreement, count int) sla.Agreement {
	h.t.Helper()
	next := agreementOn(h.propose(cores(count, former.Deployment)))
	next.Deployment = former.Deployment
	return content[sla.Agreement](h.t, h.accept(next))
}

// uses compares what is taken of the capacity with what should be, now and after a restart.
func (h *house) uses(when string, held, used int) {
	h.t.Helper()
	for _, then := range []string{"", ", after a restart"} {
		if status := h.status(); status.Held.Cores != held || status.Used.Cores != used {
			h.t.Errorf("%s%s: %d cores held and %d used, want %d and %d", when, then, status.Held.Cores, status.Used.Cores, held, used)
		}
		if held == 0 { // what is only offered may be lost
			h.restart()
		}
	}
}

// TestAnAgreementInTheOthersPlaceTakesWhatIsMoreOfIt: who changes a deployment needs no room for both.
func TestAnAgreementInTheOthersPlaceTakesWhatIsMoreOfIt(t *testing.T) {
	h := newHouse(t, func(h *house) { h.module = elastic{h.cloud} })
	first := agreementOn(h.propose(cores(3, "")))
	first = content[sla.Agreement](t, h.accept(first))
	h.done(orderFor(first, proto.VerbCreate, "web", 1))
	refused(t, h.call(cores(4, "")), proto.Refuse, sla.RefusedCapacity)
	refused(t, h.call(cores(4, "another")), proto.Refuse, sla.RefusedCapacity)
	offered := h.propose(cores(4, first.Deployment))
	if !offered.Offers["web"].Resizes {
		t.Errorf("offered %+v of a cloud that resizes", offered.Offers["web"])
	}
	h.uses("offered", 1, 3)
	content[sla.Agreement](t, h.cancel(proto.Cancellation{Proposal: offered.ID}))
	second := h.agreedAgain(first, 4)
	h.uses("agreed", 0, 4)

	resize := orderFor(second, proto.VerbResize, "web", 2)
	large := machine(exactly(1))
	large.Cores = 4
	resize.Class = &large
	if status := h.done(resize); status.Agreement != second.ID || status.State != vendormodules.ResourceRunning {
		t.Errorf("resized it is %+v", status)
	}
	h.uses("resized", 0, 4)
	refused(t, h.release(second, "web"), proto.Failure, sla.RefusedState)
	content[sla.Agreement](t, h.release(first, "web"))
	h.uses("let go of the first", 0, 4)
	refused(t, h.do(orderFor(first, proto.VerbRebind, "web", 3)), proto.Refuse, sla.RefusedState)

	h.done(orderFor(second, proto.VerbDelete, "web", 4))
	content[sla.Agreement](t, h.release(second))
	h.uses("let go of both", 0, 0)
}

// TestARebindLeavesTheResourceAsItIs: another agreement is in force for it, at another price, and the cloud hears nothing.
func TestARebindLeavesTheResourceAsItIs(t *testing.T) {
	h := newHouse(t, func(h *house) { h.module = bare{h.cloud} })
	first := content[sla.Agreement](t, h.accept(agreementOn(h.propose(cores(2, "")))))
	before := h.done(orderFor(first, proto.VerbCreate, "web", 1))
	second := h.agreedAgain(first, 2)
	h.uses("agreed", 0, 2)
	resize := orderFor(second, proto.VerbResize, "web", 2)
	large := machine(exactly(1))
	resize.Class = &large
	refused(t, h.do(resize), proto.Failure, sla.RefusedUnsupported)
	rebind := orderFor(second, proto.VerbRebind, "web", 3)
	after := h.done(rebind)
	if after.Agreement != second.ID || after.ID != before.ID || after.State != before.State {
		t.Errorf("%+v became %+v", before, after)
	}
	if again := content[proto.Outcome](t, h.tell(rebind)); again.Resource.Agreement != second.ID {
		t.Errorf("the repeat was answered %+v", again.Resource)
	}
	h.restart()
	if listed := h.list(); len(listed) != 1 || listed[0].Agreement != second.ID {
		t.Errorf("after a restart there are %+v", listed)
	}
	content[sla.Agreement](t, h.release(first, "web"))
	h.uses("let go of the first", 0, 2)
	if h.cloud.called("create") != 1 || h.cloud.called("delete") != 0 {
		t.Errorf("created %d times, deleted %d", h.cloud.called("create"), h.cloud.called("delete"))
	}
}
