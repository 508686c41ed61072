package monitor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Options are what a monitor is made of. Peer and Log are required.
type Options struct {
	Peer *bus.Peer
	// Store is where what must outlive the agent is kept; it keeps nothing yet.
	Store services.Store
	Log   *zap.Logger
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// Every is the time between two readings; 5 s by default.
	Every time.Duration
	// Ticks begins a reading with each tick; by default a ticker of that length.
	Ticks <-chan time.Time
	// Keep is how many readings of each resource are kept; 12 by default.
	Keep int
}

// Agent is a monitor.
type Agent struct {
	Options
	ready chan struct{}
	board *board
}

// New makes an agent. It does no I/O.
func New(options Options) (*Agent, error) {
	if options.Peer == nil || options.Log == nil {
		return nil, errors.New("monitor: peer and log are required")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Every == 0 {
		options.Every = 5 * time.Second
	}
	if options.Keep == 0 {
		options.Keep = 12
	}
	return &Agent{Options: options, ready: make(chan struct{}), board: newBoard(options.Keep)}, nil
}

// Ready is closed when the agent answers questions.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

// Run reads and answers until the context ends.
func (a *Agent) Run(ctx context.Context) error {
	stop, err := a.Peer.Listen(ctx, "evt.*."+string(proto.EventDeploymentChanged), a.changed)
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	defer stop()
	service, err := a.Peer.Serve(ctx, bus.Endpoint{
		Name: "query", Subject: proto.SubjectMonitorQuery, Queue: string(proto.RoleMonitor), Handle: a.query,
		Accepts: map[proto.Performative][]proto.Role{
			proto.QueryRef: {proto.RoleClient, proto.RoleBroker, proto.RoleDeployer},
		},
	})
	if err != nil {
		return fmt.Errorf("monitor: serve: %w", err)
	}
	close(a.ready)
	a.readAlways(ctx)
	return service.Close()
}

// query answers with the last readings, of one deployment by its id or name, or of all.
func (a *Agent) query(_ context.Context, message proto.Message) proto.Message {
	question, err := proto.Decode[proto.Question](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	if question.Topic != proto.TopicSamples {
		return proto.Misunderstood(message, fmt.Errorf("a monitor is asked about samples, not %q", question.Topic))
	}
	list := proto.SampleList{Silent: a.board.silentVendors()}
	samples := a.board.all
	if question.Subject != "" {
		samples = func() []proto.Sample { return a.board.of(question.Subject) }
	}
	if list.Samples, list.Next, err = proto.Fill(question.Page, placeOf, proto.Rest(question.Page, placeOf, samples())); err != nil {
		return proto.Refusing(message, proto.Failure, sla.Refusal{Code: sla.RefusedInternal, Message: err.Error()})
	}
	return proto.Answer(message, proto.Inform, list)
}
