package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/command"
	"github.com/cloud-agency/agency/agents/outbox"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Options are what a broker is made of. Peer, Store and Log are required.
type Options struct {
	Peer  *bus.Peer
	Store services.Store
	Log   *zap.Logger
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// ReplyWithin is how long vendors have for their proposals; 5 s by default. It is a backstop: an answer of every
	// vendor, or its absence, ends the wait.
	ReplyWithin time.Duration
	// Reask is after how long a silent vendor is called again; 250 ms by default.
	Reask time.Duration
	// DecideWithin bounds how long vendors have to confirm an acceptance, however long their proposals stand; 30 s by
	// default.
	DecideWithin time.Duration
	// ClockSkew is how much earlier than the vendors' clocks say a proposal counts as run out; 2 s by default.
	ClockSkew time.Duration
	// AnswerWithin is how long a command may take before it is agreed to and its end is left to be asked for; 8 s by
	// default.
	AnswerWithin time.Duration
	// SilentPolicy is how long vendors that stay silent are asked to cancel before a person may abandon them; 1 minute
	// by default.
	SilentPolicy time.Duration
	// RoundLimit is the last round of negotiation with one vendor about one call; 10 by default. The first is its proposal.
	RoundLimit int
	// Retention is how long calls, agreements and deployments are kept after their ends; 30 days by default.
	Retention time.Duration
	// PlanLimit is the most plans that are offered; 5 by default.
	PlanLimit int
}

// commander carries a command to its end, as command.Initiator does.
type commander interface {
	Do(ctx context.Context, subject string, message proto.Message) (proto.Message, error)
}

// Agent is the broker.
type Agent struct {
	Options
	books    books
	outbox   *outbox.Outbox
	commands commander
	works    *works
	ready    chan struct{}
	// background is the goroutine of the works.
	background sync.WaitGroup

	mutex sync.Mutex // guards what follows
	// submissions under way, by command.
	submissions map[string]*submission
}

// workers is how many messages of one kind are worked on at once. Most of them wait for vendors.
const workers = 64

// New makes a broker. It does no I/O.
func New(options Options) (*Agent, error) {
	if options.Peer == nil || options.Store == nil || options.Log == nil {
		return nil, errors.New("broker: peer, store and log are required")
	}
	return newAgent(options, options.Peer), nil
}

func newAgent(options Options, publisher outbox.Publisher) *Agent {
	if options.Now == nil {
		options.Now = time.Now
	}
	defaults := []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&options.ReplyWithin, 5 * time.Second}, {&options.Reask, 250 * time.Millisecond},
		{&options.DecideWithin, 30 * time.Second}, {&options.ClockSkew, 2 * time.Second},
		{&options.AnswerWithin, 8 * time.Second}, {&options.SilentPolicy, time.Minute},
		{&options.Retention, 30 * 24 * time.Hour},
	}
	for _, option := range defaults {
		if *option.value == 0 {
			*option.value = option.standard
		}
	}
	if options.RoundLimit == 0 {
		options.RoundLimit = 10
	}
	if options.PlanLimit == 0 {
		options.PlanLimit = 5
	}
	return &Agent{
		Options: options, books: newBooks(options.Store), outbox: outbox.New(options.Store, publisher, options.Log, options.Now),
		works: newWorks(), ready: make(chan struct{}), submissions: map[string]*submission{},
	}
}

// Ready is closed when the broker takes submissions.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

// Run serves until the context ends. Attempts under way then are taken up again at the next start.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	initiator, err := command.NewInitiator(ctx, a.Peer)
	if err != nil {
		cancel()
		return fmt.Errorf("broker: %w", err)
	}
	defer initiator.Close()
	a.commands = initiator
	defer a.background.Wait()
	defer cancel()
	if err := a.start(ctx); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	service, err := a.Peer.Serve(ctx, a.endpoints()...)
	if err != nil {
		return fmt.Errorf("broker: serve: %w", err)
	}
	close(a.ready)
	<-ctx.Done()
	if err := service.Close(); err != nil {
		a.Log.Warn("stop serving", zap.Error(err))
	}
	return nil
}

// start takes up what an earlier run left.
func (a *Agent) start(ctx context.Context) error {
	a.background.Go(func() { a.works.run(ctx) })
	if err := a.outbox.Load(ctx); err != nil {
		return err
	}
	if err := a.expireCalls(ctx); err != nil {
		return fmt.Errorf("expire calls: %w", err)
	}
	if err := a.resumeAttempts(ctx); err != nil {
		return fmt.Errorf("resume attempts: %w", err)
	}
	if err := a.resumeRounds(ctx); err != nil {
		return fmt.Errorf("resume rounds of negotiation: %w", err)
	}
	if err := a.resumeEndings(ctx); err != nil {
		return fmt.Errorf("resume the ending of agreements: %w", err)
	}
	a.works.begin("retention", a.keepForgetting)
	a.works.begin("outbox", func(ctx context.Context, _ <-chan struct{}) error { return a.outbox.Run(ctx) })
	return nil
}

func (a *Agent) endpoints() []bus.Endpoint {
	return []bus.Endpoint{
		{
			Name: "command", Subject: proto.SubjectBrokerCommand, Queue: "broker", Workers: workers, Handle: a.command,
			Accepts: map[proto.Performative][]proto.Role{
				proto.Request: {proto.RoleClient}, proto.AcceptProposal: {proto.RoleClient},
				proto.RejectProposal: {proto.RoleClient}, proto.Cancel: {proto.RoleClient, proto.RoleDeployer},
			},
		},
		{
			Name: "query", Subject: proto.SubjectBrokerQuery, Queue: "broker", Workers: workers, Handle: a.query,
			Accepts: map[proto.Performative][]proto.Role{
				proto.QueryRef: {proto.RoleClient, proto.RoleDeployer, proto.RoleMonitor},
			},
		},
	}
}

// command hands a message on the command subject to who understands it.
func (a *Agent) command(ctx context.Context, message proto.Message) proto.Message {
	switch message.Performative {
	case proto.AcceptProposal:
		return a.accept(ctx, message)
	case proto.RejectProposal:
		return a.reject(ctx, message)
	case proto.Cancel:
		return a.cancel(ctx, message)
	}
	if isCounter(message) {
		return a.counter(ctx, message)
	}
	return a.submit(ctx, message)
}

// isCounter says whether a request is a counter-offer: the other ones are submissions.
func isCounter(message proto.Message) bool {
	kind, _, err := proto.ParseContentType(message.ContentType)
	return err == nil && kind == proto.Kind[proto.Counter]()
}

// commandOf is the id of a command together with who gave it: nobody repeats another's.
func commandOf(message proto.Message) string { return message.Sender.String() + "/" + message.Command }
