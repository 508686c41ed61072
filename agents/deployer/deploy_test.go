package deployer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
)

func TestDeployMakesTheWholeApplicationRun(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	status := h.deploy(h.webshop()).fine()
	if status.State != descriptors.DeploymentRunning || len(status.Resources) != 6 || status.Operation != "" {
		t.Errorf("it ended as %+v", status)
	}
	h.expect(webshopNames)
	done := athens.log()
	for _, order := range [][2]string{
		{"lan", "db-1"}, {"data", "db-1"}, {"db-1", "web-1"}, {"db-1", "web-2"}, {"web-1", "front"}, {"web-2", "front"},
	} {
		if slices.Index(done, "create "+order[0]) > slices.Index(done, "create "+order[1]) {
			t.Errorf("%s was created before %s", order[1], order[0])
		}
	}
	if got, want := athens.printed(t, "db-1"), "in 10.0.0.0/24 on 2GiB"; strings.TrimSpace(got) != want {
		t.Errorf("db-1 was told %q, want %q", got, want)
	}
	address := ""
	for _, candidate := range athens.resource(t, "db-1").Addresses {
		if candidate.Network == athens.resource(t, "lan").ID {
			address = candidate.Address
		}
	}
	if got, want := athens.printed(t, "web-2"), "db "+address+" db-1"; strings.TrimSpace(got) != want {
		t.Errorf("web-2 was told %q, want %q", got, want)
	}
	h.awaitState(descriptors.DeploymentRunning)
	want := []descriptors.DeploymentState{
		descriptors.DeploymentPlanned, descriptors.DeploymentProvisioning, descriptors.DeploymentRunning,
	}
	if got := h.states(); !slices.Equal(got, want) {
		t.Errorf("it told of the states %v, want %v", got, want)
	}
	athens.fresh()
	h.deploy(status.Descriptor).fine()
	if done := athens.log(); len(done) > 0 {
		t.Errorf("deployed again it did %v", done)
	}
	if removed := h.remove("webshop").fine(); removed.State != descriptors.DeploymentRemoved || len(removed.Resources) > 0 {
		t.Errorf("removed it is %+v", removed)
	}
	h.expect("")
	if h.broker.agreed() > 0 {
		t.Error("its agreement still stands")
	}
}
