package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/deployer"
	"github.com/cloud-agency/agency/agents/monitor"
	"github.com/cloud-agency/agency/agents/standalone"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/all"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// agent is what every agent package makes.
type agent interface {
	Run(ctx context.Context) error
	Ready() <-chan struct{}
}

// parts are what every agent is made of.
type parts struct {
	peer  *bus.Peer
	store services.Store
	log   *zap.Logger
	// directory of the agent's own.
	directory string
	scrubber  *services.Scrubber
	intervals intervals
}

// maker makes an agent of its parts; closes is called after it has ended.
type maker func(ctx context.Context, p parts) (made agent, closes func() error, err error)

// role is one agent to run in this process.
type role struct {
	connect bus.Options
	// data is the directory below which the agent has its own.
	data      string
	logs      *logs
	intervals intervals
	make      maker
}

// roles are the agents of the house: those that work, and those that watch them.
func (h *house) roles() (workers, watchers []role, err error) {
	add := func(to *[]role, identity proto.Identity, make maker) error {
		credentials, err := h.credentials(identity)
		*to = append(*to, role{
			connect: bus.Options{Server: h.server, Credentials: credentials, Log: h.logs.log.Named(identity.String())},
			data:    h.data, logs: h.logs, intervals: h.settings.Intervals, make: make,
		})
		return err
	}
	vendors, _ := h.settings.vendors() // faults were told when the configuration was read
	for _, settings := range vendors {
		err = errors.Join(err, add(&workers, proto.Vendor(settings.Name), vendorMaker(settings, h.settings.file)))
	}
	err = errors.Join(err,
		add(&workers, proto.Agent(proto.RoleBroker), makeBroker),
		add(&workers, proto.Agent(proto.RoleDeployer), makeDeployer),
		add(&watchers, proto.Agent(proto.RoleMonitor), makeMonitor),
	)
	return workers, watchers, err
}

// run connects the agent, gives it its store, and runs it until the context ends.
func (r role) run(ctx context.Context, ready func()) (err error) {
	identity := r.connect.Credentials.Identity
	directory := agentDirectory(r.data, identity)
	if err := makeDirectory(directory); err != nil {
		return err
	}
	kept, err := store.OpenSQLite(ctx, filepath.Join(directory, "store.db"))
	if err != nil {
		return fmt.Errorf("%s: %w", identity, err)
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	peer, err := bus.Connect(ctx, r.connect)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peer.Close()) }()
	forwarder := forward(peer)      //nolint:contextcheck // what an agent logs while it ends is sent too
	defer closeForwarder(forwarder) //nolint:contextcheck // and that takes a moment after the context has ended
	made, closes, err := r.make(ctx, parts{
		peer: peer, store: kept, directory: directory, scrubber: r.logs.scrubber, intervals: r.intervals,
		log: r.logs.with(identity.String(), forwarder.Core(r.logs.level)),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closes()) }()
	return serve(ctx, made, ready)
}

// serve runs an agent and calls ready when it serves.
func serve(ctx context.Context, made agent, ready func()) error {
	ended := make(chan struct{})
	told := make(chan struct{})
	go func() {
		defer close(told)
		select {
		case <-made.Ready():
			ready()
		case <-ended:
		}
	}()
	err := made.Run(ctx)
	close(ended)
	<-told
	return err
}

// forwardRoom is how many log entries may wait for the bus.
const forwardRoom = 256

// forward takes log entries to the LOGS stream.
func forward(peer *bus.Peer) *services.Forwarder {
	return services.NewForwarder(forwardRoom, func(_ context.Context, entry services.LogEntry) error {
		line, err := json.Marshal(entry)
		if err == nil {
			peer.Log(entry.Level, line)
		}
		return err
	})
}

func closeForwarder(forwarder *services.Forwarder) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	forwarder.Close(ctx)
}

func makeDirectory(name string) error {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	return nil
}

func nothing() error { return nil }

func makeBroker(_ context.Context, p parts) (agent, func() error, error) {
	made, err := broker.New(broker.Options{
		Peer: p.peer, Store: p.store, Log: p.log, Retention: time.Duration(p.intervals.Retention),
	})
	return made, nothing, err
}

func makeDeployer(_ context.Context, p parts) (agent, func() error, error) {
	made, err := deployer.New(deployer.Options{Peer: p.peer, Store: p.store, Log: p.log})
	return made, nothing, err
}

func makeMonitor(_ context.Context, p parts) (agent, func() error, error) {
	made, err := monitor.New(monitor.Options{
		Peer: p.peer, Store: p.store, Log: p.log, Every: time.Duration(p.intervals.Measure),
	})
	return made, nothing, err
}

// vendorMaker makes a vendor agent with the module that the configuration names.
func vendorMaker(account standalone.Account, file string) maker {
	return func(ctx context.Context, p parts) (agent, func() error, error) {
		made, closes, err := standalone.New(ctx, all.Kinds(), account, standalone.Place{
			Peer: p.peer, Store: p.store, Log: p.log, Directory: p.directory, Scrubber: p.scrubber,
			OfferValidity: time.Duration(p.intervals.Offers), ReconcileEvery: time.Duration(p.intervals.Reconcile),
		})
		if err != nil {
			return nil, nil, inFile(file, account.Name, err)
		}
		return made, closes, nil
	}
}
