package scale_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/agents/command"
	"github.com/cloud-agency/agency/agents/deployer"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/simulated"
)

// agency is all agents in one process, in one directory. It can be stopped and started again.
type agency struct {
	t         testing.TB
	directory string
	authority *bus.Authority
	enrolled  map[proto.Identity]bus.Credentials
	vendors   []string
	// configure says what the cloud of a vendor is like, in YAML.
	configure func(number int) string
	// reconcile and decorators are the vendor agents' patience; zero is theirs.
	reconcile  time.Duration
	decorators decorators.Options

	server   *bus.Server
	peer     *bus.Peer
	client   *client.Client
	commands *command.Initiator
	clouds   map[string]*simulated.Module
	// changed is how many of the applications, from the first on, have been given one more resource.
	changed int

	mutex sync.Mutex
	steps [3][]time.Duration // to submit, accept, deploy, of each application
	// unanswered is how often no vendor answered a call in time.
	unanswered int

	closers []func() error // last made, first closed
	cancel  context.CancelFunc
	agents  *errgroup.Group
	life    context.Context
}

// newAgency enrols everybody in a fresh directory, and starts nothing.
func newAgency(t testing.TB, vendors int, configure func(number int) string) *agency {
	t.Helper()
	a := &agency{
		t: t, directory: t.TempDir(), enrolled: map[proto.Identity]bus.Credentials{}, configure: configure,
	}
	var err error
	a.authority, err = bus.OpenAuthority(filepath.Join(a.directory, "authority"))
	must(t, err)
	identities := []proto.Identity{ada(), proto.Agent(proto.RoleBroker), proto.Agent(proto.RoleDeployer)}
	for number := range vendors {
		name := fmt.Sprintf("vendor-%d", number)
		a.vendors = append(a.vendors, name)
		identities = append(identities, proto.Vendor(name))
	}
	for _, identity := range identities {
		a.enrolled[identity], err = a.authority.Enrol(identity)
		must(t, err)
	}
	register, err := a.authority.Register()
	must(t, err)
	for identity, credentials := range a.enrolled {
		credentials.Register = register
		a.enrolled[identity] = credentials
	}
	return a
}

func ada() proto.Identity { return proto.Identity{Role: proto.RoleClient, Name: "ada"} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start starts everything and returns how long that took until all agents served.
func (a *agency) start() time.Duration {
	a.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.agents, a.life = errgroup.WithContext(ctx)
	a.clouds = map[string]*simulated.Module{}
	var err error
	a.server, err = bus.StartServer(ctx, bus.ServerOptions{
		Authority: a.authority, Directory: filepath.Join(a.directory, "streams"),
	})
	must(a.t, err)
	a.closers = append(a.closers, a.server.Close)
	waiting := []<-chan struct{}{a.startBroker(), a.startDeployer()}
	for number, name := range a.vendors {
		waiting = append(waiting, a.startVendor(number, name))
	}
	for _, ready := range waiting {
		select {
		case <-ready:
		case <-a.life.Done():
			a.t.Fatal(a.agents.Wait())
		}
	}
	a.peer = a.connect(ada())
	a.client = client.New(a.peer)
	a.commands, err = command.NewInitiator(ctx, a.peer)
	must(a.t, err)
	a.closers = append(a.closers, func() error { a.commands.Close(); return nil })
	return time.Since(began)
}

// stop ends everything and waits for it.
func (a *agency) stop() {
	a.t.Helper()
	a.cancel()
	err := a.agents.Wait()
	for len(a.closers) > 0 {
		last := len(a.closers) - 1
		err = errors.Join(err, a.closers[last]())
		a.closers = a.closers[:last]
	}
	must(a.t, err)
}

func (a *agency) connect(identity proto.Identity) *bus.Peer {
	a.t.Helper()
	peer, err := bus.Connect(context.Background(), bus.Options{
		Server: a.server, Credentials: a.enrolled[identity], Log: zap.NewNop(),
	})
	must(a.t, err)
	a.closers = append(a.closers, peer.Close)
	return peer
}

func (a *agency) open(name string) services.Store {
	a.t.Helper()
	opened, err := store.OpenSQLite(context.Background(), filepath.Join(a.directory, name))
	must(a.t, err)
	a.closers = append(a.closers, opened.Close)
	return opened
}

func (a *agency) startBroker() <-chan struct{} {
	made, err := broker.New(broker.Options{
		Peer: a.connect(proto.Agent(proto.RoleBroker)), Store: a.open("broker.db"), Log: a.log(),
	})
	must(a.t, err)
	a.agents.Go(func() error { return made.Run(a.life) })
	return made.Ready()
}

func (a *agency) startDeployer() <-chan struct{} {
	made, err := deployer.New(deployer.Options{
		Peer: a.connect(proto.Agent(proto.RoleDeployer)), Store: a.open("deployer.db"), Log: a.log(),
	})
	must(a.t, err)
	a.agents.Go(func() error { return made.Run(a.life) })
	return made.Ready()
}

func (a *agency) startVendor(number int, name string) <-chan struct{} {
	peer, kept := a.connect(proto.Vendor(name)), a.open(name+".db")
	var configuration yaml.Node
	must(a.t, yaml.Unmarshal([]byte(a.configure(number)), &configuration))
	module, err := simulated.New(&configuration, vendormodules.Environment{
		Vendor: name, Agency: peer.Agency(), Store: a.open(name + "-cloud.db"), Now: time.Now,
	}, nil)
	must(a.t, err)
	a.clouds[name] = module
	made, err := vendor.New(vendor.Options{
		Peer: peer, Store: kept, Module: module, Vault: services.NewVault(kept, services.NewKey(), time.Now),
		Log: a.log(), Directory: filepath.Join(a.directory, name), ReconcileEvery: a.reconcile,
		Decorators: a.decorators,
	})
	must(a.t, err)
	a.agents.Go(func() error { return made.Run(a.life) })
	return made.Ready()
}

// log shows only what has gone wrong.
func (a *agency) log() *zap.Logger {
	configuration := zap.NewDevelopmentConfig()
	configuration.Level = zap.NewAtomicLevelAt(zap.ErrorLevel)
	configuration.DisableStacktrace = true
	log, err := configuration.Build()
	must(a.t, err)
	return log
}

// turns is how many vendors take turns at being cheapest, each for turnLength, so that each gets its share.
const (
	turns      = 10
	turnLength = 250 * time.Millisecond
	priceSteps = 8000
)

// priced is the configuration of a cloud that is cheapest when it is its turn.
func priced(number int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "seed: %d\nprice-steps:\n", number)
	for step := range priceSteps {
		fmt.Fprintf(&text, "- {from: %s, factor: %d}\n", time.Duration(step)*turnLength, 1+(step+number)%turns)
	}
	return text.String()
}

// cheap is the configuration of a cloud that is like the others.
func cheap(number int) string { return fmt.Sprintf("seed: %d", number) }

// disk is how many bytes the agency's files take.
func (a *agency) disk() int64 {
	a.t.Helper()
	var sum int64
	must(a.t, filepath.WalkDir(a.directory, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		information, err := entry.Info()
		if err == nil {
			sum += information.Size()
		}
		return err
	}))
	return sum
}

// took notes how long one application took to submit, to accept and to deploy.
func (a *agency) took(steps ...time.Duration) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for index, step := range steps {
		a.steps[index] = append(a.steps[index], step)
	}
}

// medians are those of the steps.
func (a *agency) medians() (submit, accept, deploy time.Duration) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	median := func(steps []time.Duration) time.Duration {
		slices.Sort(steps)
		return steps[len(steps)/2]
	}
	return median(a.steps[0]), median(a.steps[1]), median(a.steps[2])
}
