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
	"github.com/cloud-agency/agency/descriptors"
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

	mutex       sync.Mutex // guards what follows
	deployments map[string]*deployment
	operations  map[string]*operation

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
		Options:     options,
		tables:      newTables(options.Store),
		outbox:      outbox.New(options.Store, options.Peer, options.Log, options.Now),
		ready:       make(chan struct{}),
		deployments: map[string]*deployment{},
		operations:  map[string]*operation{},
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

	group, ctx := errgroup.WithContext(ctx)
	a.workers, a.work = group, ctx
	group.Go(func() error { return a.outbox.Run(ctx) })
	a.resume()
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
			Accepts: map[proto.Performative][]proto.Role{proto.Request: {proto.RoleClient}},
		},
		{
			Name: "query", Subject: proto.SubjectDeployerQuery, Queue: string(proto.RoleDeployer), Handle: a.query,
			Accepts: map[proto.Performative][]proto.Role{proto.QueryRef: {proto.RoleClient, proto.RoleMonitor, proto.RoleBroker}},
		},
	}
}

// resume takes up the operations that an earlier run did not end.
func (a *Agent) resume() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, standing := range a.deployments {
		if ended := a.operations[standing.record.Operation]; ended != nil && ended.Outcome == nil {
			a.start(standing, ended)
		}
	}
}

// standing is the deployment of that name, or id, that has not been removed. The caller holds the mutex.
func (a *Agent) standing(name string) *deployment {
	if found := a.deployments[name]; found != nil {
		return found
	}
	for _, candidate := range a.deployments {
		if candidate.record.Descriptor.Name == name && candidate.record.State != descriptors.DeploymentRemoved {
			return candidate
		}
	}
	return nil
}
