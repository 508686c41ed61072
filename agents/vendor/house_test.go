package vendor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/command"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// TestMain lets the test's own program be the agency's, whose keepers and images the machines of the testbed run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "keeper":
			syscall.Exit(ptc.Keeper(os.Args[2:]))
		case "image":
			syscall.Exit(ptc.Image(os.Args[2:]))
		}
	}
	goleak.VerifyTestMain(m)
}

const (
	vendorName = "athens"
	patience   = 30 * time.Second
)

// house is a vendor agent with everything round it that is real: the bus, the store, those who ask.
type house struct {
	t         testing.TB
	directory string
	authority *bus.Authority
	server    *bus.Server
	module    vendormodules.Module
	cloud     *cloud // the module, unless a test has another
	open      func(agency string) vendormodules.Module
	options   vendor.Options
	log       *zap.Logger
	offset    atomic.Int64 // of the agent's clock

	broker, deployer, client *bus.Peer
	commands                 *command.Initiator
	credentials              bus.Credentials
	key                      services.Key

	store services.Store
	agent *vendor.Agent
	end   context.CancelFunc
	stop  func()

	mutex  sync.Mutex
	events []proto.Event
}

// newHouse builds a house and starts the agent in it. Prepare may change it before.
func newHouse(t testing.TB, prepare func(*house)) *house {
	t.Helper()
	h := &house{t: t, directory: t.TempDir(), cloud: newCloud(), key: services.NewKey(), stop: func() {}}
	h.log = zap.NewNop()
	h.log = zap.NewNop()
	if test, is := t.(*testing.T); is {
		h.log = zaptest.NewLogger(test, zaptest.Level(zap.ErrorLevel))
	}
	h.module = h.cloud
	h.options = vendor.Options{ReconcileEvery: time.Hour}
	if prepare != nil {
		prepare(h)
	}
	var err error
	h.authority, err = bus.OpenAuthority(filepath.Join(h.directory, "authority"))
	must(t, err)
	enrolled := map[string]bus.Credentials{}
	for _, name := range []string{"broker", "deployer", "client.ada", "vendor." + vendorName} {
		identity, err := proto.ParseIdentity(name)
		must(t, err)
		enrolled[name], err = h.authority.Enrol(identity)
		must(t, err)
	}
	h.server, err = bus.StartServer(t.Context(), bus.ServerOptions{
		Authority: h.authority, Directory: filepath.Join(h.directory, "streams"),
	})
	must(t, err)
	t.Cleanup(func() { must(t, h.server.Close()) })
	h.credentials = enrolled["vendor."+vendorName]
	h.broker, h.deployer, h.client = h.connect(enrolled["broker"]), h.connect(enrolled["deployer"]), h.connect(enrolled["client.ada"])
	for _, peer := range []*bus.Peer{h.broker, h.deployer, h.client} {
		t.Cleanup(func() { must(t, peer.Close()) })
	}
	h.commands, err = command.NewInitiator(t.Context(), h.deployer)
	must(t, err)
	t.Cleanup(h.commands.Close)
	unlisten, err := h.client.Listen(t.Context(), "evt."+vendorName+".>", func(_ proto.Message, event proto.Event) {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		h.events = append(h.events, event)
	})
	must(t, err)
	t.Cleanup(unlisten)
	t.Cleanup(func() { h.stop() })
	h.start()
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) connect(credentials bus.Credentials) *bus.Peer {
	h.t.Helper()
	register, err := h.authority.Register()
	must(h.t, err)
	credentials.Register = register
	peer, err := bus.Connect(context.Background(), bus.Options{Server: h.server, Credentials: credentials, Log: h.log})
	must(h.t, err)
	return peer
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.offset.Load())) }

// later moves the agent's clock on.
func (h *house) later(by time.Duration) { h.offset.Add(int64(by)) }

// start starts the agent on the house's store and waits until it serves.
func (h *house) start() {
	h.t.Helper()
	records, err := store.OpenSQLite(context.Background(), filepath.Join(h.directory, "records", "vendor.db"))
	must(h.t, err)
	peer := h.connect(h.credentials)
	if h.open != nil {
		h.module = h.open(peer.Agency())
	}
	module := h.module
	options := h.options
	options.Peer, options.Module, options.Log, options.Now = peer, h.module, h.log, h.now
	options.Vault, options.Directory = services.NewVault(records, h.key, h.now), filepath.Join(h.directory, "work")
	if options.Store == nil {
		options.Store = records
	}
	if flaky, is := options.Store.(*flakyStore); is {
		flaky.Store = records
	}
	h.store = records
	h.agent, err = vendor.New(options)
	must(h.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.agent.Run(ctx) }()
	h.end = cancel
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, module.Close(), peer.Close(), records.Close()); err != nil {
			h.t.Error(err)
		}
	})
	select {
	case <-h.agent.Ready():
	case err := <-done:
		done <- nil
		h.t.Fatal("the agent did not start: ", err)
	}
}

// restart stops the agent and starts it on what it left.
func (h *house) restart() {
	h.t.Helper()
	h.stop()
	h.start()
}

// flakyStore fails commits when told so, after they took hold or instead.
type flakyStore struct {
	services.Store
	fail func() (commit bool, err error)
}

// Commit implements services.Store.
func (s *flakyStore) Commit(ctx context.Context, changes ...services.Change) error {
	commit, err := s.fail()
	if commit {
		err = errors.Join(s.Store.Commit(ctx, changes...), err)
	}
	return err
}

// message is one to the vendor.
func message[C proto.Content](t testing.TB, performative proto.Performative, id string, content C) proto.Message {
	t.Helper()
	made := proto.Message{
		Performative: performative, Protocol: proto.RequestProtocol, Receiver: proto.Vendor(vendorName), Command: id,
	}
	must(t, proto.Encode(&made, content))
	return made
}

func (h *house) ask(peer *bus.Peer, subject string, question proto.Message) proto.Message {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := peer.Ask(ctx, subject, question)
	must(h.t, err)
	return answer
}

// content is what an answer that informs or proposes holds.
func content[C proto.Content](t testing.TB, answer proto.Message) C {
	t.Helper()
	if refusal, refused := proto.AsRefusal(answer); refused {
		t.Fatalf("answered %s: %s: %s", answer.Performative, refusal.Code, refusal.Error())
	}
	value, err := proto.Decode[C](answer)
	must(t, err)
	return value
}

// refused is why an answer is the one of a refusal.
func refused(t testing.TB, answer proto.Message, performative proto.Performative, code sla.RefusalCode) sla.Refusal {
	t.Helper()
	refusal, is := proto.AsRefusal(answer)
	if !is || answer.Performative != performative || refusal.Code != code {
		t.Fatalf("answered %s %s %q, want %s %s", answer.Performative, refusal.Code, refusal.Error(), performative, code)
	}
	return refusal
}

// machines is a call for count machines of one core.
func machines(count quantity.Range) descriptors.CallForProposals {
	return callFor(map[string]descriptors.Class{"web": machine(count)})
}

func machine(count quantity.Range) descriptors.Class {
	return descriptors.Class{Type: descriptors.Compute, Image: "shell", Cores: 1, Count: count}
}

func exactly(count int) quantity.Range { return quantity.Range{Min: count, Max: count} }

func callFor(classes map[string]descriptors.Class) descriptors.CallForProposals {
	return descriptors.CallForProposals{
		ID: ulid.Make().String(), Round: 1, Currency: "EUR", ReplyBy: time.Now().Add(time.Minute).UTC(), Classes: classes,
	}
}

func (h *house) call(call descriptors.CallForProposals) proto.Message {
	h.t.Helper()
	return h.ask(h.broker, proto.SubjectCall(vendorName), message(h.t, proto.CallForProposal, "", call))
}

func (h *house) propose(call descriptors.CallForProposals) sla.Proposal {
	h.t.Helper()
	return content[sla.Proposal](h.t, h.call(call))
}

func agreementOn(proposal sla.Proposal) sla.Agreement {
	return sla.Agreement{
		ID: ulid.Make().String(), Call: proposal.Call, Proposal: proposal.ID, Vendor: vendorName,
		Deployment: ulid.Make().String(), Classes: proposal.Offers, State: sla.AgreementPending,
	}
}

func (h *house) accept(agreement sla.Agreement) proto.Message {
	h.t.Helper()
	return h.ask(h.broker, proto.SubjectCommand(vendorName),
		message(h.t, proto.AcceptProposal, agreement.ID+"-accept", proto.Acceptance{Agreement: agreement}))
}

func (h *house) cancel(cancellation proto.Cancellation) proto.Message {
	h.t.Helper()
	return h.ask(h.broker, proto.SubjectCommand(vendorName),
		message(h.t, proto.Cancel, ulid.Make().String(), cancellation))
}

// agree has an agreement observed on the classes.
func (h *house) agree(classes map[string]descriptors.Class) sla.Agreement {
	h.t.Helper()
	return content[sla.Agreement](h.t, h.accept(agreementOn(h.propose(callFor(classes)))))
}

func (h *house) status() proto.VendorStatus {
	h.t.Helper()
	return content[proto.VendorStatus](h.t, h.question(proto.TopicVendor, ""))
}

func (h *house) list() []proto.ResourceStatus {
	h.t.Helper()
	return content[proto.ResourceList](h.t, h.question(proto.TopicResources, "")).Resources
}

func (h *house) question(topic proto.Topic, subject string) proto.Message {
	h.t.Helper()
	return h.ask(h.client, proto.SubjectQuery(vendorName),
		message(h.t, proto.QueryRef, "", proto.Question{Topic: topic, Subject: subject}))
}

// told waits for an event.
func (h *house) told(what string, is func(proto.Event) bool) proto.Event {
	h.t.Helper()
	var found proto.Event
	h.eventually("told "+what, func() error {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		at := slices.IndexFunc(h.events, is)
		if at < 0 {
			return fmt.Errorf("there are %d other events", len(h.events))
		}
		found = h.events[at]
		return nil
	})
	return found
}

func (h *house) eventually(what string, check func() error) {
	h.t.Helper()
	vendortest.Eventually(h.t, patience, what, check)
}

// sealTo seals to a vendor's key as clients do.
func sealTo(key string, plain []byte) ([]byte, error) { return bus.SealTo(key, plain) }
