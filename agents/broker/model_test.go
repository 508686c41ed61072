package broker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/planning"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// world says what goes wrong in one run of the model. Probabilities are in percent.
type world struct {
	Seed uint64
	// Lost, Late, Deaf: a command never arrives; arrives up to a minute later, once more than the broker knows; arrives,
	// and its answer is lost.
	Lost, Late, Deaf int
	// Forget is how probable it is that a vendor loses its offer in a crash, at some time.
	Forget int
	// Valid is how long the proposals stand, Skew how much the vendors' clocks differ from the broker's. In seconds.
	Valid [2]int
	Skew  [2]int
	// Crashes are after how many commits of each run the broker crashes, and whether the last one still took place.
	Crashes []crash
	// Cancel is when the person cancels, in seconds; negative for never.
	Cancel int
	// Rivals is how many accept the same call at the same time; OrNext whether they want the next plan too.
	Rivals int
	OrNext bool
	// Leaves is whether the persons ask in the first run only, so that nothing but the broker itself goes on.
	Leaves bool
}

type crash struct {
	After int
	Kept  bool
}

func drawWorld(t *rapid.T) world {
	percent := rapid.IntRange(0, 60)
	pair := func(name string, low, high int) [2]int {
		one := rapid.IntRange(low, high)
		return [2]int{one.Draw(t, name+" of athens"), one.Draw(t, name+" of lisbon")}
	}
	return world{
		Seed: rapid.Uint64().Draw(t, "seed"),
		Lost: percent.Draw(t, "lost"), Late: percent.Draw(t, "late"), Deaf: percent.Draw(t, "deaf"),
		Forget: rapid.IntRange(0, 30).Draw(t, "forget"),
		Valid:  pair("valid", 3, 90), Skew: pair("skew", -4, 4),
		Crashes: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) crash {
			return crash{rapid.IntRange(1, 6).Draw(t, "after"), rapid.Bool().Draw(t, "kept")}
		}), 0, 4).Draw(t, "crashes"),
		Cancel: rapid.IntRange(-40, 40).Draw(t, "cancel"),
		Rivals: rapid.IntRange(1, 3).Draw(t, "rivals"), OrNext: rapid.Bool().Draw(t, "or next"),
		Leaves: rapid.Bool().Draw(t, "leaves"),
	}
}

// Whatever is lost, late, doubled or crashes, in the end all vendors of one plan are bound, or none is to anything.
func TestAllOrNothingWhateverHappens(t *testing.T) {
	outcomes := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		world := drawWorld(r)
		var outcome string
		var err error
		synctest.Test(t, func(t *testing.T) { outcome, err = world.run(t) })
		if err != nil {
			r.Fatal(err)
		}
		outcomes[outcome]++
	})
	t.Log("outcomes: ", outcomes)
}

// model is one run.
type model struct {
	world
	t       *testing.T
	path    string
	tables  map[string]*table
	network *network
	agent   broker.Offline
	// crashed is closed when the store of the run has failed.
	crashed chan struct{}
	stop    func() error
}

var names = []string{"athens", "lisbon"}

func (w world) run(t *testing.T) (outcome string, err error) {
	m := &model{world: w, t: t, path: filepath.Join(t.TempDir(), "broker.db"), tables: map[string]*table{}}
	for i, name := range names {
		skew := time.Duration(w.Skew[i]) * time.Second
		m.tables[name] = newTable(name, func() time.Time { return time.Now().Add(skew) })
	}
	m.network = &network{world: w, tables: m.tables, random: rand.New(rand.NewPCG(w.Seed, 1))}
	defer m.network.underWay.Wait()
	if err := m.start(nil); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	offers, err := m.offer()
	if err != nil {
		return "", err
	}
	if err := m.agent.Keep(t.Context(), offers); err != nil {
		return "", err
	}
	if err := m.play(); err != nil {
		return "", err
	}
	return m.judge(offers)
}

// offer makes the proposals, and the plans of them.
func (m *model) offer() (proto.Offers, error) {
	application := shop()
	call := descriptors.Call(application, "call", 1, time.Now().Add(time.Second))
	offers := proto.Offers{Call: call.ID, Name: "shop", State: descriptors.CallOpen, Application: application}
	prices := map[string]map[string]int64{"athens": {"web": 9, "db": 20}, "lisbon": {"web": 7, "db": 30}}
	for i, name := range names {
		vendor := scripted{table: m.tables[name], prices: prices[name], valid: time.Duration(m.Valid[i]) * time.Second}
		proposal := vendor.proposal(call)
		vendor.offer(proposal)
		offers.Proposals = append(offers.Proposals, proposal)
		if m.network.chance(m.Forget) {
			m.network.later(func() { vendor.forget(proposal.ID) })
		}
	}
	result, err := planning.Plans(planning.Problem{
		Application: application, Call: call.ID, Proposals: offers.Proposals, Now: time.Now(),
	}, 5)
	offers.Plans = result.Plans
	return offers, err
}

// start starts the broker on its store, which fails as planned.
func (m *model) start(next *crash) error {
	records, err := store.OpenSQLite(context.Background(), m.path)
	if err != nil {
		return err
	}
	m.crashed = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	m.agent = broker.NewOffline(broker.Options{
		Store: &failing{Store: records, next: next, crashed: m.crashed}, Log: zap.NewNop(), DecideWithin: 20 * time.Second,
	}, m.network, silence{})
	m.stop = func() error {
		cancel()
		m.agent.Wait()
		return records.Close()
	}
	err = m.agent.Start(ctx)
	if errors.Is(err, errCrashed) {
		return nil
	}
	return err
}

// play lets persons accept and cancel while the broker crashes and starts again.
func (m *model) play() error {
	if err := m.stop(); err != nil {
		return err
	}
	for run := 0; ; run++ {
		var next *crash
		if run < len(m.Crashes) {
			next = &m.Crashes[run]
		}
		if err := m.start(next); err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(context.Background())
		var persons sync.WaitGroup
		there := run == 0 || !m.Leaves
		for rival := range m.Rivals {
			if there {
				persons.Go(func() { m.accept(ctx, rival) })
			}
		}
		if there && m.Cancel >= 0 && run == len(m.Crashes)/2 {
			persons.Go(func() { m.cancel(ctx) })
		}
		done := make(chan struct{})
		go func() { persons.Wait(); close(done) }()
		select {
		case <-done:
			cancel()
			if next == nil {
				return m.settle()
			}
		case <-m.crashed:
			cancel()
			<-done
		case <-time.After(time.Hour):
			cancel()
			<-done
			return fmt.Errorf("stuck: %+v", m.attempts())
		}
		if err := m.stop(); err != nil {
			return err
		}
	}
}

// settle waits until the broker has nothing left to do.
func (m *model) settle() error {
	for range 3600 {
		settled, err := m.agent.Settled(context.Background())
		if settled || err != nil {
			return err
		}
		time.Sleep(time.Second)
	}
	return fmt.Errorf("not settled: %+v", m.attempts())
}

func (m *model) attempts() []proto.Attempt {
	attempts, err := m.agent.Attempts(context.Background(), "call")
	if err != nil {
		m.t.Error(err)
	}
	return attempts
}

// accept takes the first plan, asking again until there is an end.
func (m *model) accept(ctx context.Context, rival int) {
	request := message(proto.AcceptProposal, proto.PlanChoice{Call: "shop", Rank: 1, OrNext: m.OrNext})
	request.Command, request.Sender = fmt.Sprint("accept-", rival), proto.Identity{Role: proto.RoleClient, Name: "ada"}
	m.insist(ctx, request)
}

// cancel cancels whatever goes on after some time.
func (m *model) cancel(ctx context.Context) {
	select {
	case <-time.After(time.Duration(m.Cancel) * time.Second):
	case <-ctx.Done():
		return
	}
	request := cancelling("shop")
	request.Command, request.Sender = "cancel", proto.Identity{Role: proto.RoleClient, Name: "ada"}
	m.insist(ctx, request)
}

func (m *model) insist(ctx context.Context, request proto.Message) {
	agent := m.agent
	for ctx.Err() == nil && agent.Give(ctx, request).Performative == proto.Agree {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// judge says how it ended, after the last late message has arrived.
func (m *model) judge(offers proto.Offers) (string, error) {
	m.network.underWay.Wait()
	bound := map[string]string{} // agreement by vendor
	for name, table := range m.tables {
		if len(table.breaches) > 0 {
			return "", errors.New(table.breaches[0])
		}
		for _, row := range table.proposals {
			if row.state == sla.ProposalObserved {
				bound[name] = row.agreement.ID
			}
		}
	}
	wanted, outcome := map[string]string{}, "nothing taken"
	for _, attempt := range m.attempts() {
		if !sla.AttemptStates.Final(attempt.State) {
			return "", fmt.Errorf("attempt is not at an end: %+v", attempt)
		}
		outcome = string(attempt.State)
		if attempt.State != sla.AttemptCommitted {
			continue
		}
		list, err := m.agent.Agreements(context.Background(), attempt.Deployment)
		if err != nil || len(list.Agreements) != len(attempt.Legs) {
			return "", fmt.Errorf("agreements of %+v are %+v, %w", attempt, list, err)
		}
		for _, agreement := range list.Agreements {
			if agreement.State == sla.AgreementObserved {
				wanted[agreement.Vendor] = agreement.ID
			} else {
				outcome = "ended"
			}
		}
		if len(wanted) != 0 && len(wanted) != len(attempt.Legs) {
			return "", fmt.Errorf("some agreements have ended: %+v", list)
		}
	}
	if fmt.Sprint(bound) != fmt.Sprint(wanted) {
		return "", fmt.Errorf("vendors are bound by %v, the broker has %v, attempts %+v", bound, wanted, m.attempts())
	}
	return outcome, nil
}

// network carries commands to the vendors' tables, badly.
type network struct {
	world
	tables   map[string]*table
	underWay sync.WaitGroup

	mutex  sync.Mutex
	random *rand.Rand
}

func (n *network) chance(percent int) bool { return n.below(100) < percent }

func (n *network) below(limit int) int {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.random.IntN(limit)
}

// later does something within a minute.
func (n *network) later(do func()) {
	wait := time.Duration(n.below(60_000)) * time.Millisecond
	n.underWay.Go(func() {
		time.Sleep(wait)
		do()
	})
}

// Do carries one command until it is answered, as the initiator does.
func (n *network) Do(ctx context.Context, _ string, message proto.Message) (proto.Message, error) {
	table := n.tables[message.Receiver.Name]
	for {
		if n.chance(n.Late) {
			n.later(func() { table.command(message) })
		}
		if !n.chance(n.Lost) {
			answer := table.command(message)
			if !n.chance(n.Deaf) {
				return answer, ctx.Err()
			}
		}
		select {
		case <-time.After(time.Duration(200+n.below(3000)) * time.Millisecond):
		case <-ctx.Done():
			return proto.Message{}, ctx.Err()
		}
	}
}

// silence is a bus that takes every event.
type silence struct{}

func (silence) Publish(context.Context, proto.Event) error { return nil }

var errCrashed = errors.New("crashed")

// failing is a store that fails for good at one of its commits, which has been made or not.
type failing struct {
	services.Store
	mutex   sync.Mutex
	next    *crash
	commits int
	crashed chan struct{}
}

func (f *failing) Commit(ctx context.Context, changes ...services.Change) error {
	f.mutex.Lock()
	f.commits++
	reached := f.next != nil && f.commits >= f.next.After
	first := f.next != nil && f.commits == f.next.After
	f.mutex.Unlock()
	if !reached {
		return f.Store.Commit(ctx, changes...)
	}
	if first {
		defer close(f.crashed)
		if f.next.Kept {
			if err := f.Store.Commit(ctx, changes...); err != nil {
				return err
			}
		}
	}
	return errCrashed
}
