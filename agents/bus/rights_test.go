package bus_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cloud-agency/agency/proto"
)

// everybody is an agency with an agent of each role, and a second vendor and client to do harm to.
func everybody(t *testing.T) *agency {
	return startAgency(t, "broker", "deployer", "monitor", "vendor.one", "vendor.two", "client.ada", "client.bob")
}

// What each role may publish, one letter per role: broker, deployer, monitor, vendor one, client ada.
func TestWhoMayPublishWhat(t *testing.T) {
	table := []struct{ subject, may string }{
		{"vendor.one.cfp", "b"},
		{"vendor.two.cfp", "b"},
		{"vendor.one.command", "bdc"},
		{"vendor.two.command", "bdc"},
		{"vendor.two.query", "bdmc"},
		{"vendor.one.anything", ""},
		{"broker.command", "dc"},
		{"broker.query", "bdmvc"},
		{"deployer.command", "c"},
		{"deployer.query", "mc"},
		{"monitor.query", "c"},
		{"register", "b"},
		{"evt.broker.call.opened", "b"},
		{"evt.deployer.deployment.changed", "d"},
		{"evt.monitor.x.y", "m"},
		{"evt.one.resource.changed", "v"},
		{"evt.two.resource.changed", ""},
		{"evt.ada.x.y", ""},
		{"log.broker.info", "b"},
		{"log.one.info", "v"},
		{"log.two.info", ""},
		{"audit.x", "b"},
		{"_INBOX_broker.x", ""},
		{"_INBOX_one.x", ""},
		{"_INBOX_two.x", ""},
		{"_INBOX_client_ada.x", ""},
		{"$SRV.PING", "bdmc"},
		{"$SRV.INFO.vendor-two", "bdmc"},
		{"$O.one.C.x", "dv"},
		{"$O.one.M.x", "dv"},
		{"$O.two.C.x", "d"},
		{"$O.two.M.x", "d"},
		{"$O.deployer.C.x", "dc"},
		{"$O.deployer.M.x", "dc"},
		{"$JS.API.DIRECT.GET.OBJ_one", "v"},
		{"$JS.API.DIRECT.GET.OBJ_two", ""},
		{"$JS.API.DIRECT.GET.OBJ_deployer", "d"},
		{"$JS.API.DIRECT.GET.OBJ_two.$O.two.M.x", "d"},
		{"$JS.API.DIRECT.GET.OBJ_two.$O.two.C.x", ""},
		{"$JS.API.DIRECT.GET.EVENTS", ""},
		{"$JS.API.CONSUMER.CREATE.OBJ_two.x.$O.two.C.y", ""},
		{"$JS.API.CONSUMER.CREATE.OBJ_one.x.$O.one.C.y", "v"},
		{"$JS.API.CONSUMER.CREATE.EVENTS.x.evt.>", "bdmc"},
		{"$JS.API.CONSUMER.CREATE.LOGS.x.log.>", "c"},
		{"$JS.API.CONSUMER.CREATE.AUDIT.x.audit.>", ""},
		{"$JS.API.CONSUMER.MSG.NEXT.EVENTS.x", "bdmc"},
		{"$JS.API.STREAM.INFO.EVENTS", "bdmc"},
		{"$JS.API.STREAM.INFO.OBJ_two", ""},
		{"$JS.API.STREAM.NAMES", ""},
		{"$JS.API.STREAM.LIST", ""},
		{"$JS.API.STREAM.CREATE.MINE", ""},
		{"$JS.API.STREAM.UPDATE.EVENTS", ""},
		{"$JS.API.STREAM.DELETE.EVENTS", ""},
		{"$JS.API.STREAM.DELETE.OBJ_one", ""},
		{"$JS.API.STREAM.PURGE.EVENTS", ""},
		{"$JS.API.STREAM.PURGE.LOGS", ""},
		{"$JS.API.STREAM.PURGE.OBJ_one", "v"},
		{"$JS.API.STREAM.PURGE.OBJ_two", ""},
		{"$JS.API.STREAM.MSG.DELETE.EVENTS", ""},
		{"$JS.API.STREAM.MSG.GET.EVENTS", ""},
		{"$SYS.REQ.SERVER.PING", ""},
		{"anything", ""},
	}
	a := everybody(t)
	for letter, agent := range roleLetters {
		client := a.raw(t, agent)
		for _, row := range table {
			want := strings.Contains(row.may, letter)
			if got := client.mayPublish(t, row.subject); got != want {
				t.Errorf("%s may publish on %s: %v, want %v", agent, row.subject, got, want)
			}
		}
	}
}

var roleLetters = map[string]string{"b": "broker", "d": "deployer", "m": "monitor", "v": "vendor.one", "c": "client.ada"}

func TestWhoMayHearWhat(t *testing.T) {
	table := []struct{ subject, queue, may string }{
		{"broker.command", "broker", "b"},
		{"broker.query", "broker", "b"},
		{"deployer.command", "deployer", "d"},
		{"deployer.query", "deployer", "d"},
		{"monitor.query", "monitor", "m"},
		{"vendor.one.cfp", "one", "v"},
		{"vendor.one.command", "one", "v"},
		{"vendor.one.cfp", "spies", ""},
		{"vendor.one.cfp", "", ""},
		{"vendor.two.cfp", "two", ""},
		{"vendor.two.cfp", "one", ""},
		{"vendor.*.cfp", "one", ""},
		{"vendor.>", "", ""},
		{"evt.>", "", "bdmc"},
		{"evt.two.>", "", "bdmc"},
		{"log.>", "", "c"},
		{"audit.>", "", ""},
		{"register", "", "bdmvc"},
		{"_INBOX_broker.>", "", "b"},
		{"_INBOX_one.>", "", "v"},
		{"_INBOX_two.>", "", ""},
		{"_INBOX_client_ada.>", "", "c"},
		{"_INBOX_client_bob.>", "", ""},
		{"_INBOX.>", "", ""},
		{"$O.two.>", "", ""},
		{"$O.one.>", "", ""},
		{"$SRV.PING", "", "bdmv"},
		{"$SRV.PING.vendor-one", "", "v"},
		{"$SRV.PING.vendor-two", "", ""},
		{"$JS.>", "", ""},
		{"$SYS.>", "", ""},
		{">", "", ""},
	}
	a := everybody(t)
	for letter, agent := range roleLetters {
		client := a.raw(t, agent)
		for _, row := range table {
			want := strings.Contains(row.may, letter)
			if got := client.maySubscribe(t, row.subject, row.queue); got != want {
				t.Errorf("%s may hear %s in queue %q: %v, want %v", agent, row.subject, row.queue, got, want)
			}
		}
	}
}

func TestAVendorAnswersEachRequestOnceAndOnlyWhenAsked(t *testing.T) {
	a := everybody(t)
	vendor, broker := a.raw(t, "vendor.one"), a.raw(t, "broker")
	requests, err := vendor.QueueSubscribeSync("vendor.one.>", "one")
	if err != nil {
		t.Fatal(err)
	}
	answers, err := broker.SubscribeSync("_INBOX_broker.x.*")
	if err != nil {
		t.Fatal(err)
	}
	vendor.flush(t)
	broker.flush(t)
	if err := broker.PublishRequest("vendor.one.cfp", "_INBOX_broker.x.secret", nil); err != nil {
		t.Fatal(err)
	}
	request, err := requests.NextMsg(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if !vendor.mayPublish(t, request.Reply) {
		t.Error("it may not answer")
	}
	if vendor.mayPublish(t, request.Reply) {
		t.Error("it may answer twice")
	}
	if vendor.mayPublish(t, "_INBOX_broker.x.other") {
		t.Error("it may answer what it was not asked")
	}
	broker.flush(t)
	if count, _, err := answers.Pending(); err != nil || count != 1 {
		t.Errorf("%d answers arrived, %v; want 1", count, err)
	}
}

func TestNobodyCanUndoWhatStreamsHold(t *testing.T) {
	a := everybody(t)
	if err := a.connect(t, "vendor.two").Publish(t.Context(), proto.Event{Kind: proto.EventResourceChanged}); err != nil {
		t.Fatal(err)
	}
	// A rollup would replace everything said before on a subject, or in the whole stream.
	vendor := a.raw(t, "vendor.one")
	for _, scope := range []string{"all", "sub"} {
		answer, err := vendor.RequestMsg(&nats.Msg{
			Subject: "evt.one.resource.changed", Header: nats.Header{"Nats-Rollup": []string{scope}},
		}, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var acknowledgement struct{ Error *struct{ Code int } }
		if err := json.Unmarshal(answer.Data, &acknowledgement); err != nil || acknowledgement.Error == nil {
			t.Errorf("rollup %s: stream answered %s", scope, answer.Data)
		}
	}
	if got := a.stored(t, "EVENTS"); got != 1 {
		t.Errorf("%d events are stored, want 1", got)
	}
}

// stored is how many messages a stream holds.
func (a *agency) stored(t *testing.T, stream string) uint64 {
	t.Helper()
	streams, err := jetstream.New(a.raw(t, "client.ada").Conn)
	if err != nil {
		t.Fatal(err)
	}
	found, err := streams.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return found.CachedInfo().State.Msgs
}
