package deployer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/command"
	"github.com/cloud-agency/agency/agents/outbox"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Options are what a deployer is made of. Peer, Store and Log are required.
type Options struct {
	Peer  *bus.Peer
	Store services.Store
	Log   *zap.Logger
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

// Agent is a deployer.
type Agent struct {
	Options
	tables    tables
	outbox    *outbox.Outbox
	initiator *command.Initiator
	ready     chan struct{}

	// taking serialises the admission of operations. Of several locks held at once, this is taken first, then a
	// deployment's or an instance's writing, the agent's mutex, a deployment's mutex. Nothing is written while a mutex is
	// held.
	taking sync.Mutex

	mutex      sync.Mutex // guards what follows
	shelf      shelf
	operations map[string]*operation
	brought    map[string]*bringing

	// workers are the operations and whatever else runs as long as Run; their context is work.
	workers *errgroup.Group
	work    context.Context
}

// New makes an agent. It does no I/O.
func New(options Options) (*Agent, error) {
	if options.Peer == nil || options.Store == nil || options.Log == nil {
		return nil, errors.New("deployer: peer, store and log are required")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Agent{
		Options:    options,
		tables:     newTables(options.Store),
		outbox:     outbox.New(options.Store, options.Peer, options.Log, options.Now),
		ready:      make(chan struct{}),
		shelf:      newShelf(),
		operations: map[string]*operation{},
		brought:    map[string]*bringing{},
	}, nil
}

// Ready is closed when the agent takes commands.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

// Run serves until the context ends. Operations under way then go on at the next start.
func (a *Agent) Run(ctx context.Context) error {
	if err := a.load(ctx); err != nil {
		return fmt.Errorf("deployer: load records: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	a.workers, a.work = group, ctx
	initiator, err := command.NewInitiator(ctx, a.Peer)
	if err != nil {
		return fmt.Errorf("deployer: %w", err)
	}
	defer initiator.Close()
	a.initiator = initiator
	stop, err := a.Peer.Listen(ctx, "evt.*."+string(proto.EventResourceChanged), a.resourceChanged)
	if err != nil {
		return fmt.Errorf("deployer: listen for changes: %w", err)
	}
	defer stop()
	group.Go(func() error { return a.outbox.Run(ctx) })
	a.resume() //nolint:contextcheck // operations run under a.work, which is ctx
	service, err := a.Peer.Serve(ctx, a.endpoints()...)
	if err != nil {
		cancel()
		return errors.Join(fmt.Errorf("deployer: serve: %w", err), group.Wait())
	}
	group.Go(func() error { return a.refresh(ctx) })
	close(a.ready)
	<-ctx.Done()
	closing := service.Close()
	cancel()
	return errors.Join(closing, group.Wait())
}

func (a *Agent) endpoints() []bus.Endpoint {
	return []bus.Endpoint{
		{
			Name: "command", Subject: proto.SubjectDeployerCommand, Queue: string(proto.RoleDeployer), Handle: a.take,
			Workers: 64, // some wait for a vendor's answer
			Accepts: map[proto.Performative][]proto.Role{proto.Request: {proto.RoleClient}},
		},
		{
			Name: "query", Subject: proto.SubjectDeployerQuery, Queue: string(proto.RoleDeployer), Handle: a.query,
			Accepts: map[proto.Performative][]proto.Role{proto.QueryRef: {proto.RoleClient, proto.RoleMonitor, proto.RoleBroker}},
		},
	}
}
