package deployer_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

func TestOperationsTellOfTheirEnds(t *testing.T) {
	h := newHouse(t, "athens")
	deploy := h.deploy(h.agree(farm, ""))
	deploy.fine()
	h.vendors["athens"].failing("create web-2")
	scale := h.scale("farm", "web", 2)
	scale.refused(sla.RefusedCapacity)
	for _, operation := range []*operation{deploy, scale} {
		event := h.await("command.done", func(event proto.Event) bool {
			return event.Kind == proto.EventCommandDone && event.Outcome.Command == operation.message.Command
		})
		failed := operation == scale
		if event.Name != "farm" || event.Outcome.Deployment == nil || (event.Outcome.Refusal != nil) != failed ||
			strings.Contains(event.Message, "failed") != failed {
			t.Errorf("it tells %+v", event)
		}
	}
}

func TestWhoActsOnAnEndFindsTheDeployerFree(t *testing.T) {
	h := newHouse(t, "athens")
	h.deploy(h.agree(farm, "")).fine()
	for count := range 8 {
		h.scale("farm", "web", 1+count%2).fine() // refused while the one before is at work
	}
}

func TestAStoppedMachineIsStartedAgain(t *testing.T) {
	h := newHouse(t, "athens")
	athens, descriptor := h.vendors["athens"], h.agree(farm, "")
	h.deploy(descriptor).fine()
	must(t, athens.Stop(t.Context(), athens.resource(t, "web-1").ID))
	if event := h.awaitState(descriptors.DeploymentDegraded); event.Message != "farm is degraded: web-1 is stopped" {
		t.Errorf("it tells %q", event.Message)
	}
	before := athens.resource(t, "web-1").ID
	h.deploy(descriptor).fine()
	if now := athens.resource(t, "web-1"); now.ID != before || now.State != vendormodules.ResourceRunning {
		t.Errorf("web-1 is %+v", now)
	}
}

func TestWhatBrokeWhileTheDeployerWasAwayIsNoticed(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	h.deploy(h.agree(farm, "")).fine()
	h.stop()
	athens.lose(t, "web-1")
	h.await("the loss told", func(event proto.Event) bool { return event.Kind == proto.EventResourceChanged })
	h.forgetEvents()
	h.start()
	h.awaitState(descriptors.DeploymentDegraded)
	status := h.status("farm")
	if !strings.HasPrefix(status.Fault, "web-1: ") {
		t.Errorf("it says %q", status.Fault)
	}
}

func TestRemoveDoesNotForgetWhatAVendorWithoutRecordsStillHas(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	h.deploy(h.agree(farm, "")).fine()
	h.stopVendor("athens")
	records, err := store.OpenSQLite(context.Background(), filepath.Join(h.directory, "empty.db"))
	must(t, err)
	t.Cleanup(func() { must(t, records.Close()) })
	athens.store, athens.vault = records, services.NewVault(records, services.NewKey(), time.Now)
	h.startVendor("athens")
	t.Cleanup(func() { h.stopVendor("athens") }) // before its store
	refusal := h.remove("farm").refused(sla.RefusedPermission)
	if !strings.Contains(refusal.Message, "athens still shows") ||
		!strings.Contains(refusal.Message, "still standing: disk-1, front, web-1") {
		t.Errorf("it says %q", refusal.Message)
	}
	for _, name := range []string{"front", "web-1", "disk-1"} {
		athens.lose(t, name)
	}
	// The vendor looks at its cloud from time to time, and shows what it saw last.
	h.eventually("removed", func() bool {
		outcome := h.remove("farm").end()
		return outcome.Refusal == nil
	})
	h.expect("")
}

func TestWhatEndedLongAgoIsForgotten(t *testing.T) {
	h := newHouse(t, "athens")
	gone, stays := h.agree(farm, ""), h.webshop()
	h.deploy(gone).fine()
	h.remove("farm").fine()
	h.deploy(stays).fine()
	h.stop()
	h.start()
	for _, asked := range []string{gone.ID, "farm"} {
		if state := h.status(asked).State; state != descriptors.DeploymentRemoved {
			t.Errorf("just removed it is %s", state)
		}
	}
	h.stop()
	h.later = 25 * time.Hour
	h.start()
	if refusal, refused := proto.AsRefusal(h.ask(gone.ID)); !refused || refusal.Code != sla.RefusedNotFound {
		t.Errorf("a day later it is not forgotten: %+v", refusal)
	}
	if len(h.status("webshop").Resources) != 6 {
		t.Error("what stands was forgotten too")
	}
}

func TestQuestionsThatMakeNoSense(t *testing.T) {
	h := newHouse(t)
	message := proto.Message{Performative: proto.QueryRef}
	must(t, proto.Encode(&message, proto.Question{Topic: proto.TopicOffers}))
	answer, err := h.client.Ask(t.Context(), proto.SubjectDeployerQuery, message)
	must(t, err)
	if answer.Performative != proto.NotUnderstood {
		t.Errorf("asked for offers it answers %s", answer.Performative)
	}
	list, err := proto.Decode[proto.DeploymentList](h.ask(""))
	if err != nil || len(list.Deployments) != 0 {
		t.Errorf("it lists %v, %v", list, err)
	}
}

// BenchmarkDeploySixResources measures from the command to its end, with the bus, signatures, stores and a vendor's agent
// in between. The cloud answers at once.
func BenchmarkDeploySixResources(b *testing.B) {
	h := newHouse(b, "athens")
	for b.Loop() {
		b.StopTimer()
		descriptor := h.webshop()
		b.StartTimer()
		h.deploy(descriptor).fine()
		b.StopTimer()
		h.remove("webshop").fine()
		b.StartTimer()
	}
}
