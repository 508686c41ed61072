package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/agents/store/filelock"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
)

// house is an agency in this process: its directory, its bus, and the agents that were moved in.
//
//	DATA/agency.lock        who runs it
//	DATA/connection.json    how clients reach it
//	DATA/client.creds       as whom
//	DATA/authority/         the keys, and the register of agents
//	DATA/bus/               the streams
//	DATA/agents/NAME/       one agent's credentials and store
//	DATA/log/agency.log
type house struct {
	data      string
	settings  configuration
	lock      *filelock.Lock
	logs      *logs
	authority *bus.Authority
	server    *bus.Server
	elsewhere string // the URL of a server that somebody else runs, if the house has none of its own
	unleave   func()
}

// openHouse locks the directory and starts the bus in it.
func (s *session) openHouse(ctx context.Context, data string, settings configuration) (*house, error) {
	h := newHouse(data, settings)
	return h, h.open(ctx, s)
}

func newHouse(data string, settings configuration) *house {
	return &house{data: data, settings: settings, unleave: func() {}}
}

// open locks the directory and starts the bus in it, or keeps what the agency has at a NATS server elsewhere.
func (h *house) open(ctx context.Context, s *session) error {
	return h.take(ctx, s, h.begin, h.enrolResidents, h.startBus)
}

// take takes one step after the other. What was begun is undone on an error.
func (h *house) take(ctx context.Context, s *session, steps ...func(context.Context, *session) error) error {
	for _, step := range steps {
		if err := step(ctx, s); err != nil {
			return closing(h, err)
		}
	}
	return nil
}

func (h *house) begin(ctx context.Context, s *session) (err error) {
	if h.lock, err = lockDirectory(ctx, h.data); err != nil {
		return err
	}
	level, err := h.settings.level()
	if err != nil {
		return err
	}
	if h.logs, err = openLogs(h.data, "agency", level, s.err); err != nil {
		return err
	}
	h.authority, err = bus.OpenAuthority(filepath.Join(h.data, "authority"))
	return err
}

// enrolResidents enrols everyone who is to live here before a server starts, so that it knows them from the first moment.
func (h *house) enrolResidents(context.Context, *session) error {
	for _, identity := range h.residents() {
		if _, err := h.credentials(identity); err != nil {
			return err
		}
	}
	return nil
}

func (h *house) startBus(ctx context.Context, _ *session) error {
	if h.elsewhere != "" {
		return h.reach(ctx)
	}
	host, port, err := h.settings.listen()
	if err != nil {
		return err
	}
	h.server, err = bus.StartServer(ctx, bus.ServerOptions{
		Authority: h.authority, Directory: filepath.Join(h.data, "bus"), Host: host, Port: port, Log: h.logs.log,
	})
	return err
}

// reach waits for the server elsewhere, which may start later, or be told of the agency later.
func (h *house) reach(ctx context.Context) error {
	again := time.NewTicker(announceEvery)
	defer again.Stop()
	for told := ""; ; {
		err := h.provision(ctx)
		if err == nil {
			return nil
		}
		if told != err.Error() {
			told = err.Error()
			h.logs.log.Warn("NATS server does not serve the agency yet; it needs what `agency bus --configure` writes, and JetStream",
				zap.String("url", h.elsewhere), zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return &client.Error{
				Code: client.CodeUnreachable, Message: fmt.Sprintf("the NATS server at %s does not serve the agency: %s", h.elsewhere, err),
				Hint: "start it with what `agency bus --configure FILE` writes, and with JetStream",
			}
		case <-again.C:
		}
	}
}

// provision brings the server up to the authority's register.
func (h *house) provision(ctx context.Context) error {
	if h.elsewhere != "" {
		return bus.Provision(ctx, h.elsewhere, h.authority)
	}
	return h.server.Provision(ctx)
}

// url is where the bus is.
func (h *house) url() string {
	if h.elsewhere != "" {
		return h.elsewhere
	}
	return h.server.URL()
}

// clientName is the name of the client that an agency is set up with.
const clientName = "local"

// residents are the identities of the house: the client, the singleton agents, the vendors.
func (h *house) residents() []proto.Identity {
	identities := []proto.Identity{
		{Role: proto.RoleClient, Name: clientName},
		proto.Agent(proto.RoleBroker), proto.Agent(proto.RoleDeployer), proto.Agent(proto.RoleMonitor),
	}
	vendors, _ := h.settings.vendors() // faults were told when the configuration was read
	for _, vendor := range vendors {
		identities = append(identities, proto.Vendor(vendor.Name))
	}
	return identities
}

// credentials of an identity, made at the first use.
func (h *house) credentials(identity proto.Identity) (bus.Credentials, error) {
	file := h.credentialsFile(identity)
	if err := makeDirectory(filepath.Dir(file)); err != nil {
		return bus.Credentials{}, err
	}
	credentials, err := h.authority.EnsureCredentials(identity, file)
	if err != nil {
		return credentials, fmt.Errorf("credentials of %s: %w", identity, err)
	}
	return credentials, nil
}

func (h *house) credentialsFile(identity proto.Identity) string {
	if identity.Role == proto.RoleClient {
		return filepath.Join(h.data, "client.creds")
	}
	return filepath.Join(agentDirectory(h.data, identity), "credentials.creds")
}

// agentDirectory is where an agent keeps what is its own.
func agentDirectory(data string, identity proto.Identity) string {
	return filepath.Join(data, "agents", identity.String())
}

// openDoor leaves the connection file for clients.
func (h *house) openDoor(s *session) error {
	self, err := process.Identify(os.Getpid())
	if err != nil {
		return err
	}
	h.unleave, err = s.leave(connection{
		URL: h.url(), Data: h.data, Process: self, Started: s.now().UTC().Truncate(time.Millisecond),
		Credentials: h.credentialsFile(proto.Identity{Role: proto.RoleClient, Name: clientName}),
	})
	if err != nil {
		h.unleave = func() {}
	}
	return err
}

// inhabit runs all agents of the house until the context ends, and calls ready once all of them serve. Those that watch
// the others come after them and go before them.
func (h *house) inhabit(ctx context.Context, ready func() error) error {
	workers, watchers, err := h.roles()
	if err != nil {
		return err
	}
	return stage(ctx, workers, func(ctx context.Context) error {
		return stage(ctx, watchers, func(ctx context.Context) error {
			if err := ready(); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
	})
}

// stage runs agents and, once all of them serve, what comes after them. They end when that has ended; if one of them
// fails, so does everything.
func stage(ctx context.Context, roles []role, then func(context.Context) error) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, running := errgroup.WithContext(running)
	serving := make(chan struct{}, len(roles))
	for _, role := range roles {
		group.Go(func() error { return role.run(running, func() { serving <- struct{}{} }) })
	}
	group.Go(func() error {
		defer stop()
		for range roles {
			select {
			case <-serving:
			case <-running.Done():
				return nil
			case <-ctx.Done():
				return nil
			}
		}
		after, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(running, cancel)()
		return then(after)
	})
	return group.Wait()
}

// close undoes what openHouse and openDoor did, in the other direction.
func (h *house) close() error {
	h.unleave()
	var faults []error
	if h.server != nil {
		faults = append(faults, h.server.Close())
	}
	if h.logs != nil {
		faults = append(faults, h.logs.close())
	}
	if h.lock != nil {
		faults = append(faults, h.lock.Release())
	}
	return errors.Join(faults...)
}
