package monitor_test

import (
	"context"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/monitor"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// agency is a bus with a monitor on it that reads when the test says so.
type agency struct {
	t           *testing.T
	authority   *bus.Authority
	server      *bus.Server
	credentials map[proto.Identity]bus.Credentials
	client      *bus.Peer
	ticks       chan time.Time
}

var (
	ada      = proto.Identity{Role: proto.RoleClient, Name: "ada"}
	self     = proto.Agent(proto.RoleMonitor)
	deployer = proto.Agent(proto.RoleDeployer)
)

// startAgency enrols all that come to it, the vendors among them.
func startAgency(t *testing.T, vendors ...string) *agency {
	t.Helper()
	directory := t.TempDir()
	authority, err := bus.OpenAuthority(filepath.Join(directory, "authority"))
	must(t, err)
	a := &agency{t: t, authority: authority, credentials: map[proto.Identity]bus.Credentials{}, ticks: make(chan time.Time)}
	identities := []proto.Identity{ada, self, deployer}
	for _, vendor := range vendors {
		identities = append(identities, proto.Vendor(vendor))
	}
	for _, identity := range identities {
		a.credentials[identity], err = authority.Enrol(identity)
		must(t, err)
	}
	a.server, err = bus.StartServer(t.Context(), bus.ServerOptions{Authority: authority, Directory: filepath.Join(directory, "nats")})
	must(t, err)
	t.Cleanup(func() { must(t, a.server.Close()) })
	a.client = a.connect(ada)
	return a
}

func (a *agency) connect(identity proto.Identity) *bus.Peer {
	a.t.Helper()
	credentials := a.credentials[identity]
	var err error
	credentials.Register, err = a.authority.Register()
	must(a.t, err)
	peer, err := bus.Connect(context.Background(), bus.Options{Server: a.server, Credentials: credentials})
	must(a.t, err)
	a.t.Cleanup(func() { must(a.t, peer.Close()) })
	return peer
}

// vendor starts a vendor whose one machine has used more seconds at each reading.
func (a *agency) vendor(name string) (stop func()) {
	a.t.Helper()
	var readings atomic.Int64
	return a.serve(proto.Vendor(name), proto.SubjectQuery(name), func(message proto.Message) proto.Message {
		sample := func(index int, value int64) proto.Sample {
			return proto.Sample{
				Resource: proto.ResourceRef{Deployment: "id-of-" + name, Class: "web", Index: index, Generation: 1},
				Name:     "web-1", Vendor: "somebody else",
				Measurements: []sla.Measurement{{Metric: "cpu-seconds", Value: float64(value), At: time.Now().UTC()}},
			}
		}
		reading := readings.Add(1)
		list := proto.SampleList{Samples: []proto.Sample{sample(1, reading)}}
		if reading == 1 {
			list.Samples = append(list.Samples, sample(2, reading)) // a machine that is soon gone
		}
		return proto.Answer(message, proto.Inform, list)
	})
}

func (a *agency) serve(identity proto.Identity, subject string, answer func(proto.Message) proto.Message) (stop func()) {
	a.t.Helper()
	service, err := a.connect(identity).Serve(context.Background(), bus.Endpoint{
		Name: "query", Subject: subject, Accepts: map[proto.Performative][]proto.Role{proto.QueryRef: proto.Roles[:]},
		Handle: func(_ context.Context, message proto.Message) proto.Message { return answer(message) },
	})
	must(a.t, err)
	a.t.Cleanup(func() { must(a.t, service.Close()) })
	return func() { must(a.t, service.Close()) }
}

func (a *agency) startMonitor() (stop func()) {
	a.t.Helper()
	agent, err := monitor.New(monitor.Options{
		Peer: a.connect(self), Log: zap.NewNop(), Ticks: a.ticks, Keep: 3,
	})
	must(a.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	<-agent.Ready()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			must(a.t, <-done)
		}
	}
	a.t.Cleanup(stop)
	return stop
}

// read returns when a reading that began after it was called is complete: a tick is taken when the one before is.
func (a *agency) read() {
	for range 2 {
		a.ticks <- time.Time{}
	}
}

func (a *agency) samples(subject string) proto.SampleList {
	a.t.Helper()
	question := proto.Message{Performative: proto.QueryRef}
	must(a.t, proto.Encode(&question, proto.Question{Topic: proto.TopicSamples, Subject: subject}))
	answer, err := a.client.Ask(context.Background(), proto.SubjectMonitorQuery, question)
	must(a.t, err)
	list, err := proto.Decode[proto.SampleList](answer)
	must(a.t, err)
	return list
}

func TestReadingsAreKeptByResource(t *testing.T) {
	a := startAgency(t, "athens", "lisbon")
	a.vendor("athens")
	a.vendor("lisbon")
	a.startMonitor()
	for range 3 {
		a.read()
	}
	list := a.samples("")
	if len(list.Samples) != 2 || len(list.Silent) != 0 {
		t.Fatalf("samples are %+v", list)
	}
	for i, vendor := range []string{"athens", "lisbon"} {
		if sample := list.Samples[i]; sample.Vendor != vendor || sample.Measurements[0].Value < 4 || sample.Earlier != nil {
			t.Errorf("sample is %+v", sample)
		}
	}
	one := a.samples("id-of-lisbon")
	if len(one.Samples) != 1 || len(one.Samples[0].Earlier) != 2 {
		t.Fatalf("samples of one deployment are %+v", one)
	}
	sample := one.Samples[0]
	if last := sample.Measurements[0].Value; sample.Earlier[0].Value != last-2 || sample.Earlier[1].Value != last-1 {
		t.Errorf("readings are %+v", sample)
	}
	if none := a.samples("nothing"); len(none.Samples) != 0 {
		t.Errorf("samples of nothing are %+v", none)
	}
}

func TestASilentVendorIsMarkedAndWhatItToldStands(t *testing.T) {
	a := startAgency(t, "athens", "lisbon")
	a.vendor("athens")
	stop := a.vendor("lisbon")
	a.startMonitor()
	a.read()
	stop()
	a.read()
	list := a.samples("")
	if !slices.Equal(list.Silent, []string{"lisbon"}) || len(list.Samples) != 2 {
		t.Fatalf("samples are %+v", list)
	}
	must(t, a.authority.Revoke(proto.Vendor("lisbon")))
	must(t, a.server.Provision(t.Context()))
	for len(a.samples("").Silent) > 0 { // until the register that it hears of is the new one
		a.read()
	}
	if list := a.samples(""); len(list.Samples) != 1 {
		t.Fatalf("samples after the revocation are %+v", list)
	}
}

func TestDeploymentsAreKnownByNameAndForgottenOnceRemoved(t *testing.T) {
	a := startAgency(t, "athens", "lisbon")
	a.vendor("athens")
	a.vendor("lisbon")
	state := atomic.Pointer[descriptors.DeploymentState]{}
	running, removed := descriptors.DeploymentRunning, descriptors.DeploymentRemoved
	state.Store(&running)
	a.serve(deployer, proto.SubjectDeployerQuery, func(message proto.Message) proto.Message {
		return proto.Answer(message, proto.Inform, proto.DeploymentList{Deployments: []proto.DeploymentStatus{{
			Descriptor: descriptors.Deployment{ID: "id-of-athens", Name: "webshop", Currency: "EUR"}, State: *state.Load(),
		}}})
	})
	a.startMonitor()
	a.read()
	if list := a.samples("webshop"); len(list.Samples) != 1 || list.Samples[0].Vendor != "athens" {
		t.Fatalf("samples are %+v", list)
	}
	state.Store(&removed)
	a.read()
	if list := a.samples("webshop"); len(list.Samples) != 0 {
		t.Fatalf("samples after the removal are %+v", list)
	}
}

func TestAnEventTellsOfADeployment(t *testing.T) {
	a := startAgency(t, "athens")
	a.vendor("athens")
	teller := a.connect(deployer)
	a.startMonitor()
	a.read()
	must(t, teller.Publish(t.Context(), proto.Event{
		Kind: proto.EventDeploymentChanged, Name: "webshop", Deployment: "id-of-athens", State: descriptors.DeploymentRunning,
		Message: "webshop is running",
	}))
	for end := time.Now().Add(20 * time.Second); len(a.samples("webshop").Samples) == 0; {
		if time.Now().After(end) {
			t.Fatal("the event was not heard")
		}
	}
}

func TestTheMonitorEndsAtOnceAlsoWhileItReads(t *testing.T) {
	a := startAgency(t, "silent")
	asked := make(chan struct{}, 10)
	a.serve(proto.Vendor("silent"), proto.SubjectQuery("silent"), func(proto.Message) proto.Message {
		asked <- struct{}{}
		return proto.Message{}
	})
	stop := a.startMonitor()
	<-asked
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
}
