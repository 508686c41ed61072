package broker

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Calls of long ago stay as long as a deployment that stands is, or before its last change was, agreed on by them, or was
// called to be changed by them last. Those of changes before that go.
func TestWhatADeploymentRefersToIsKept(t *testing.T) {
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	records, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	agent := newAgent(Options{Store: records, Log: zap.NewNop(), Now: func() time.Time { return old.AddDate(1, 0, 0) }}, nil)
	books := agent.books
	call := func(id, base, change string, taken, stands bool) []services.Change {
		record := standing{
			CallSummary: proto.CallSummary{Call: id, Name: "shop", State: descriptors.CallClosed, Opened: old},
			Until:       old, Base: base, Change: change, Stands: stands,
		}
		if taken {
			record.Deployment = "d"
		}
		offers := proto.Offers{Call: id}
		return []services.Change{books.standings.Put(id, record, 0), books.calls.Put(id, callRecord{Offers: offers}, 0)}
	}
	changes := slices.Concat(
		call("first", "", "second", true, false), call("second", "first", "third", true, false),
		call("third", "second", "untaken", true, true), call("untaken", "third", "", false, false),
		[]services.Change{
			books.names.Put("shop", nameRecord{"third"}, 0),
			books.deployments.Put("d", descriptors.Deployment{ID: "d", Call: "third", Currency: "EUR"}, 0),
			books.formers.Put("d", descriptors.Deployment{ID: "d", Call: "second", Currency: "EUR"}, 0),
			books.agreements.Put("d.a", sla.Agreement{ID: "a", Deployment: "d", State: sla.AgreementObserved}, 0),
		},
	)
	if err := records.Commit(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
	left := func() (ids []string) {
		t.Helper()
		if err := agent.forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		entries, err := records.List(t.Context(), books.standings.Prefix())
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			ids = append(ids, entry.Key[len(books.standings.Prefix()):])
		}
		return ids
	}
	if got := left(); !slices.Equal(got, []string{"second", "third", "untaken"}) {
		t.Errorf("of a deployment that stands the calls %v are left", got)
	}
	// An agreement that is being ended still holds what it is about.
	third, err := load(t.Context(), books.standings, "third")
	if err != nil {
		t.Fatal(err)
	}
	third.record.Stands = false
	if err := records.Commit(t.Context(), books.standings.Put("third", third.record, third.revision)); err != nil {
		t.Fatal(err)
	}
	if got := left(); !slices.Contains(got, "third") {
		t.Errorf("of a deployment with an agreement in force %v are left", got)
	}
	ended := sla.Agreement{ID: "a", Deployment: "d", State: sla.AgreementTerminated, Ended: old}
	if err := records.Commit(t.Context(), books.agreements.Overwrite("d.a", ended)); err != nil {
		t.Fatal(err)
	}
	left() // the last call, which lets go of the others
	if got := left(); len(got) > 0 {
		t.Errorf("of a deployment that ended %v are left", got)
	}
	entries, err := records.List(t.Context(), "")
	if err != nil || len(entries) > 0 {
		t.Errorf("%d records are left, %v", len(entries), err)
	}
}
