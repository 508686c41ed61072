package deployer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

func TestFailedDeployIsRolledBackAndCanBeTriedAgain(t *testing.T) {
	h := newHouse(t, "athens")
	athens, descriptor := h.vendors["athens"], h.webshop()
	athens.failing("create web-2")
	refusal := h.deploy(descriptor).refused(sla.RefusedCapacity)
	for _, part := range []string{
		"web-2", "no room", "What was created is rolled back", "The agreement stands; `agency remove webshop` ends it.",
	} {
		if !strings.Contains(refusal.Message, part) {
			t.Errorf("it says %q, and nothing of %q", refusal.Message, part)
		}
	}
	h.expect("")
	status := h.status("webshop")
	if status.State != descriptors.DeploymentFailed || len(status.Resources) > 0 || status.Fault != refusal.Message ||
		status.Hint != "`agency deploy webshop` tries again" || status.Price.PerHour.Micros != 0 {
		t.Errorf("it stands as %+v", status)
	}
	athens.onAct(nil)
	again := h.deploy(descriptor).fine()
	h.expect(webshopNames)
	for _, resource := range again.Resources {
		// What was never begun has no earlier generation.
		if want := map[bool]int{true: 1, false: 2}[resource.Name == "front"]; resource.Ref.Generation != want {
			t.Errorf("%s is generation %d, want %d", resource.Name, resource.Ref.Generation, want)
		}
	}
	h.remove("webshop").fine()
	h.expect("")
}

func TestWhatIsUnderWayIsSeenThroughAndNothingNewBegun(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	begun, release := athens.holding("create data")
	held := athens.interfere
	athens.onAct(func(ctx context.Context, what string) error {
		if what == "create lan" {
			<-begun
			release()
			return vendormodules.ErrQuota
		}
		return held(ctx, what)
	})
	h.deploy(h.webshop()).refused(sla.RefusedQuota)
	for _, what := range athens.log() {
		if what != "create data" && what != "delete data" {
			t.Errorf("it went on to %s", what)
		}
	}
	h.expect("")
}

func TestFailedDeployCanKeepWhatItCreated(t *testing.T) {
	h := newHouse(t, "athens")
	athens, descriptor := h.vendors["athens"], h.webshop()
	descriptor.OnFailure = descriptors.Keep
	athens.failing("create front")
	refusal := h.deploy(descriptor).refused(sla.RefusedCapacity)
	if !strings.Contains(refusal.Message, "What was created is kept: data, db-1, front, lan, web-1, web-2") {
		t.Errorf("it says %q", refusal.Message)
	}
	h.expect("data db-1 lan web-1 web-2")
	edited := descriptor
	edited.Budget = descriptor.Resources["web"].Price
	h.deploy(edited).refused(sla.RefusedConflict)
	athens.onAct(nil)
	athens.fresh()
	h.deploy(descriptor).fine()
	if done := athens.log(); len(done) != 1 || done[0] != "create front" {
		t.Errorf("tried again it did %v", done)
	}
	h.expect(webshopNames)
}

func TestRollBackThatDoesNotWorkIsSaidAndRemoveClearsUp(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	athens.failing("create front", "delete web-1")
	refusal := h.deploy(h.webshop()).refused(sla.RefusedCapacity)
	if !strings.Contains(refusal.Message, "could not be rolled back, data, db-1, lan, web-1 may still cost") {
		t.Errorf("it says %q", refusal.Message)
	}
	h.expect("data db-1 lan web-1")
	if state := h.status("webshop").State; state != descriptors.DeploymentFailed {
		t.Errorf("it is %s", state)
	}
	athens.onAct(nil)
	h.remove("webshop").fine()
	h.expect("")
}

func TestWithoutACredentialNothingIsCreated(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	athens.credentials = map[descriptors.ResourceType][]vendormodules.CredentialField{
		descriptors.Compute: {{Name: "token", Secret: true}},
	}
	h.stopVendor("athens")
	h.startVendor("athens")
	descriptor := h.agree(`{ name: solo, resources: { db: { type: compute, image: shell } } }`, "")
	refusal := h.deploy(descriptor).refused(sla.RefusedCredentials)
	want := "db at athens needs a credential (token) and none is stored. Nothing was created. " +
		"The agreement stands; `agency remove solo` ends it."
	if refusal.Message != want || !strings.HasPrefix(refusal.Hint, "agency credentials set --vendor athens --class db") {
		t.Errorf("it says %q and hints at %q", refusal.Message, refusal.Hint)
	}
	if status := h.status("solo"); status.State != descriptors.DeploymentFailed || len(status.Resources) > 0 {
		t.Errorf("it stands as %+v", status)
	}
	if done := athens.log(); len(done) > 0 {
		t.Errorf("it did %v", done)
	}
	must(t, athens.vault.Set(t.Context(), services.Scope{Vendor: "athens", Class: "db"},
		services.Credential{"token": services.NewSecret("s")}))
	h.deploy(descriptor).fine()
	h.expect("db-1")
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	athens.credentials = map[descriptors.ResourceType][]vendormodules.CredentialField{
		descriptors.Compute: {{Name: "token", Secret: true}},
	}
	h.stopVendor("athens")
	h.startVendor("athens")
	refusal := h.deploy(h.webshop()).refused(sla.RefusedCredentials)
	for _, class := range []string{"db at athens needs", "web at athens needs"} {
		if !strings.Contains(refusal.Message, class) {
			t.Errorf("it says %q, and nothing of %s", refusal.Message, class)
		}
	}
}

func TestBrokenInstancesAreReplacedWithWhatWasBuiltOnThem(t *testing.T) {
	for broken, replaced := range map[string]string{
		"web-1": "web-1", // and the balancer is led to its successor
		"db-1":  "db-1 web-1 web-2",
		"data":  "data db-1 web-1 web-2",
	} {
		t.Run(broken, func(t *testing.T) {
			h := newHouse(t, "athens")
			athens, descriptor := h.vendors["athens"], h.webshop()
			h.deploy(descriptor).fine()
			athens.lose(t, broken)
			athens.fresh()
			event := h.awaitState(descriptors.DeploymentDegraded)
			if event.Name != "webshop" || !strings.Contains(event.Message, broken) {
				t.Errorf("it tells %+v", event)
			}
			if hint := h.status("webshop").Hint; hint != "`agency deploy webshop` replaces what is broken" {
				t.Errorf("it hints at %q", hint)
			}
			status := h.deploy(descriptor).fine()
			if status.State != descriptors.DeploymentRunning {
				t.Errorf("it is %s: %s", status.State, status.Fault)
			}
			h.expect(webshopNames)
			for _, resource := range status.Resources {
				want := map[bool]int{true: 2, false: 1}[strings.Contains(" "+replaced+" ", " "+resource.Name+" ")]
				if resource.Ref.Generation != want || resource.State != vendormodules.ResourceRunning {
					t.Errorf("%s is generation %d and %s, want %d", resource.Name, resource.Ref.Generation, resource.State, want)
				}
			}
			if !slices.Contains(athens.log(), "lead front to web-1 web-2") {
				t.Error("the balancer was not led to the new machines")
			}
			h.remove("webshop").fine()
			h.expect("")
		})
	}
}

func TestAnswerLostAtTheCloudMakesNoSecondInstance(t *testing.T) {
	h := newHouse(t, "athens")
	h.vendors["athens"].account.Inject("create", memory.Fault{Err: vendormodules.ErrTransient, Done: true})
	descriptor := h.webshop()
	if outcome := h.deploy(descriptor).end(); outcome.Refusal != nil {
		h.expect("")
		h.deploy(descriptor).fine()
	}
	h.expect(webshopNames)
}

func TestDescriptorsAreCheckedAndOnlyReplacedWhereNothingStands(t *testing.T) {
	h := newHouse(t, "athens")
	descriptor := h.webshop()
	unsound := descriptor
	unsound.ID = "not.a.token"
	h.deploy(unsound).refused(sla.RefusedBadRequest)
	h.begin("", proto.DeploymentCommand{Verb: proto.DeploymentDeploy}).refused(sla.RefusedBadRequest)
	vast := descriptor
	vast.Resources = maps.Clone(descriptor.Resources)
	web := vast.Resources["web"]
	web.Count.Max = 2000
	vast.Resources["web"] = web
	if refusal := h.deploy(vast).refused(sla.RefusedBadRequest); !strings.Contains(refusal.Message, "2004 resources") {
		t.Errorf("it says %q", refusal.Message)
	}

	elsewhere := descriptor
	elsewhere.Resources = map[string]descriptors.BoundClass{}
	for class, bound := range descriptor.Resources {
		bound.Agreement = "forged"
		elsewhere.Resources[class] = bound
	}
	refusal := h.deploy(elsewhere).refused(sla.RefusedPermission)
	if !strings.Contains(refusal.Message, "Nothing was created") {
		t.Errorf("it says %q", refusal.Message)
	}
	h.deploy(descriptor).fine() // nothing stood, so this one counts from now on
	h.expect(webshopNames)
	h.deploy(elsewhere).refused(sla.RefusedConflict)
	other := h.webshop()
	if refusal := h.deploy(other).refused(sla.RefusedConflict); !strings.Contains(refusal.Hint, "agency remove webshop") {
		t.Errorf("it hints at %q", refusal.Hint)
	}
	h.remove("webshop").fine()
	h.deploy(descriptor).refused(sla.RefusedState)
	h.deploy(other).fine()
	h.remove("webshop").fine()
	h.expect("")
}

func TestReferencesFindAPublicAddressAcrossVendors(t *testing.T) {
	h := newHouse(t, "athens", "lisbon")
	descriptor := h.agree(`
name: pair
resources:
  db:  { type: compute, image: shell }
  web: { type: cluster, image: shell, count: 2 }
  all: { type: compute, image: shell, run: ["print ${db.address} ${web.addresses} ${web.name} ${front.address}:${front.port}"] }
  front: { type: load-balancer, targets: web, listen: 8080 }
`, "athens", "web", "lisbon", "front", "lisbon")
	h.deploy(descriptor).fine()
	athens, lisbon := h.vendors["athens"], h.vendors["lisbon"]
	public := func(vendor *seller, name string) string { return vendor.resource(t, name).Addresses[0].Address }
	want := fmt.Sprintf("%s %s,%s web-1 %s:8080", public(athens, "db-1"), public(lisbon, "web-1"), public(lisbon, "web-2"),
		public(lisbon, "front"))
	if got := strings.TrimSpace(athens.printed(t, "all-1")); got != want {
		t.Errorf("it was told %q, want %q", got, want)
	}
}

func TestReferenceToWhatCannotBeReachedIsRefused(t *testing.T) {
	h := newHouse(t, "athens")
	descriptor := h.agree(`
name: pair
resources:
  db:  { type: compute, image: shell }
  web: { type: compute, image: shell, run: ["print ${db.address}"] }
`, "")
	h.vendors["athens"].hidden = true
	refusal := h.deploy(descriptor).refused(sla.RefusedPlacement)
	if !strings.HasPrefix(refusal.Message, "web: resolve ${db.address}: db-1 has no address that web can reach") ||
		refusal.Hint != "put db and web on one network" {
		t.Errorf("it says %q and hints at %q", refusal.Message, refusal.Hint)
	}
	h.expect("")
}

func TestTokensAreKnownToThoseWhoReferToThem(t *testing.T) {
	h := newHouse(t, "athens")
	printed := map[string]bool{}
	for range 2 {
		descriptor := h.agree(`
name: pair
resources:
  db:  { type: compute, image: shell, run: ["print ${db.token} ${web.token}"] }
  web: { type: compute, image: shell, run: ["print ${db.token}"] }
`, "")
		h.deploy(descriptor).fine()
		own, others, _ := strings.Cut(strings.TrimSpace(h.vendors["athens"].printed(t, "db-1")), " ")
		if told := strings.TrimSpace(h.vendors["athens"].printed(t, "web-1")); told != own || own == others || len(own) < 26 {
			t.Errorf("web was told %q, db %q and %q", told, own, others)
		}
		status, err := json.Marshal(h.status("pair"))
		if err != nil || strings.Contains(string(status), own) {
			t.Errorf("the status tells of the token: %s, %v", status, err)
		}
		if printed[own] {
			t.Error("two deployments have the same token")
		}
		printed[own] = true
		h.remove("pair").fine()
	}
}
