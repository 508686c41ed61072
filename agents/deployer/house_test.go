package deployer_test

import (
	"context"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/command"
	"github.com/cloud-agency/agency/agents/deployer"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

func TestMain(m *testing.M) {
	// Every check is a whole life of a deployment with several restarts. -rapid.checks asks for more.
	if err := flag.Set("rapid.checks", "6"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience is when a test that waits for something has failed.
const patience = 30 * time.Second

// house is a deployer with everything round it that is real: the bus, the stores, vendors on clouds in memory, a client.
// Only the broker is scripted.
type house struct {
	t         testing.TB
	directory string
	log       *zap.Logger
	authority *bus.Authority
	server    *bus.Server

	peer     *bus.Peer // the deployer's
	client   *bus.Peer
	commands *command.Initiator
	broker   *broker
	vendors  map[string]*seller

	// wrap, if there is one, stands between the deployer and its store.
	wrap  func(services.Store) services.Store
	later time.Duration // that the deployer's clock is ahead
	leave func()

	mutex  sync.Mutex
	cancel context.CancelFunc // ends the deployer and does not wait for that
	events []proto.Event
	more   chan struct{}
}

// seller is a vendor's agent and its cloud.
type seller struct {
	*cloud
	peer  *bus.Peer
	store services.Store
	vault *services.Vault
	leave func()
}

// newHouse builds a house with vendors in it and starts them and the deployer.
func newHouse(t testing.TB, vendors ...string) *house {
	t.Helper()
	h := &house{
		t: t, directory: t.TempDir(), vendors: map[string]*seller{}, more: make(chan struct{}), log: zap.NewNop(),
		leave: func() {},
	}
	if test, is := t.(*testing.T); is {
		h.log = zaptest.NewLogger(test, zaptest.Level(zap.ErrorLevel))
	}
	var err error
	h.authority, err = bus.OpenAuthority(filepath.Join(h.directory, "authority"))
	must(t, err)
	enrolled := map[proto.Identity]bus.Credentials{}
	identities := []proto.Identity{
		proto.Agent(proto.RoleBroker), proto.Agent(proto.RoleDeployer), {Role: proto.RoleClient, Name: "ada"},
	}
	for _, name := range vendors {
		identities = append(identities, proto.Vendor(name))
	}
	for _, identity := range identities {
		enrolled[identity], err = h.authority.Enrol(identity)
		must(t, err)
	}
	h.server, err = bus.StartServer(t.Context(), bus.ServerOptions{
		Authority: h.authority, Directory: filepath.Join(h.directory, "streams"),
	})
	must(t, err)
	t.Cleanup(func() { must(t, h.server.Close()) })
	h.client = h.connect(enrolled[identities[2]])
	h.commands, err = command.NewInitiator(t.Context(), h.client)
	must(t, err)
	t.Cleanup(h.commands.Close)
	unlisten, err := h.client.Listen(t.Context(), "evt.>", func(_ proto.Message, event proto.Event) { h.heard(event) })
	must(t, err)
	t.Cleanup(unlisten)
	h.broker = startBroker(t, h.connect(enrolled[identities[0]]))
	for _, name := range vendors {
		h.openVendor(name, h.connect(enrolled[proto.Vendor(name)]))
		h.startVendor(name)
	}
	h.peer = h.connect(enrolled[identities[1]])
	h.start()
	t.Cleanup(func() { h.stop() })
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
	h.t.Cleanup(func() { must(h.t, peer.Close()) })
	return peer
}

func (h *house) openVendor(name string, peer *bus.Peer) {
	h.t.Helper()
	records, err := store.OpenSQLite(context.Background(), filepath.Join(h.directory, name+".db"))
	must(h.t, err)
	h.t.Cleanup(func() { must(h.t, records.Close()) })
	h.vendors[name] = &seller{
		cloud: newCloud(peer.Agency()), peer: peer, store: records, leave: func() {},
		vault: services.NewVault(records, services.NewKey(), time.Now),
	}
	h.t.Cleanup(func() { h.vendors[name].leave() })
}

// startVendor starts a vendor's agent, again if it was stopped.
func (h *house) startVendor(name string) {
	h.t.Helper()
	seller := h.vendors[name]
	agent, err := vendor.New(vendor.Options{
		Peer: seller.peer, Store: seller.store, Module: seller.cloud, Vault: seller.vault, Log: h.log,
		Directory: filepath.Join(h.directory, name), ReconcileEvery: 20 * time.Millisecond,
	})
	must(h.t, err)
	seller.leave, _ = run(h.t, agent.Run, agent.Ready())
}

func (h *house) stopVendor(name string) { h.vendors[name].leave() }

// start starts the deployer, on the store that it had if it was there before.
func (h *house) start() {
	h.t.Helper()
	records, err := store.OpenSQLite(context.Background(), filepath.Join(h.directory, "deployer.db"))
	must(h.t, err)
	var used services.Store = records
	if h.wrap != nil {
		used = h.wrap(records)
	}
	later := h.later
	agent, err := deployer.New(deployer.Options{
		Peer: h.peer, Store: used, Log: h.log, Now: func() time.Time { return time.Now().Add(later) },
	})
	must(h.t, err)
	leave, cancel := run(h.t, agent.Run, agent.Ready())
	h.mutex.Lock()
	h.cancel = cancel
	h.mutex.Unlock()
	h.leave = sync.OnceFunc(func() {
		leave()
		must(h.t, records.Close())
	})
}

func (h *house) stop() { h.leave() }

// run runs an agent until one of the functions it returns is called: leave waits for its end.
func run(
	t testing.TB, agent func(context.Context) error, ready <-chan struct{},
) (leave func(), cancel context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent(ctx) }()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		t.Fatal("did not start: ", err)
	}
	return sync.OnceFunc(func() {
		cancel()
		must(t, <-done)
	}), cancel
}

func (h *house) heard(event proto.Event) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.events = append(h.events, event)
	close(h.more)
	h.more = make(chan struct{})
}

// await waits for an event, also one that came before.
func (h *house) await(what string, wanted func(proto.Event) bool) proto.Event {
	h.t.Helper()
	late := time.After(patience)
	for {
		h.mutex.Lock()
		index, more := slices.IndexFunc(h.events, wanted), h.more
		var found proto.Event
		if index >= 0 {
			found = h.events[index]
		}
		h.mutex.Unlock()
		if index >= 0 {
			return found
		}
		select {
		case <-more:
		case <-late:
			h.t.Fatalf("%s did not come", what)
		}
	}
}

// eventually waits until something is so of which no event tells.
func (h *house) eventually(what string, so func() bool) {
	h.t.Helper()
	late := time.After(patience)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-look.C:
		case <-late:
			h.t.Fatalf("%s: never", what)
		}
	}
}

// awaitState waits until the deployment has told that it is in a state, since the events were forgotten last.
func (h *house) awaitState(state descriptors.DeploymentState) proto.Event {
	h.t.Helper()
	return h.await("state "+string(state), func(event proto.Event) bool {
		return event.Kind == proto.EventDeploymentChanged && event.State == state
	})
}

func (h *house) forgetEvents() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.events = nil
}

// states are those that deployments have told of, in order, each once however often it was told.
func (h *house) states() []descriptors.DeploymentState {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	var states []descriptors.DeploymentState
	seen := map[string]bool{}
	for _, event := range h.events {
		if event.Kind == proto.EventDeploymentChanged && !seen[event.ID] {
			states, seen[event.ID] = append(states, event.State), true
		}
	}
	return states
}

// operation is a command under way.
type operation struct {
	house   *house
	message proto.Message
	answer  chan proto.Message
}

// begin gives the deployer a command, under an id or a fresh one.
func (h *house) begin(id string, content proto.DeploymentCommand) *operation {
	h.t.Helper()
	if id == "" {
		id = ulid.Make().String()
	}
	message := proto.Message{
		Performative: proto.Request, Protocol: proto.RequestProtocol, Command: id,
		Receiver: proto.Agent(proto.RoleDeployer),
	}
	must(h.t, proto.Encode(&message, content))
	begun := &operation{house: h, message: message, answer: make(chan proto.Message, 1)}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		answer, err := h.commands.Do(ctx, proto.SubjectDeployerCommand, message)
		if err != nil {
			h.t.Error(err)
		}
		begun.answer <- answer
	}()
	return begun
}

// end is how the command ended; a refusal is an outcome without a deployment.
func (o *operation) end() proto.Outcome {
	o.house.t.Helper()
	answer := <-o.answer
	outcome, err := proto.Decode[proto.Outcome](answer)
	if err == nil {
		return outcome
	}
	refusal, refused := proto.AsRefusal(answer)
	if !refused {
		o.house.t.Fatalf("%s ended with %s: %v", o.message.Command, answer.Performative, err)
	}
	return proto.Outcome{Command: o.message.Command, Refusal: &refusal}
}

// fine is the outcome of a command that has to work.
func (o *operation) fine() proto.DeploymentStatus {
	o.house.t.Helper()
	outcome := o.end()
	if outcome.Refusal != nil {
		o.house.t.Fatalf("failed: %s: %v", outcome.Refusal.Code, outcome.Refusal)
	}
	return *outcome.Deployment
}

// refused is why a command did not work, which has to be for a reason of that code.
func (o *operation) refused(code sla.RefusalCode) sla.Refusal {
	o.house.t.Helper()
	outcome := o.end()
	if outcome.Refusal == nil || outcome.Refusal.Code != code {
		o.house.t.Fatalf("ended with %+v, want refusal %s", outcome.Refusal, code)
	}
	return *outcome.Refusal
}

func (h *house) deploy(descriptor descriptors.Deployment) *operation {
	return h.begin("", proto.DeploymentCommand{Verb: proto.DeploymentDeploy, Descriptor: &descriptor})
}

func (h *house) scale(name, class string, count int) *operation {
	return h.begin("", proto.DeploymentCommand{Verb: proto.DeploymentScale, Name: name, Class: class, Count: count})
}

func (h *house) remove(name string) *operation {
	return h.begin("", proto.DeploymentCommand{Verb: proto.DeploymentRemove, Name: name})
}

// status is what the deployer says of a deployment.
func (h *house) status(name string) proto.DeploymentStatus {
	h.t.Helper()
	list, err := proto.Decode[proto.DeploymentList](h.ask(name))
	must(h.t, err)
	if len(list.Deployments) != 1 {
		h.t.Fatalf("%d deployments %s", len(list.Deployments), name)
	}
	return list.Deployments[0]
}

// ask asks the deployer about a deployment, or about all.
func (h *house) ask(subject string) proto.Message {
	h.t.Helper()
	message := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol}
	must(h.t, proto.Encode(&message, proto.Question{Topic: proto.TopicDeployments, Subject: subject}))
	answer, err := h.client.Ask(context.Background(), proto.SubjectDeployerQuery, message)
	must(h.t, err)
	return answer
}

// expect compares what stands at all clouds with what should: names with spaces between.
func (h *house) expect(names string) {
	h.t.Helper()
	var standing []string
	for _, vendor := range h.vendors {
		standing = append(standing, vendor.standing(h.t)...)
	}
	slices.Sort(standing)
	if got := strings.Join(standing, " "); got != names {
		h.t.Errorf("the clouds have %q, want %q", got, names)
	}
}
