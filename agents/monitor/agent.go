// Package monitor is the agent that reads what resources use and do, and tells it to whoever asks.
//
// It asks every vendor for measurements from time to time and keeps the last ones in memory: they are facts about now,
// and after a restart they are read again.
package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
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
}

// Agent is a monitor.
type Agent struct {
	Options
	ready chan struct{}

	mutex sync.Mutex
	// latest reading of each vendor that answered last time.
	latest map[string][]proto.Sample
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
	return &Agent{Options: options, ready: make(chan struct{}), latest: map[string][]proto.Sample{}}, nil
}

// Ready is closed when the agent answers questions.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

// Run reads and answers until the context ends.
func (a *Agent) Run(ctx context.Context) error {
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
	ticks := a.Ticks
	if ticks == nil {
		ticker := time.NewTicker(a.Every)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for {
		a.read(ctx)
		select {
		case <-ctx.Done():
			return service.Close()
		case <-ticks:
		}
	}
}

// read asks every vendor of the register side by side. One that does not answer has no reading until it does.
func (a *Agent) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, a.Every)
	defer cancel()
	readings := map[string][]proto.Sample{}
	var mutex sync.Mutex
	var group sync.WaitGroup
	for name, entry := range a.Peer.Register().Entries {
		vendor, err := proto.ParseIdentity(name)
		if err != nil || vendor.Role != proto.RoleVendor || !entry.Revoked.IsZero() {
			continue
		}
		group.Go(func() {
			samples, err := a.ask(ctx, vendor)
			if err != nil {
				a.Log.Debug("vendor not read", zap.String(services.FieldVendor, vendor.Name), zap.Error(err))
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			readings[vendor.Name] = samples
		})
	}
	group.Wait()
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.latest = readings
}

func (a *Agent) ask(ctx context.Context, vendor proto.Identity) ([]proto.Sample, error) {
	message := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol, Receiver: vendor}
	if err := proto.Encode(&message, proto.Question{Topic: proto.TopicMeasure}); err != nil {
		return nil, err
	}
	answer, err := a.Peer.Ask(ctx, proto.SubjectQuery(vendor.Name), message)
	if err != nil {
		return nil, err
	}
	if refusal, refused := proto.AsRefusal(answer); refused {
		return nil, refusal
	}
	list, err := proto.Decode[proto.SampleList](answer)
	if err != nil {
		return nil, err
	}
	for i := range list.Samples {
		list.Samples[i].Vendor = vendor.Name // whatever it says: a vendor speaks for itself
	}
	return list.Samples, nil
}

// query answers with the last reading, of one deployment or of all.
func (a *Agent) query(_ context.Context, message proto.Message) proto.Message {
	question, err := proto.Decode[proto.Question](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	if question.Topic != proto.TopicSamples {
		return proto.Misunderstood(message, fmt.Errorf("a monitor is asked about samples, not %q", question.Topic))
	}
	a.mutex.Lock()
	latest := a.latest
	a.mutex.Unlock()
	list := proto.SampleList{Samples: []proto.Sample{}}
	for _, vendor := range slices.Sorted(maps.Keys(latest)) {
		for _, sample := range latest[vendor] {
			if question.Subject == "" || sample.Resource.Deployment == question.Subject {
				list.Samples = append(list.Samples, sample)
			}
		}
	}
	slices.SortStableFunc(list.Samples, func(x, y proto.Sample) int {
		return cmp.Or(cmp.Compare(x.Resource.Deployment, y.Resource.Deployment), cmp.Compare(x.Name, y.Name))
	})
	return proto.Answer(message, proto.Inform, list)
}
