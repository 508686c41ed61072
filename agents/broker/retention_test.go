package broker_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// After the retention nothing is left of what has ended, and of what has not everything.
func TestWhatEndedLongAgoIsForgotten(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, nil, nil)
	ended, given, stands := a.submit("ended"), a.submit("given-up"), a.submit("stands")
	for _, name := range []string{"ended", "stands"} {
		if attempt := decoded[proto.Attempt](t, a.do(accepting(name, 1))); attempt.State != sla.AttemptCommitted {
			t.Fatalf("attempt is %+v", attempt)
		}
	}
	gone := decoded[descriptors.Deployment](t, a.ask(proto.TopicDescriptor, "ended"))
	decoded[proto.AgreementList](t, a.do(cancelling("ended")))
	decoded[proto.Offers](t, a.do(message(proto.RejectProposal, proto.PlanChoice{Call: given.Call})))

	a.forget(23 * time.Hour)
	decoded[proto.Offers](t, a.ask(proto.TopicOffers, "ended"))
	a.forget(25 * time.Hour)
	for _, name := range []string{"ended", ended.Call, gone.ID, "given-up", given.Call} {
		refused(t, a.ask(proto.TopicOffers, name), sla.RefusedNotFound)
	}
	for _, left := range a.mentions(ended.Call, given.Call, gone.ID) {
		t.Errorf("%s is left", left)
	}
	agreements := decoded[proto.AgreementList](t, a.ask(proto.TopicAgreements, "stands")).Agreements
	if len(agreements) != 2 || agreements[0].State != sla.AgreementObserved {
		t.Errorf("agreements are %+v", agreements)
	}
	calls := decoded[proto.CallList](t, a.ask(proto.TopicCalls, "")).Calls
	if len(calls) != 1 || calls[0].Call != stands.Call {
		t.Errorf("calls are %+v", calls)
	}
	if again := a.submit("ended"); again.State != descriptors.CallOpen {
		t.Errorf("the name is not free: %+v", again)
	}
}

// forget lets the broker forget, with a retention of a day, as it will after a time, and starts it again.
func (a *agency) forget(after time.Duration) {
	a.t.Helper()
	a.stop()
	records := a.openRecords()
	offline := broker.NewOffline(broker.Options{
		Store: records, Log: zap.NewNop(), Retention: 24 * time.Hour,
		Now: func() time.Time { return time.Now().Add(after) },
	}, nil, nil)
	must(a.t, offline.Forget(context.Background()))
	must(a.t, records.Close())
	a.startBroker()
}

func (a *agency) openRecords() *store.SQLite {
	a.t.Helper()
	records, err := store.OpenSQLite(context.Background(), filepath.Join(a.directory, "broker.db"))
	must(a.t, err)
	return records
}

// mentions are the keys of the records, but for events, that have one of some ids in them.
func (a *agency) mentions(ids ...string) (keys []string) {
	a.t.Helper()
	a.stop()
	records := a.openRecords()
	entries, err := records.List(context.Background(), "")
	must(a.t, err)
	for _, entry := range entries {
		for _, id := range ids {
			if !bytes.HasPrefix([]byte(entry.Key), []byte("outbox.")) && bytes.Contains(append([]byte(entry.Key), entry.Value...), []byte(id)) {
				keys = append(keys, entry.Key)
			}
		}
	}
	must(a.t, records.Close())
	a.startBroker()
	return keys
}
