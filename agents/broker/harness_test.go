package broker_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/command"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agency is a bus and a store, real ones, for a broker among scripted vendors.
type agency struct {
	t         testing.TB
	authority *bus.Authority
	server    *bus.Server
	directory string
	options   broker.Options
	client    *bus.Peer
	initiator *command.Initiator

	credentials bus.Credentials
	stop        func()
}

// startAgency starts a bus with a client on it. Options are those of the broker to be.
func startAgency(t testing.TB, options broker.Options) *agency {
	t.Helper()
	directory := t.TempDir()
	authority, err := bus.OpenAuthority(filepath.Join(directory, "authority"))
	must(t, err)
	a := &agency{t: t, authority: authority, directory: directory, options: options, stop: func() {}}
	a.credentials, err = authority.Enrol(proto.Agent(proto.RoleBroker))
	must(t, err)
	client, err := authority.Enrol(proto.Identity{Role: proto.RoleClient, Name: "ada"})
	must(t, err)
	a.server, err = bus.StartServer(t.Context(), bus.ServerOptions{Authority: authority, Directory: filepath.Join(directory, "nats")})
	must(t, err)
	t.Cleanup(func() { must(t, a.server.Close()) })
	a.client = a.connect(client)
	a.initiator, err = command.NewInitiator(t.Context(), a.client)
	must(t, err)
	t.Cleanup(a.initiator.Close)
	t.Cleanup(func() { a.stop() })
	return a
}

func (a *agency) log() *zap.Logger {
	if test, is := a.t.(*testing.T); is {
		return zaptest.NewLogger(test, zaptest.Level(zap.WarnLevel))
	}
	return zap.NewNop()
}

func (a *agency) connect(credentials bus.Credentials) *bus.Peer {
	a.t.Helper()
	register, err := a.authority.Register()
	must(a.t, err)
	credentials.Register = register
	peer, err := bus.Connect(context.Background(), bus.Options{Server: a.server, Credentials: credentials, Log: a.log()})
	must(a.t, err)
	a.t.Cleanup(func() { must(a.t, peer.Close()) })
	return peer
}

// startBroker starts the broker, or starts it again on the same store.
func (a *agency) startBroker() {
	a.t.Helper()
	a.stop()
	records, err := store.OpenSQLite(context.Background(), filepath.Join(a.directory, "broker.db"))
	must(a.t, err)
	options := a.options
	options.Peer, options.Store = a.connect(a.credentials), records
	if options.Log == nil {
		options.Log = a.log()
	}
	agent, err := broker.New(options)
	must(a.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	a.stop = sync.OnceFunc(func() {
		cancel()
		must(a.t, <-done)
		must(a.t, records.Close())
	})
	select {
	case <-agent.Ready():
	case err := <-done:
		a.t.Fatal("broker did not start: ", err)
	}
}

// enrol enrols a vendor, whose agent need not be there.
func (a *agency) enrol(name string) bus.Credentials {
	a.t.Helper()
	credentials, err := a.authority.Enrol(proto.Vendor(name))
	must(a.t, err)
	return credentials
}

// do gives the broker a command and returns its terminal answer.
func (a *agency) do(message proto.Message) proto.Message {
	a.t.Helper()
	if message.Command == "" {
		message.Command = ulid.Make().String()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	message.Receiver = proto.Agent(proto.RoleBroker)
	answer, err := a.initiator.Do(ctx, proto.SubjectBrokerCommand, message)
	must(a.t, err)
	return answer
}

// ask asks the broker a question.
func (a *agency) ask(topic proto.Topic, subject string) proto.Message {
	a.t.Helper()
	answer, err := a.client.Ask(context.Background(), proto.SubjectBrokerQuery,
		message(proto.QueryRef, proto.Question{Topic: topic, Subject: subject}))
	must(a.t, err)
	return answer
}

func (a *agency) submit(name string) proto.Offers {
	a.t.Helper()
	return decoded[proto.Offers](a.t, a.do(submission(name)))
}

func submission(name string) proto.Message {
	return message(proto.Request, proto.Submission{Name: name, Application: shop()})
}

func accepting(call string, rank int) proto.Message {
	return message(proto.AcceptProposal, proto.PlanChoice{Call: call, Rank: rank})
}

func cancelling(name string) proto.Message {
	return message(proto.Cancel, proto.Cancellation{Name: name})
}

func message[C proto.Content](performative proto.Performative, content C) proto.Message {
	result := proto.Message{Performative: performative}
	if err := proto.Encode(&result, content); err != nil {
		panic(err)
	}
	return result
}

// decoded is an answer that informs of a content.
func decoded[C proto.Content](t testing.TB, answer proto.Message) C {
	t.Helper()
	if refusal, refused := proto.AsRefusal(answer); refused {
		t.Fatalf("%s: %s: %s", answer.Performative, refusal.Code, refusal.Error())
	}
	content, err := proto.Decode[C](answer)
	must(t, err)
	return content
}

// refused is an answer that refuses for a reason.
func refused(t testing.TB, answer proto.Message, code sla.RefusalCode) sla.Refusal {
	t.Helper()
	refusal, is := proto.AsRefusal(answer)
	if !is || refusal.Code != code {
		t.Fatalf("answer is %s %+v, want refused for %s", answer.Performative, refusal, code)
	}
	return refusal
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shop is an application of two classes that can be at two vendors.
func shop() descriptors.Application {
	return descriptors.Application{
		Name: "shop",
		Resources: map[string]descriptors.Class{
			"web": {Type: descriptors.Cluster, Count: quantity.Range{Min: 2, Max: 4}, Image: "static-web"},
			"db":  {Type: descriptors.Compute, Image: "kv-store"},
		},
	}.WithDefaults()
}

func euros(micros int64) quantity.Rate {
	return quantity.Rate{PerHour: quantity.Money{Micros: micros, Currency: "EUR"}}
}

// scripted is a vendor that keeps to the table, except where its script says otherwise.
type scripted struct {
	*table
	peer *bus.Peer
	// prices of an instance by class; classes without one are refused.
	prices map[string]int64
	valid  time.Duration
	// onCall and onCommand may answer otherwise, or with the zero message not at all. They are set before use.
	onCall, onCommand func(ctx context.Context, message proto.Message, usual func() proto.Message) proto.Message

	mutex sync.Mutex
	calls int
	stop  func()
}

// startVendor enrols a vendor and starts it.
func (a *agency) startVendor(name string, prices map[string]int64, script func(*scripted)) *scripted {
	a.t.Helper()
	vendor := &scripted{table: newTable(name, time.Now), prices: prices, valid: time.Minute}
	if script != nil {
		script(vendor)
	}
	vendor.peer = a.connect(a.enrol(name))
	vendor.start(a.t)
	return vendor
}

func (v *scripted) start(t testing.TB) {
	t.Helper()
	service, err := v.peer.Serve(context.Background(),
		bus.Endpoint{Name: "cfp", Subject: proto.SubjectCall(v.vendor), Handle: v.call,
			Accepts: map[proto.Performative][]proto.Role{proto.CallForProposal: {proto.RoleBroker}}},
		bus.Endpoint{Name: "command", Subject: proto.SubjectCommand(v.vendor), Handle: v.decide,
			Accepts: map[proto.Performative][]proto.Role{
				proto.AcceptProposal: {proto.RoleBroker}, proto.RejectProposal: {proto.RoleBroker}, proto.Cancel: {proto.RoleBroker},
			}},
		bus.Endpoint{Name: "query", Subject: proto.SubjectQuery(v.vendor), Handle: v.tell,
			Accepts: map[proto.Performative][]proto.Role{proto.QueryRef: proto.Roles[:]}},
	)
	must(t, err)
	v.stop = sync.OnceFunc(func() { must(t, service.Close()) })
	t.Cleanup(func() { v.stop() })
}

func (v *scripted) call(ctx context.Context, message proto.Message) proto.Message {
	v.mutex.Lock()
	v.calls++
	v.mutex.Unlock()
	usual := func() proto.Message { return v.propose(message) }
	if v.onCall != nil {
		return v.onCall(ctx, message, usual)
	}
	return usual()
}

func (v *scripted) propose(message proto.Message) proto.Message {
	call, err := proto.Decode[descriptors.CallForProposals](message)
	if err != nil {
		panic(err)
	}
	proposal := v.proposal(call)
	if len(proposal.Offers) == 0 {
		return proto.Refusing(message, proto.Refuse, sla.Refusal{Code: sla.RefusedCapacity, Message: "all is taken"})
	}
	if !call.Advisory {
		v.offer(proposal)
	}
	return answering(message, proto.Propose, proposal)
}

// proposal answers a call; the same one at every repeat.
func (v *scripted) proposal(call descriptors.CallForProposals) sla.Proposal {
	proposal := sla.Proposal{
		ID: proposalID(v.vendor, call), Call: call.ID, Round: call.Round, Vendor: v.vendor, Module: "scripted",
		Currency: call.Currency, Offers: map[string]sla.Offer{}, Refusals: map[string]sla.Refusal{},
		Held: !call.Advisory, ValidUntil: time.Now().Add(v.valid).UTC(),
	}
	v.mutex.Lock()
	prices := maps.Clone(v.prices)
	v.mutex.Unlock()
	for name := range call.Classes {
		price, priced := prices[name]
		if !priced {
			proposal.Refusals[name] = sla.Refusal{Code: sla.RefusedUnsupported, Message: "has none"}
			continue
		}
		proposal.Offers[name] = sla.Offer{
			Count: sla.Instances(call.Classes, name), Unit: euros(price), Availability: 0.9999,
			ReadyIn: quantity.Duration(time.Second), Flavor: "small",
		}
	}
	return proposal
}

// setPrice is what an instance of a class costs from now on; of 0 the vendor has none any more.
func (v *scripted) setPrice(class string, price int64) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if v.prices[class] = price; price == 0 {
		delete(v.prices, class)
	}
}

func proposalID(vendor string, call descriptors.CallForProposals) string {
	if call.Round == 1 {
		return vendor + "-" + call.ID
	}
	return fmt.Sprintf("%s-%s-%d", vendor, call.ID, call.Round)
}

func (v *scripted) decide(ctx context.Context, message proto.Message) proto.Message {
	usual := func() proto.Message { return v.command(message) }
	if v.onCommand != nil {
		return v.onCommand(ctx, message, usual)
	}
	return usual()
}

func (v *scripted) tell(_ context.Context, message proto.Message) proto.Message {
	return informing(message, proto.VendorStatus{Name: v.vendor, Present: true})
}

func (v *scripted) called() int {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return v.calls
}
