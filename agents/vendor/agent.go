package vendor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/outbox"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Options are what a vendor agent is made of. Peer, Store, Module, Vault, Log and Directory are required.
type Options struct {
	Peer   *bus.Peer
	Store  services.Store
	Module vendormodules.Module
	Vault  *services.Vault
	Log    *zap.Logger
	// Decorators round the module: other tries, limits, the circuit breaker, figures, and with Scrub the redaction of
	// what the cloud says. The zero value has their defaults.
	Decorators decorators.Options
	// Directory of the agent's own, for archives that are being uploaded to machines.
	Directory string
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// Negotiation is how far it comes down from its list prices; not at all by default.
	Negotiation Negotiation
	// OfferValidity is how long a proposal stands and its capacity is held; 5 minutes by default.
	OfferValidity time.Duration
	// ReconcileEvery is the time between comparisons of the records with the cloud's listing; 15 s by default.
	ReconcileEvery time.Duration
	// ActWithin bounds one command at the cloud, from its start until the state asked for; 10 minutes by default.
	ActWithin time.Duration
	// SweepEvery is the time between clearances of records that nobody can ask for any more; 10 minutes by default.
	SweepEvery time.Duration
}

// Agent is a vendor agent.
type Agent struct {
	Options
	name        string
	description vendormodules.Description
	abilities   vendormodules.Abilities
	goods       goods
	tables      tables
	outbox      *outbox.Outbox
	ready       chan struct{}

	// agreements serialises what changes proposals durably: acceptance, cancellation, and the batches of fresh offers.
	agreements sync.Mutex

	mutex       sync.Mutex // guards what follows
	ledger      *ledger
	resources   map[string]*resourceRecord // copied to be changed, so that a pointer tells whether one has
	commands    map[string]*commandState
	located     index // the keys of the resources, by deployment
	queues      map[string]*queue
	quarantined map[string]vendormodules.Resource
	copies      map[string]bool // the keys of those of the resources that are copies
	errands     map[string]*errand
	fault       string

	fresh    chan struct{} // offers wait to be written
	unsaved  []string
	workers  *errgroup.Group
	life     context.Context // of Run
	watcher  *watcher
	inflight chan struct{}
	// holding has a place for each request that may wait for an errand's end.
	holding chan struct{}
}

// actAtOnce bounds the commands at work at one cloud at the same time.
const actAtOnce = 64

// New makes an agent. It does no I/O.
func New(options Options) (*Agent, error) {
	if options.Peer == nil || options.Store == nil || options.Module == nil || options.Vault == nil || options.Log == nil {
		return nil, errors.New("vendor agent: peer, store, module, vault and log are required")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	setDefault(&options.OfferValidity, 5*time.Minute)
	setDefault(&options.ReconcileEvery, 15*time.Second)
	setDefault(&options.ActWithin, 10*time.Minute)
	setDefault(&options.SweepEvery, 10*time.Minute)
	options.Module = decorators.Stack(options.Module, options.Decorators)
	abilities := vendormodules.AbilitiesOf(options.Module)
	return &Agent{
		Options:     options,
		name:        options.Peer.Identity().Name,
		description: options.Module.Describe(),
		abilities:   abilities,
		goods:       newGoods(abilities.Catalogue, options.Now),
		tables:      newTables(options.Store),
		outbox:      outbox.New(options.Store, options.Peer, options.Log, options.Now),
		ready:       make(chan struct{}),
		ledger:      newLedger(),
		resources:   map[string]*resourceRecord{},
		commands:    map[string]*commandState{},
		located:     index{},
		queues:      map[string]*queue{},
		quarantined: map[string]vendormodules.Resource{},
		copies:      map[string]bool{},
		errands:     map[string]*errand{},
		fresh:       make(chan struct{}, 1),
		watcher:     newWatcher(options.Module, options.Now),
		inflight:    make(chan struct{}, actAtOnce),
		holding:     make(chan struct{}, holdAtOnce),
	}, nil
}

func setDefault(value *time.Duration, standard time.Duration) {
	if *value == 0 {
		*value = standard
	}
}

// Ready is closed when the agent answers calls.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

// Run serves until the context ends. What was under way at the cloud then is taken up again at the next start.
func (a *Agent) Run(ctx context.Context) error {
	if err := a.prepareDirectory(); err != nil {
		return fmt.Errorf("vendor %s: %w", a.name, err)
	}
	if err := a.load(ctx); err != nil {
		return fmt.Errorf("vendor %s: load records: %w", a.name, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	a.workers, a.life = group, ctx
	group.Go(func() error { return a.outbox.Run(ctx) })
	group.Go(func() error { return a.watcher.run(ctx) })
	group.Go(func() error { return a.saveOffers(ctx) })
	a.resume()
	service, err := a.Peer.Serve(ctx, a.endpoints()...)
	if err != nil {
		cancel()
		return errors.Join(fmt.Errorf("vendor %s: serve: %w", a.name, err), group.Wait())
	}
	// A cloud that does not answer now does not keep the agent from answering: what it cannot offer it refuses.
	group.Go(func() error { return a.keepReconciled(ctx) })
	group.Go(func() error { return a.keepSwept(ctx) })
	close(a.ready)
	<-ctx.Done()
	closing := service.Close()
	cancel()
	return errors.Join(closing, group.Wait())
}

// Names of the archives on their way to machines, and of what errands have left behind.
const (
	uploads = "upload-*.tar.gz"
	spools  = "errand-*"
)

// prepareDirectory makes the agent's directory and clears away what an earlier run left in it.
func (a *Agent) prepareDirectory() error {
	if err := os.MkdirAll(a.Directory, 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(a.Directory, uploads))
	spooled, failure := filepath.Glob(filepath.Join(a.Directory, spools))
	err = errors.Join(err, failure)
	for _, path := range append(left, spooled...) {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func (a *Agent) endpoints() []bus.Endpoint {
	return []bus.Endpoint{
		{
			Name: "cfp", Subject: proto.SubjectCall(a.name), Queue: a.name, Handle: a.call,
			Accepts: map[proto.Performative][]proto.Role{proto.CallForProposal: {proto.RoleBroker}},
		},
		{
			Name: "command", Subject: proto.SubjectCommand(a.name), Queue: a.name, Handle: a.command,
			Workers: 16 + holdAtOnce,
			Accepts: map[proto.Performative][]proto.Role{
				proto.AcceptProposal: {proto.RoleBroker}, proto.RejectProposal: {proto.RoleBroker},
				proto.Cancel: {proto.RoleBroker}, proto.Request: {proto.RoleDeployer, proto.RoleClient},
			},
		},
		{
			Name: "query", Subject: proto.SubjectQuery(a.name), Queue: a.name, Handle: a.query,
			Accepts: map[proto.Performative][]proto.Role{proto.QueryRef: {
				proto.RoleBroker, proto.RoleDeployer, proto.RoleMonitor, proto.RoleClient,
			}},
		},
	}
}

// command hands a message on the command subject to who understands it.
func (a *Agent) command(ctx context.Context, message proto.Message) proto.Message {
	switch {
	case message.Performative == proto.AcceptProposal:
		return a.accept(ctx, message)
	case message.Performative == proto.Cancel, message.Performative == proto.RejectProposal:
		return a.cancel(ctx, message)
	case message.Sender.Role == proto.RoleClient && !isResourceCommand(message):
		return a.credential(ctx, message)
	default:
		return a.takeResourceCommand(ctx, message)
	}
}

// isResourceCommand says whether a client's message is a command to a resource: the other ones are about credentials.
func isResourceCommand(message proto.Message) bool {
	kind, _, err := proto.ParseContentType(message.ContentType)
	return err == nil && kind == proto.Kind[proto.ResourceCommand]()
}
