package client_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// TestClocksAreCompared: an agent's clock is seen to be ahead by how much the one here was turned back.
func TestClocksAreCompared(t *testing.T) {
	a := newAgency(t, "broker", "vendor.athens")
	a.answers("broker", proto.SubjectBrokerQuery, func(message proto.Message) proto.Message {
		return proto.Answer(message, proto.Inform, proto.CallList{})
	})
	a.answers("vendor.athens", proto.SubjectQuery("athens"), func(message proto.Message) proto.Message {
		return proto.Answer(message, proto.Inform, proto.VendorStatus{Name: "athens", Clock: time.Now().Add(time.Hour)})
	})
	slow := func() time.Time { return time.Now().Add(-time.Minute) }
	for agent, want := range map[proto.Identity]time.Duration{
		proto.Agent(proto.RoleBroker): time.Minute, proto.Vendor("athens"): time.Hour + time.Minute,
	} {
		clock, err := a.client.Clock(t.Context(), agent, slow)
		if err != nil {
			t.Fatal(err)
		}
		if off := (clock.Ahead - want).Abs(); off > clock.RoundTrip {
			t.Errorf("%s is ahead by %s, want %s within %s", agent, clock.Ahead, want, clock.RoundTrip)
		}
	}
	_, err := a.client.Clock(t.Context(), proto.Agent(proto.RoleMonitor), slow)
	wantError(t, err, client.Unreachable)
}

func TestLogsAreReadAsTheyWereWritten(t *testing.T) {
	a := newAgency(t, "vendor.athens")
	a.peers["vendor.athens"].Log("warn", []byte(`{"time":"2026-11-21T09:00:00Z","level":"warn","message":"late","fields":{"by":"2s"}}`))
	a.peers["vendor.athens"].Log("info", []byte("no JSON at all"))
	var got []client.LogEntry
	errEnough := &client.Error{Message: "enough"}
	err := a.client.Logs(t.Context(), client.LogWatching{Source: "athens", Follow: true}, func(entry client.LogEntry) error {
		if got = append(got, entry); len(got) == 2 {
			return errEnough
		}
		return nil
	})
	if err != errEnough {
		t.Fatal(err)
	}
	if got[0].Message != "late" || got[0].Level != "warn" || got[0].Source != "athens" || string(got[0].Fields) != `{"by":"2s"}` {
		t.Errorf("read %+v", got[0])
	}
	if got[1].Message != "no JSON at all" || got[1].Level != "info" || got[1].Time.IsZero() {
		t.Errorf("read %+v", got[1])
	}
}

func TestAVendorThatDoesNotTryCredentials(t *testing.T) {
	a := newAgency(t, "vendor.athens")
	a.answers("vendor.athens", proto.SubjectQuery("athens"), func(message proto.Message) proto.Message {
		asked, err := proto.Decode[proto.Question](message)
		if err != nil || asked.Topic != proto.TopicVendor {
			return proto.Misunderstood(message, errors.New("asked about something else"))
		}
		stored := []services.Scope{{Class: "web"}}
		return proto.Answer(message, proto.Inform, proto.VendorStatus{Name: "athens", Credentials: stored})
	})
	report, err := a.client.CheckCredentials(t.Context(), "athens")
	if err != nil {
		t.Fatal(err)
	}
	want := services.Scope{Vendor: "athens", Class: "web"}
	if len(report.Checks) != 1 || report.Checks[0].State != proto.CredentialUntried || report.Checks[0].Scope != want {
		t.Errorf("reported %+v", report)
	}
}
