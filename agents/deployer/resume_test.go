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
	"github.com/cloud-agency/agency/vendormodules/services"
)

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
	crashes = append(crashes, crash{})
	h.store.arm(crashes[0])
	begun := h.begin("", command)
	for {
		select {
		case answer := <-begun.answer:
			begun.answer <- answer
			h.store.arm(crash{})
			return begun.end(), crashed
		case <-h.store.dead:
			crashed++
			h.stop()
			h.start()
			h.store.arm(crashes[min(crashed, len(crashes)-1)])
		}
	}
}

// names are those of what a farm of some machines consists of.
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
		for commit := 1; ; commit++ {
			at := crash{commit, after}
			descriptor := h.agree(solo, "")
			first := h.try(t, "db-1", proto.DeploymentCommand{Verb: proto.DeploymentDeploy, Descriptor: &descriptor}, at)
			last := h.try(t, "", proto.DeploymentCommand{Verb: proto.DeploymentRemove, Name: "solo"}, at)
			if crashed += first + last; first+last == 0 {
				break
			}
		}
	}
	if crashed < 20 {
		t.Errorf("it crashed only %d times", crashed)
	}
}

func TestCrashesLeaveEveryInstanceExactlyOnce(t *testing.T) {
	h := newMortalHouse(t, "athens", "lisbon")
	crashes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) crash {
		return crash{rapid.IntRange(1, 25).Draw(t, "commit"), rapid.Bool().Draw(t, "after")}
	}), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		descriptor := h.agree(farm, "athens", "front", "lisbon")
		h.try(t, farmOf(1), proto.DeploymentCommand{Verb: proto.DeploymentDeploy, Descriptor: &descriptor},
			crashes.Draw(t, "deploy")...)
		for _, count := range rapid.SliceOfN(rapid.IntRange(1, 4), 0, 2).Draw(t, "counts") {
			h.try(t, farmOf(count), proto.DeploymentCommand{
				Verb: proto.DeploymentScale, Name: "farm", Class: "web", Count: count,
			}, crashes.Draw(t, "scale")...)
		}
		h.try(t, "", proto.DeploymentCommand{Verb: proto.DeploymentRemove, Name: "farm"}, crashes.Draw(t, "remove")...)
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

func TestAFailingScaleKnowsItsFormerCountAfterACrash(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.vendors["athens"]
	h.deploy(h.agree(farm, "")).fine()
	begun, release := athens.holding("create web-4")
	scale := h.scale("farm", "web", 4)
	<-begun
	h.stop()
	athens.failing("create web-4")
	release()
	h.start()
	h.eventually("create given up or done", func() bool { return h.status("farm").Operation == "" })
	outcome := scale.end()
	if outcome.Refusal == nil {
		h.expect(farmOf(4)) // the vendor had it under way and was let go on
		return
	}
	h.expect(farmOf(1))
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
