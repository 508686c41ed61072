package deployer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// A stall has two looks. From the one to the other machines are replaced one after another, one is resized, one comes, one
// goes, and one is only put under another agreement; and back.
const (
	stallPlain = `
name: stall
resources:
  web:   { type: cluster, image: shell, count: 2, run: ["print plain"] }
  db:    { type: compute, image: shell }
  kept:  { type: cluster, image: shell, count: 1 }
  log:   { type: compute, image: shell }
  front: { type: load-balancer, targets: web, listen: 8080, check: { every: 100ms, timeout: 10ms } }
`
	stallFancy = `
name: stall
resources:
  web:   { type: cluster, image: shell, count: 2, run: ["print fancy"] }
  db:    { type: compute, image: shell, cores: 2 }
  kept:  { type: cluster, image: shell, count: 1..2 }
  cache: { type: compute, image: shell }
  front: { type: load-balancer, targets: web, listen: 8080, check: { every: 100ms, timeout: 10ms } }
`
)

// look is what a stall comes to.
type look struct {
	source, printed, names string
	cores                  int
	// anew are the classes that are agreed on when the stall is changed to it.
	anew []string
}

var (
	plain = look{stallPlain, "plain", "db-1 front kept-1 log-1 web-1 web-2", 1, []string{"db", "kept", "log"}}
	fancy = look{stallFancy, "fancy", "cache-1 db-1 front kept-1 web-1 web-2", 2, []string{"db", "kept", "cache"}}
)

// changedTo is a deployment as it is agreed to be changed.
func (h *house) changedTo(from descriptors.Deployment, to look) descriptors.Deployment {
	h.t.Helper()
	return h.broker.change(from, application(h.t, to.source), "athens", to.anew...)
}

func applying(descriptor descriptors.Deployment) proto.DeploymentCommand {
	return proto.DeploymentCommand{Verb: proto.DeploymentApply, Descriptor: &descriptor}
}

// has says how a stall differs from a look: at the cloud, at the deployer, and in what vendors hold it to. The machines
// that go on are those of the ids.
func (h *house) has(to look, descriptor descriptors.Deployment, ids map[string]string) string {
	h.t.Helper()
	athens := h.vendors["athens"]
	if got := strings.Join(athens.standing(h.t), " "); got != to.names {
		return fmt.Sprintf("the cloud has %q, want %q", got, to.names)
	}
	for _, name := range []string{"web-1", "web-2"} {
		if got := athens.printed(h.t, name); !strings.Contains(got, to.printed) {
			return fmt.Sprintf("%s prints %q", name, got)
		}
	}
	for name, id := range ids {
		if now := athens.resource(h.t, name); now.ID != id || now.State != vendormodules.ResourceRunning {
			return fmt.Sprintf("%s was %s and is %s, %s", name, id, now.ID, now.State)
		}
	}
	if made, err := athens.account.Requested(athens.resource(h.t, "db-1").ID); err != nil || made.Class.Cores != to.cores {
		return fmt.Sprintf("db-1 has %d cores, %v", made.Class.Cores, err)
	}
	var agreed []string
	for class, bound := range descriptor.Resources {
		agreed = append(agreed, class+" "+bound.Agreement)
	}
	slices.Sort(agreed)
	if held := h.broker.holds(descriptor.ID); !slices.Equal(held, agreed) {
		return fmt.Sprintf("agreements stand for %v, want %v", held, agreed)
	}
	status := h.status("stall")
	for _, one := range status.Resources {
		if bound := descriptor.Resources[one.Ref.Class]; one.Agreement != bound.Agreement || one.State != vendormodules.ResourceRunning {
			return fmt.Sprintf("%s is %s under %s, want it under %s", one.Name, one.State, one.Agreement, bound.Agreement)
		}
	}
	if len(status.Resources) != len(athens.standing(h.t)) || status.State != descriptors.DeploymentRunning || status.Unfinished {
		return fmt.Sprintf("the deployer has %+v", status)
	}
	return ""
}

// ids are those of the machines that no change of a stall replaces.
func (h *house) ids() map[string]string {
	h.t.Helper()
	ids := map[string]string{}
	for _, name := range []string{"db-1", "kept-1", "front"} {
		ids[name] = h.vendors["athens"].resource(h.t, name).ID
	}
	return ids
}

// applied carries a change to its end through crashes, after which everything is as it was to become.
func (h *mortalHouse) applied(t require, from descriptors.Deployment, to look, crashes ...crash) (descriptors.Deployment, int) {
	ids, changed := h.ids(), h.changedTo(from, to)
	outcome, crashed := h.through(applying(changed), crashes...)
	if outcome.Refusal != nil {
		t.Fatalf("changed to %s through %v: %v", to.printed, crashes, outcome.Refusal)
	}
	if wrong := h.has(to, changed, ids); wrong != "" {
		t.Fatalf("changed to %s through %v: %s", to.printed, crashes, wrong)
	}
	return changed, crashed
}

// TestEveryCommitOfAChangeIsAGoodOneToCrashAt changes a stall there and back, with a crash before each commit on the one
// way and after it on the other.
func TestEveryCommitOfAChangeIsAGoodOneToCrashAt(t *testing.T) {
	h := newMortalHouse(t, "athens")
	stands := h.agree(plain.source, "")
	h.deploy(stands).fine()
	crashed := 0
	for commit := firstCommit; ; commit++ {
		var there, back int
		stands, there = h.applied(t, stands, fancy, crash{commit, commit%2 == 0})
		stands, back = h.applied(t, stands, plain, crash{commit, commit%2 == 1})
		if crashed += there + back; there+back == 0 {
			break
		}
	}
	h.remove("stall").fine()
	h.expect("")
	if h.broker.agreed() != 0 || crashed < 40 {
		t.Errorf("agreements of %d deployments stand, after %d crashes", h.broker.agreed(), crashed)
	}
}

// TestChangesThroughCrashes lets one change follow another, finished or not, each through several crashes.
func TestChangesThroughCrashes(t *testing.T) {
	h := newMortalHouse(t, "athens")
	rapid.Check(t, func(t *rapid.T) {
		stands := h.agree(plain.source, "")
		h.deploy(stands).fine()
		for _, to := range rapid.SliceOfN(rapid.SampledFrom([]look{plain, fancy}), 1, 4).Draw(t, "looks") {
			stands, _ = h.applied(t, stands, to, crashes().Draw(t, "apply")...)
		}
		h.try(t, "", proto.DeploymentCommand{Verb: proto.DeploymentRemove, Name: "stall"}, crashes().Draw(t, "remove")...)
	})
}

// TestAChangeThatFailsIsGoneBackFrom: what is changed stays changed and what is not goes on, until the change is undone or
// applied again.
func TestAChangeThatFailsIsGoneBackFrom(t *testing.T) {
	for _, undone := range []bool{true, false} {
		t.Run(fmt.Sprintf("undone %t", undone), func(t *testing.T) {
			h := newMortalHouse(t, "athens")
			before := h.agree(plain.source, "")
			h.deploy(before).fine()
			ids, changed := h.ids(), h.changedTo(before, fancy)
			h.vendors["athens"].failing("create cache-1")
			outcome, _ := h.through(applying(changed))
			if outcome.Refusal == nil || !strings.Contains(outcome.Refusal.Hint, "agency apply --undo stall") {
				t.Fatalf("it ended with %+v", outcome.Refusal)
			}
			if !h.status("stall").Unfinished {
				t.Error("nothing says that it is not done")
			}
			for _, name := range []string{"db-1", "log-1", "web-1", "web-2"} {
				h.vendors["athens"].resource(t, name)
			}
			next, to := changed, fancy
			if undone {
				next, to = before, plain
				next.Revision = changed.Revision + 1
			} else {
				h.vendors["athens"].failing()
			}
			outcome, _ = h.through(applying(next), crash{firstCommit + 3, true}, crash{firstCommit + 4, false})
			if outcome.Refusal != nil {
				t.Fatal(outcome.Refusal)
			}
			if wrong := h.has(to, next, ids); wrong != "" {
				t.Error(wrong)
			}
			h.remove("stall").fine()
			h.expect("")
		})
	}
}
