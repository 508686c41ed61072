package deployer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// rack is a farm with a volume that no class names.
const rack = farm + `
  spare: { type: volume, size: 1GiB }
`

func (h *house) machine(verb proto.DeploymentVerb, machine string) *operation {
	return h.begin("", proto.DeploymentCommand{Verb: verb, Name: "farm", Machine: machine})
}

func (h *house) attachment(verb proto.DeploymentVerb, volume, machine, mount string) *operation {
	return h.begin("", proto.DeploymentCommand{Verb: verb, Name: "farm", Volume: volume, Machine: machine, Mount: mount})
}

func (h *house) rack(count int) *seller {
	h.t.Helper()
	h.deploy(h.agree(rack, "")).fine()
	if count > 1 {
		h.scale("farm", "web", count).fine()
	}
	h.vendors["athens"].fresh()
	return h.vendors["athens"]
}

func (s *seller) did(t *testing.T, want ...string) {
	t.Helper()
	if done := s.log(); !slices.Equal(done, want) {
		t.Errorf("it did %q, want %q", done, want)
	}
	s.fresh()
}

func TestWhatIsStoppedOnPurposeStaysStopped(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(2)
	status := h.machine(proto.DeploymentStop, "web-1").fine()
	athens.did(t, "lead front to web-2", "stop web-1")
	if status.State != descriptors.DeploymentRunning || !slices.Equal(status.Stopped, []string{"web-1"}) {
		t.Errorf("it is %s with %v stopped", status.State, status.Stopped)
	}
	h.stop()
	h.start()
	if status := h.status("farm"); status.State != descriptors.DeploymentRunning || len(status.Stopped) != 1 {
		t.Errorf("after a restart it is %s (%s) with %v stopped", status.State, status.Fault, status.Stopped)
	}
	h.scale("farm", "web", 3).fine()
	if last := athens.log(); last[len(last)-1] != "lead front to web-2 web-3" {
		t.Errorf("scaling did %v", last)
	}
	h.machine(proto.DeploymentStop, "web-1").fine()
	athens.fresh()
	if status := h.machine(proto.DeploymentStart, "web").fine(); len(status.Stopped) != 0 {
		t.Errorf("%v are stopped", status.Stopped)
	}
	athens.did(t, "start web-1", "lead front to web-1 web-2 web-3")
	h.machine(proto.DeploymentStart, "web-1").fine()
	athens.did(t)
	h.machine(proto.DeploymentStop, "web").fine()
	if done := athens.log(); done[0] != "lead front to " || len(done) != 4 {
		t.Errorf("stopping all did %v", done)
	}
	h.remove("farm").fine()
	h.expect("")
}

func TestWhatStopsByItselfIsStillAFault(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(1)
	h.forgetEvents()
	must(t, athens.Module.Stop(t.Context(), athens.resource(t, "web-1").ID))
	if event := h.awaitState(descriptors.DeploymentDegraded); !strings.Contains(event.Message, "web-1 is stopped") {
		t.Errorf("it says %q", event.Message)
	}
	if status := h.machine(proto.DeploymentStart, "web-1").fine(); status.Resources == nil {
		t.Error("nothing stands")
	}
	h.awaitState(descriptors.DeploymentRunning)
}

func TestRebootGoesOneByOneAndOutOfTheBalancer(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(2)
	h.machine(proto.DeploymentReboot, "web").fine()
	athens.did(t, "lead front to web-2", "reboot web-1", "lead front to web-1 web-2",
		"lead front to web-1", "reboot web-2", "lead front to web-1 web-2")
	athens.failing("reboot web-2")
	h.machine(proto.DeploymentReboot, "web-2").refused(sla.RefusedCapacity)
	if done := athens.log(); done[len(done)-1] != "lead front to web-1 web-2" {
		t.Errorf("what still runs is left out: %v", done)
	}
}

func TestWhatCannotBeStoppedIsTakenInAgain(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(2)
	athens.failing("stop web-2")
	h.machine(proto.DeploymentStop, "web").refused(sla.RefusedCapacity)
	if done := athens.log(); done[len(done)-1] != "lead front to web-2" {
		t.Errorf("it did %v", done)
	}
	if status := h.status("farm"); !slices.Equal(status.Stopped, []string{"web-1"}) {
		t.Errorf("%v are stopped", status.Stopped)
	}
}

func TestStopGoesOnAfterACrash(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(2)
	begun, release := athens.holding("stop web-1")
	stopping := h.machine(proto.DeploymentStop, "web")
	<-begun
	h.stop()
	release()
	h.start()
	if status := stopping.fine(); len(status.Stopped) != 2 || status.State != descriptors.DeploymentRunning {
		t.Errorf("it is %s with %v stopped", status.State, status.Stopped)
	}
}

func TestDeleteTakesAnyMachineAndLeavesItsPlaceFree(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(3)
	status := h.machine(proto.DeploymentDelete, "web-2").fine()
	h.expect("disk-1 disk-3 front spare web-1 web-3")
	if done := athens.log(); done[0] != "lead front to web-1 web-3" || status.Counts["web"] != 2 ||
		status.State != descriptors.DeploymentRunning {
		t.Errorf("it did %v and is %+v", done, status)
	}
	h.stop()
	h.start()
	h.scale("farm", "web", 1).fine()
	h.expect("disk-1 front spare web-1")
	h.scale("farm", "web", 3).fine()
	h.machine(proto.DeploymentDelete, "web-1").fine()
	h.expect("disk-2 disk-3 front spare web-2 web-3")
	athens.failing("create web-4")
	h.scale("farm", "web", 4).refused(sla.RefusedCapacity)
	h.expect("disk-2 disk-3 front spare web-2 web-3")
	athens.onAct(nil)
	h.scale("farm", "web", 4).fine()
	h.expect("disk-1 disk-2 disk-3 disk-4 front spare web-1 web-2 web-3 web-4")
	h.scale("farm", "web", 1).fine()
	refusal := h.machine(proto.DeploymentDelete, "web-1").refused(sla.RefusedPermission)
	if !strings.Contains(refusal.Message, "agreed for 1..4") || !strings.Contains(refusal.Hint, "agency scale farm web=2") {
		t.Errorf("it says %q, %q", refusal.Message, refusal.Hint)
	}
	h.machine(proto.DeploymentDelete, "web").refused(sla.RefusedBadRequest)
}

func TestDeleteThatFailsHalfwayIsClearedUpByScaling(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(3)
	athens.failing("delete disk-2")
	refusal := h.machine(proto.DeploymentDelete, "web-2").refused(sla.RefusedCapacity)
	if !strings.Contains(refusal.Message, "still standing: disk-2") || refusal.Hint != "`agency scale farm web=2` clears up" {
		t.Errorf("it says %q, %q", refusal.Message, refusal.Hint)
	}
	athens.onAct(nil)
	h.scale("farm", "web", 2).fine()
	h.expect("disk-1 disk-3 front spare web-1 web-3")
}

func TestAttachmentsHoldForWhatReplacesTheMachine(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(2)
	h.attachment(proto.DeploymentAttach, "spare", "web-2", "/mnt").fine()
	athens.did(t, "attach spare to web-2 at /mnt")
	h.attachment(proto.DeploymentAttach, "spare", "web-2", "/mnt").fine()
	refusal := h.attachment(proto.DeploymentAttach, "spare", "web-1", "/mnt").refused(sla.RefusedConflict)
	if !strings.Contains(refusal.Hint, "agency detach farm spare web-2") {
		t.Errorf("it hints at %q", refusal.Hint)
	}
	h.attachment(proto.DeploymentAttach, "spare", "web-2", "mnt").refused(sla.RefusedBadRequest)
	h.attachment(proto.DeploymentAttach, "spare", "web", "/mnt").refused(sla.RefusedBadRequest)
	if hint := h.attachment(proto.DeploymentAttach, "spair", "web-1", "/mnt").refused(sla.RefusedNotFound).Hint; !strings.Contains(hint, "spare") {
		t.Errorf("it hints at %q", hint)
	}
	h.forgetEvents()
	athens.lose(t, "web-2")
	h.awaitState(descriptors.DeploymentDegraded)
	athens.fresh()
	h.deploy(h.status("farm").Descriptor).fine()
	h.attachment(proto.DeploymentDetach, "spare", "web-1", "").refused(sla.RefusedState)
	h.attachment(proto.DeploymentDetach, "spare", "web-2", "").fine()
	if done := athens.log(); !slices.Contains(done, "detach spare from web-2") {
		t.Errorf("the replacement did not have it: %v", done)
	}
	h.attachment(proto.DeploymentDetach, "disk-1", "web-1", "").fine()
	h.attachment(proto.DeploymentAttach, "disk-1", "web-2", "/second").fine()
	h.scale("farm", "web", 1).fine()
	h.expect("disk-1 front spare web-1")
	h.attachment(proto.DeploymentAttach, "disk-1", "web-1", "/data").fine()
	h.attachment(proto.DeploymentAttach, "spare", "web-1", "/mnt").fine()
	h.remove("farm").fine()
	h.expect("")
}

func TestMachinesAreCalledByTheirNames(t *testing.T) {
	h := newHouse(t, "athens")
	h.machine(proto.DeploymentStop, "web-1").refused(sla.RefusedNotFound)
	h.rack(1)
	if hint := h.machine(proto.DeploymentStop, "wbe-1").refused(sla.RefusedNotFound).Hint; hint != "did you mean web-1?" {
		t.Errorf("it hints at %q", hint)
	}
	h.machine(proto.DeploymentStop, "front").refused(sla.RefusedNotFound)
	h.machine(proto.DeploymentStop, "").refused(sla.RefusedNotFound)
	h.machine(proto.DeploymentStop, "web-1").fine()
	if hint := h.machine(proto.DeploymentReboot, "web-1").refused(sla.RefusedState).Hint; !strings.Contains(hint, "agency start farm web-1") {
		t.Errorf("it hints at %q", hint)
	}
	if state := h.vendors["athens"].resource(t, "web-1").State; state != vendormodules.ResourceStopped {
		t.Errorf("it is %s", state)
	}
}
