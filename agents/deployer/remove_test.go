package deployer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

func TestRemoveInterruptsWhatIsUnderWay(t *testing.T) {
	for name, begin := range map[string]func(h *house) *operation{
		"deploy": func(h *house) *operation { return h.deploy(h.agree(farm, "")) },
		"scale": func(h *house) *operation {
			h.deploy(h.agree(farm, "")).fine()
			return h.scale("farm", "web", 2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "athens")
			athens := h.vendors["athens"]
			begun, release := athens.holding(map[string]string{"deploy": "create web-1", "scale": "create web-2"}[name])
			defer release()
			interrupted := begin(h)
			<-begun
			removal := h.remove("farm")
			refusal := interrupted.refused(sla.RefusedConflict)
			if refusal.Message != "interrupted, because the deployment is being removed" {
				t.Errorf("it says %q", refusal.Message)
			}
			h.awaitState(descriptors.DeploymentRemoving)
			release() // only now does the vendor come to an end with the creation
			if status := removal.fine(); status.State != descriptors.DeploymentRemoved {
				t.Errorf("it is %s", status.State)
			}
			h.expect("")
			if h.broker.agreed() > 0 {
				t.Error("the agreement stands")
			}
		})
	}
}

func TestRemoveTwiceIsDoneOnce(t *testing.T) {
	h := newHouse(t, "athens")
	h.deploy(h.agree(farm, "")).fine()
	begun, release := h.vendors["athens"].holding("delete web-1")
	first := h.remove("farm")
	<-begun
	second := h.remove("farm")
	h.eventually("the second removal under way", func() bool { return h.status("farm").Operation == second.message.Command })
	release()
	if first.fine().State != descriptors.DeploymentRemoved || second.fine().State != descriptors.DeploymentRemoved {
		t.Error("it is not removed")
	}
	h.expect("")
	deletions := slices.DeleteFunc(h.vendors["athens"].log(), func(what string) bool { return what != "delete web-1" })
	if len(deletions) != 1 {
		t.Errorf("web-1 was deleted %d times", len(deletions))
	}
	h.remove("farm").refused(sla.RefusedNotFound)
}

func TestRemoveDeletesAllItCanAndSaysWhatIsLeft(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	h.deploy(h.webshop()).fine()
	athens.failing("delete web-2")
	refusal := h.remove("webshop").refused(sla.RefusedCapacity)
	if !strings.Contains(refusal.Message, "still standing: data, db-1, lan, web-2") ||
		refusal.Hint != "`agency remove webshop` tries again" {
		t.Errorf("it says %q and hints at %q", refusal.Message, refusal.Hint)
	}
	status := h.status("webshop")
	if status.State != descriptors.DeploymentRemoving || status.Fault != refusal.Message || status.Operation != "" {
		t.Errorf("it stands as %+v", status)
	}
	athens.onAct(nil)
	h.remove("webshop").fine()
	h.expect("")
}

func TestRemoveIsContentWithWhatIsGoneAlready(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	h.deploy(h.webshop()).fine()
	athens.lose(t, "web-1")
	athens.lose(t, "front")
	h.broker.onCancel(func(message proto.Message) (proto.Message, bool) {
		return proto.Refusing(message, proto.Failure, sla.Refusal{Code: sla.RefusedNotFound, Message: "no such deployment"}), true
	})
	h.remove("webshop").fine()
	h.expect("")
}

func TestRemoveWaitsForASilentVendorAndGoesOnAfterARestart(t *testing.T) {
	h := newHouse(t, "athens", "lisbon")
	h.deploy(h.agree(farm, "athens", "front", "lisbon")).fine()
	h.stopVendor("athens")
	removal := h.remove("farm")
	h.awaitState(descriptors.DeploymentRemoving)
	h.eventually("front gone", func() bool { return len(h.status("farm").Resources) == 2 })
	if status := h.status("farm"); status.State != descriptors.DeploymentRemoving || status.Operation == "" {
		t.Errorf("it stands as %+v", status)
	}
	h.stop()
	h.start()
	h.startVendor("athens")
	if state := removal.fine().State; state != descriptors.DeploymentRemoved {
		t.Errorf("it is %s", state)
	}
	h.expect("")
}

func TestRemoveFailsWhereAgreementsDoNotEnd(t *testing.T) {
	h := newHouse(t, "athens")
	h.deploy(h.agree(farm, "")).fine()
	h.broker.onCancel(func(message proto.Message) (proto.Message, bool) {
		return proto.Refusing(message, proto.Failure, sla.Refusal{Code: sla.RefusedState, Message: "athens: not now"}), true
	})
	refusal := h.remove("farm").refused(sla.RefusedState)
	if refusal.Message != "end the agreements of farm: athens: not now" {
		t.Errorf("it says %q", refusal.Message)
	}
	h.expect("")
	h.broker.onCancel(nil)
	h.remove("farm").fine()
}
