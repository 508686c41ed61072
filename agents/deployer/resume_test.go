package deployer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// firstCommit is the first that it is worth crashing at: before the very first nothing has happened, and the client asks
// again only after a while.
const firstCommit = 2

// crash is a commit at which the deployer stops for good, before or after it took hold.
type crash struct {
	commit int // from 1; never if 0
	after  bool
}

// mortal is a store whose owner crashes at a commit.
type mortal struct {
	services.Store
	die func()

	mutex sync.Mutex
	crash crash
	dead  chan struct{}
}

var errCrashed = errors.New("crashed")

func (m *mortal) Commit(ctx context.Context, changes ...services.Change) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	select {
	case <-m.dead:
		return errCrashed
	default:
	}
	m.crash.commit--
	if m.crash.commit != 0 {
		return m.Store.Commit(ctx, changes...)
	}
	if m.crash.after {
		if err := m.Store.Commit(ctx, changes...); err != nil {
			return err
		}
	}
	m.die()
	close(m.dead)
	return errCrashed
}

// arm makes the deployer crash from its next commits on.
func (m *mortal) arm(next crash) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.crash = next
}

// mortalHouse is a house whose deployer crashes.
type mortalHouse struct {
	*house
	store *mortal
}

func newMortalHouse(t testing.TB, vendors ...string) *mortalHouse {
	h := &mortalHouse{house: newHouse(t, vendors...)}
	h.wrap = func(store services.Store) services.Store {
		h.store = &mortal{Store: store, dead: make(chan struct{}), die: func() {
			h.mutex.Lock()
			defer h.mutex.Unlock()
			h.cancel()
		}}
		return h.store
	}
	h.stop()
	h.start()
	return h
}

// through carries a command to its end through crashes, and says how many of them there were.
func (h *mortalHouse) through(command proto.DeploymentCommand, crashes ...crash) (outcome proto.Outcome, crashed int) {
	h.t.Helper()
	h.store.arm(append(crashes, crash{})[0])
	begun := h.begin("", command)
	crashed = h.survive(begun, crashes)
	return begun.end(), crashed
}

// survive starts the deployer again after each crash until an operation has ended, and says how often that was. The first
// crash has been armed.
func (h *mortalHouse) survive(begun *operation, crashes []crash) (crashed int) {
	h.t.Helper()
	crashes = append(crashes, crash{})
	for {
		select {
		case answer := <-begun.answer:
			begun.answer <- answer
			h.store.arm(crash{})
			return crashed
		case <-h.store.dead:
			crashed++
			h.stop()
			h.start()
			h.store.arm(crashes[min(crashed, len(crashes)-1)])
		}
	}
}

// farmOf are the names of what a farm of some machines consists of.
func farmOf(machines int) string {
	names := []string{"front"}
	for number := 1; number <= machines; number++ {
		names = append(names, fmt.Sprintf("disk-%d", number), fmt.Sprintf("web-%d", number))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// try carries a command through crashes, after which it has worked and the clouds have what they should.
func (h *mortalHouse) try(t require, names string, command proto.DeploymentCommand, crashes ...crash) (crashed int) {
	outcome, crashed := h.through(command, crashes...)
	if outcome.Refusal != nil {
		t.Fatalf("%s through %v: %v", command.Verb, crashes, outcome.Refusal)
	}
	var standing []string
	for _, vendor := range h.vendors {
		standing = append(standing, vendor.standing(h.t)...)
	}
	slices.Sort(standing)
	if got := strings.Join(standing, " "); got != names {
		t.Fatalf("%s through %v: the clouds have %q, want %q", command.Verb, crashes, got, names)
	}
	return crashed
}

type require interface {
	Fatalf(format string, arguments ...any)
}

func TestEveryCommitIsAGoodOneToCrashAt(t *testing.T) {
	h := newMortalHouse(t, "athens")
	const solo = `{ name: solo, resources: { db: { type: compute, image: shell } } }`
	crashed := 0
	for _, after := range []bool{false, true} {
		for commit := firstCommit; ; commit++ {
			at := crash{commit, after}
			descriptor := h.agree(solo, "")
			first := h.try(t, "db-1", proto.DeploymentCommand{Verb: proto.DeploymentDeploy, Descriptor: &descriptor}, at)
			last := h.try(t, "", proto.DeploymentCommand{Verb: proto.DeploymentRemove, Name: "solo"}, at)
			if crashed += first + last; first+last == 0 {
				break
			}
		}
	}
	if crashed < 12 {
		t.Errorf("it crashed only %d times", crashed)
	}
}

// crashes are up to three, one after another.
func crashes() *rapid.Generator[[]crash] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) crash {
		return crash{rapid.IntRange(firstCommit, 25).Draw(t, "commit"), rapid.Bool().Draw(t, "after")}
	}), 0, 3)
}

func TestCrashesLeaveEveryInstanceExactlyOnce(t *testing.T) {
	h := newMortalHouse(t, "athens", "lisbon")
	rapid.Check(t, func(t *rapid.T) {
		descriptor := h.agree(farm, "athens", "front", "lisbon")
		deploy := proto.DeploymentCommand{Verb: proto.DeploymentDeploy, Descriptor: &descriptor}
		h.try(t, farmOf(1), deploy, crashes().Draw(t, "deploy")...)
		machines := 1
		for _, count := range rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "counts") {
			if count > 0 {
				machines = count
				h.try(t, farmOf(machines), proto.DeploymentCommand{
					Verb: proto.DeploymentScale, Name: "farm", Class: "web", Count: machines,
				}, crashes().Draw(t, "scale")...)
				continue
			}
			lost := rapid.SampledFrom(strings.Fields(farmOf(machines))).Draw(t, "lost")
			h.forgetEvents()
			if lost == "front" {
				h.vendors["lisbon"].lose(h.t, lost)
			} else {
				h.vendors["athens"].lose(h.t, lost)
			}
			h.awaitState(descriptors.DeploymentDegraded)
			h.try(t, farmOf(machines), deploy, crashes().Draw(t, "replace")...)
		}
		h.try(t, "", proto.DeploymentCommand{Verb: proto.DeploymentRemove, Name: "farm"}, crashes().Draw(t, "remove")...)
	})
}

func TestRemovalInterruptsThroughCrashes(t *testing.T) {
	h := newMortalHouse(t, "athens", "lisbon")
	rapid.Check(t, func(t *rapid.T) {
		descriptor := h.agree(farm, "athens", "front", "lisbon")
		deploy := h.deploy(descriptor)
		h.await("a planned deployment", func(event proto.Event) bool {
			return event.Deployment == descriptor.ID && event.State == descriptors.DeploymentPlanned
		})
		accidents := crashes().Draw(t, "remove")
		h.store.arm(append(accidents, crash{})[0])
		removal := h.remove("farm")
		h.survive(removal, accidents)
		if outcome := removal.end(); outcome.Refusal != nil {
			t.Fatalf("removal through %v: %v", accidents, outcome.Refusal)
		}
		if outcome := deploy.end(); outcome.Refusal != nil && outcome.Refusal.Code != sla.RefusedConflict {
			t.Fatalf("deploy through %v: %v", accidents, outcome.Refusal)
		}
		h.expect("")
		if h.t.Failed() {
			t.Fatalf("through %v", accidents)
		}
	})
}

func TestRepeatsOfACommandAreAnsweredAgainAlsoAfterARestart(t *testing.T) {
	h := newHouse(t, "athens")
	athens, descriptor := h.vendors["athens"], h.webshop()
	deploy := proto.DeploymentCommand{Verb: proto.DeploymentDeploy, Descriptor: &descriptor}
	begun, release := athens.holding("create db-1")
	first := h.begin("first", deploy)
	<-begun
	second := h.begin("first", deploy)
	release()
	one, other := first.fine(), second.fine()
	if one.State != descriptors.DeploymentRunning || !one.Since.Equal(other.Since) {
		t.Errorf("the answers differ: %+v, %+v", one, other)
	}
	h.stop()
	h.start()
	if again := h.begin("first", deploy).fine(); !again.Since.Equal(one.Since) {
		t.Errorf("after a restart it answers %+v", again)
	}
	status := h.status("webshop")
	if status.State != descriptors.DeploymentRunning || len(status.Resources) != 6 || status.Operation != "" {
		t.Errorf("after a restart it stands as %+v", status)
	}
	athens.fresh()
	h.deploy(descriptor).fine()
	if done := athens.log(); len(done) > 0 {
		t.Errorf("deployed again after a restart it did %v", done)
	}
}

func TestScaleUpThatFailsReturnsToTheFormerCountAlsoThroughCrashes(t *testing.T) {
	h := newMortalHouse(t, "athens")
	h.deploy(h.agree(farm, "")).fine()
	h.vendors["athens"].failing("create web-4")
	scale := proto.DeploymentCommand{Verb: proto.DeploymentScale, Name: "farm", Class: "web", Count: 4}
	for commit := 3; commit <= 30; commit += 3 {
		outcome, _ := h.through(scale, crash{commit, commit%2 == 0})
		if outcome.Refusal == nil || outcome.Refusal.Code != sla.RefusedCapacity {
			t.Fatalf("with a crash at commit %d it ended with %+v", commit, outcome.Refusal)
		}
		h.expect(farmOf(1))
		if counts := h.status("farm").Counts; counts["web"] != 1 || counts["disk"] != 1 {
			t.Fatalf("with a crash at commit %d the counts are %v", commit, counts)
		}
	}
}

func TestAVendorThatIsAwayIsWaitedFor(t *testing.T) {
	h := newHouse(t, "athens", "lisbon")
	descriptor := h.agree(farm, "athens", "front", "lisbon")
	h.stopVendor("lisbon")
	deploy := h.deploy(descriptor)
	h.awaitState(descriptors.DeploymentProvisioning)
	h.stop()
	h.start()
	h.startVendor("lisbon")
	if state := deploy.fine().State; state != descriptors.DeploymentRunning {
		t.Errorf("it is %s", state)
	}
	h.expect(farmOf(1))
}
