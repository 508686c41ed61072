package main

import (
	"testing"
	"time"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// TestClocksAreJudgedByWhatAgentsBear: what the way may have taken counts for the clock, and both directions alike.
func TestClocksAreJudgedByWhatAgentsBear(t *testing.T) {
	for _, test := range []struct {
		ahead, trip time.Duration
		want        checkState
	}{
		{0, 0, checkFine}, {scarceSkew, 0, checkFine}, {scarceSkew + 1, 0, checkWatch}, {-scarceSkew - 1, 0, checkWatch},
		{proto.ClockSkew, 0, checkWatch}, {proto.ClockSkew + 1, 0, checkWrong}, {-proto.ClockSkew - 1, 0, checkWrong},
		{scarceSkew + time.Second, 2 * time.Second, checkFine}, {-time.Hour, time.Second, checkWrong},
	} {
		c := &checkup{}
		c.judgeClock(client.Clock{Agent: "broker", Ahead: test.ahead, RoundTrip: test.trip})
		if got := c.document.Checks[0]; got.State != test.want || (got.Hint == "") != (test.want == checkFine) {
			t.Errorf("%s ahead after %s: %+v, want %s", test.ahead, test.trip, got, test.want)
		}
	}
}

func TestCredentialsThatDoNotWorkAreFaults(t *testing.T) {
	needs := map[descriptors.ResourceType][]string{descriptors.Compute: {"token", "user"}}
	check := func(state proto.CredentialState) []proto.CredentialCheck {
		return []proto.CredentialCheck{{
			Scope: services.Scope{Vendor: "berlin", Class: "web"}, State: state, Message: "wrong password", Missing: needs,
		}}
	}
	const web = "agency credentials set --vendor berlin --class web"
	for name, test := range map[string]struct {
		report proto.CredentialReport
		want   []credentialFault
	}{
		"needs none": {proto.CredentialReport{}, nil},
		"none stored": {proto.CredentialReport{Needs: needs}, []credentialFault{
			{"needs a credential and none is stored: token, user (compute)", "agency credentials set --vendor berlin"},
		}},
		"works":   {proto.CredentialReport{Needs: needs, Checks: check(proto.CredentialWorks)}, nil},
		"untried": {proto.CredentialReport{Needs: needs, Checks: check(proto.CredentialUntried)}, nil},
		"refused": {proto.CredentialReport{Needs: needs, Checks: check(proto.CredentialRefused)}, []credentialFault{
			{"the cloud does not take it: wrong password", web},
		}},
		"incomplete": {proto.CredentialReport{Needs: needs, Checks: check(proto.CredentialIncomplete)}, []credentialFault{
			{"lacks token, user (compute)", web},
		}},
	} {
		test.report.Vendor = "berlin"
		got := faultsOf(test.report)
		if len(got) != len(test.want) || len(got) == 1 && got[0] != test.want[0] {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestTheProbeAsksForWhatVendorsHave: one small thing for each image that comes first somewhere, a volume from those
// without machines, and nothing of those who say nothing.
func TestTheProbeAsksForWhatVendorsHave(t *testing.T) {
	machines := func(image string) *vendormodules.Description {
		return &vendormodules.Description{Types: []descriptors.ResourceType{descriptors.Compute}, Images: []string{image, "other"}}
	}
	probe := probeOf([]proto.VendorStatus{
		{Description: machines("debian")}, {Description: machines("debian")}, {Description: machines("alpine")}, {},
		{Description: &vendormodules.Description{Types: []descriptors.ResourceType{descriptors.Volume}}},
	})
	if len(probe.Resources) != 3 || probe.Resources["machine-1"].Image != "debian" ||
		probe.Resources["machine-2"].Image != "alpine" || probe.Resources["volume"].Type != descriptors.Volume {
		t.Errorf("asks for %+v", probe.Resources)
	}
	text, err := descriptors.EncodeBytes(probe)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := descriptors.ReadApplication("probe", text); err != nil {
		t.Errorf("no vendor could read it: %v", err)
	}
}
