package deployer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// farm is machines that each have a volume, behind a balancer.
const farm = `
name: farm
resources:
  disk:  { type: volume, size: 1GiB }
  web:   { type: cluster, image: shell, count: 1..4, volumes: { disk: /data } }
  front: { type: load-balancer, targets: web, listen: 8080 }
`

func TestScaleFollowsTheCountWithVolumesAndBalancers(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	h.deploy(h.agree(farm, "")).fine()
	h.expect("disk-1 front web-1")

	athens.fresh()
	status := h.scale("farm", "web", 3).fine()
	h.expect("disk-1 disk-2 disk-3 front web-1 web-2 web-3")
	if status.Counts["web"] != 3 || status.Counts["disk"] != 3 || status.State != descriptors.DeploymentRunning {
		t.Errorf("it ended as %+v", status)
	}
	done := athens.log()
	if last := done[len(done)-1]; last != "lead front to web-1 web-2 web-3" || len(done) != 5 {
		t.Errorf("scaling up it did %v", done)
	}

	athens.fresh()
	h.scale("farm", "web", 3).fine()
	if done := athens.log(); len(done) > 0 {
		t.Errorf("scaling to the same count it did %v", done)
	}

	h.scale("farm", "web", 1).fine()
	h.expect("disk-1 front web-1")
	done = athens.log()
	if done[0] != "lead front to web-1" || len(done) != 5 {
		t.Errorf("scaling down it did %v", done)
	}
	for _, number := range []string{"2", "3"} {
		if slices.Index(done, "delete web-"+number) > slices.Index(done, "delete disk-"+number) {
			t.Errorf("volume %s was deleted under its machine", number)
		}
	}
	h.scale("farm", "web", 2).fine()
	h.expect("disk-1 disk-2 front web-1 web-2")
	h.remove("farm").fine()
	h.expect("")
}

func TestScaleUpThatFailsReturnsToTheFormerCount(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	h.deploy(h.agree(farm, "")).fine()
	athens.fresh()
	athens.failing("create web-3")
	refusal := h.scale("farm", "web", 4).refused(sla.RefusedCapacity)
	if !strings.Contains(refusal.Message, "web stays at 1") {
		t.Errorf("it says %q", refusal.Message)
	}
	h.expect("disk-1 front web-1")
	status := h.status("farm")
	if status.Counts["web"] != 1 || status.Counts["disk"] != 1 || len(status.Resources) != 3 ||
		status.State != descriptors.DeploymentRunning {
		t.Errorf("it stands as %+v", status)
	}
	for _, what := range athens.log() {
		if strings.HasPrefix(what, "lead") {
			t.Errorf("the balancer was disturbed: %s", what)
		}
	}
	athens.onAct(nil)
	h.scale("farm", "web", 4).fine()
	h.expect("disk-1 disk-2 disk-3 disk-4 front web-1 web-2 web-3 web-4")
}

func TestScaleDownThatFailsSaysWhatStandsAndCanBeTriedAgain(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	h.deploy(h.agree(farm, "")).fine()
	h.scale("farm", "web", 3).fine()
	athens.failing("delete web-2")
	refusal := h.scale("farm", "web", 1).refused(sla.RefusedCapacity)
	if !strings.Contains(refusal.Message, "still standing: disk-2, disk-3, web-2") ||
		refusal.Hint != "`agency scale farm web=1` tries again" {
		t.Errorf("it says %q and hints at %q", refusal.Message, refusal.Hint)
	}
	athens.onAct(nil)
	h.scale("farm", "web", 1).fine()
	h.expect("disk-1 front web-1")
}

func TestScaleIsRefusedWhereItMakesNoSense(t *testing.T) {
	h := newHouse(t, "athens")
	h.scale("farm", "web", 2).refused(sla.RefusedNotFound)
	h.deploy(h.agree(farm, "")).fine()
	if refusal := h.scale("farm", "wbe", 2).refused(sla.RefusedNotFound); refusal.Hint != "it has web" {
		t.Errorf("it hints at %q", refusal.Hint)
	}
	h.scale("farm", "front", 2).refused(sla.RefusedNotFound)
	refusal := h.scale("farm", "web", 5).refused(sla.RefusedPermission)
	if !strings.Contains(refusal.Message, "agreed for 1..4, not 5") {
		t.Errorf("it says %q", refusal.Message)
	}
	begun, release := h.vendors["athens"].holding("create web-2")
	first := h.scale("farm", "web", 2)
	<-begun
	refusal = h.scale("farm", "web", 3).refused(sla.RefusedConflict)
	if !strings.Contains(refusal.Hint, first.message.Command) || h.status("farm").Operation != first.message.Command {
		t.Errorf("it hints at %q, and %s is under way", refusal.Hint, h.status("farm").Operation)
	}
	release()
	first.fine()
	h.begin(first.message.Command, proto.DeploymentCommand{
		Verb: proto.DeploymentScale, Name: "farm", Class: "web", Count: 4,
	}).refused(sla.RefusedConflict)
	h.remove("farm").fine()
}
