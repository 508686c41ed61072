package deployer_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

func (c *cloud) Resize(ctx context.Context, id string, class descriptors.Class) error {
	if err := c.act(ctx, "resize "+c.name(id)); err != nil {
		return err
	}
	return c.Module.Resize(ctx, id, class)
}

// larger is a rack with machines and disks of twice their size, on which it is agreed anew.
func (h *house) larger(from descriptors.Deployment) descriptors.Deployment {
	h.t.Helper()
	h.broker.onCancel(func(message proto.Message) (proto.Message, bool) {
		content, err := proto.Decode[proto.Cancellation](message)
		if err != nil || len(content.Releases) == 0 {
			return proto.Message{}, false
		}
		return proto.Answer(message, proto.Inform, proto.AgreementList{}), true
	})
	wanted := from
	wanted.Revision++
	wanted.Resources = map[string]descriptors.BoundClass{}
	part := descriptors.Application{Name: from.Name, Currency: from.Currency, Resources: map[string]descriptors.Class{}}
	for name, bound := range from.Resources {
		switch name {
		case "web":
			bound.Cores = 2
			part.Resources[name] = bound.Class
		case "disk":
			bound.Size = 2 * quantity.GiB
			part.Resources[name] = bound.Class
		}
		wanted.Resources[name] = bound
	}
	agreement := h.broker.contract("athens", from.ID, descriptors.Call(part, ulid.Make().String(), 1, time.Now().Add(patience)))
	h.broker.mutex.Lock()
	h.broker.agreements[from.ID] = append(h.broker.agreements[from.ID], agreement)
	h.broker.mutex.Unlock()
	for name := range part.Resources {
		bound := wanted.Resources[name]
		bound.Agreement, bound.Price = agreement.ID, agreement.Classes[name].Unit
		wanted.Resources[name] = bound
	}
	return wanted
}

func (h *house) apply(descriptor descriptors.Deployment) *operation {
	return h.begin("", proto.DeploymentCommand{Verb: proto.DeploymentApply, Descriptor: &descriptor})
}

// sizes are the cores of machines and the sizes of volumes at a cloud, by their names.
func (s *seller) sizes(t *testing.T) string {
	t.Helper()
	var sizes []string
	for _, name := range s.standing(t) {
		made, err := s.account.Requested(s.resource(t, name).ID)
		must(t, err)
		switch made.Class.Type {
		case descriptors.Compute:
			sizes = append(sizes, fmt.Sprintf("%s %d", name, made.Class.Cores))
		case descriptors.Volume:
			sizes = append(sizes, fmt.Sprintf("%s %s", name, made.Class.Size))
		}
	}
	return strings.Join(sizes, ", ")
}

const (
	rackBefore = "disk-1 1GiB, disk-2 1GiB, spare 1GiB, web-1 1, web-2 1"
	rackLarger = "disk-1 2GiB, disk-2 2GiB, spare 1GiB, web-1 2, web-2 2"
)

// is checks what a rack has, and under which agreements.
func (h *house) is(sizes string, descriptor descriptors.Deployment) {
	h.t.Helper()
	test, is := h.t.(*testing.T)
	if !is {
		h.t.Fatal("not a test")
	}
	if got := h.vendors["athens"].sizes(test); got != sizes {
		h.t.Errorf("the cloud has %s, want %s", got, sizes)
	}
	status := h.status("farm")
	for _, one := range status.Resources {
		if bound := descriptor.Resources[one.Ref.Class]; one.Agreement != bound.Agreement || one.Price != bound.Price || one.Ref.Generation != 1 {
			h.t.Errorf("%s, generation %d, is under %s for %s, want %s for %s",
				one.Name, one.Ref.Generation, one.Agreement, one.Price, bound.Agreement, bound.Price)
		}
	}
	if status.State != descriptors.DeploymentRunning {
		h.t.Errorf("it is %s: %s", status.State, status.Fault)
	}
}

func (h *house) standingRack() (descriptors.Deployment, *seller) {
	h.t.Helper()
	// No test waits long for balancers to find machines healthy.
	descriptor := h.agree(strings.Replace(rack, "listen: 8080", "listen: 8080, check: { every: 100ms, timeout: 100ms }", 1), "")
	h.deploy(descriptor).fine()
	h.scale("farm", "web", 2).fine()
	athens := h.vendors["athens"]
	athens.fresh()
	return descriptor, athens
}

func TestWhatStandsIsResizedAsItRuns(t *testing.T) {
	h := newHouse(t, "athens")
	descriptor, athens := h.standingRack()
	h.is(rackBefore, descriptor)
	larger := h.larger(descriptor)
	h.apply(larger).fine()
	done := athens.log()
	slices.Sort(done)
	if got := strings.Join(done, ", "); got != "resize disk-1, resize disk-2, resize web-1, resize web-2" {
		t.Errorf("it did %s", got)
	}
	h.is(rackLarger, larger)
	h.remove("farm").fine()
	h.expect("")
}

// TestAMachineIsStoppedForItsSize has a cloud that resizes machines only while they are stopped.
func TestAMachineIsStoppedForItsSize(t *testing.T) {
	h := newHouse(t, "athens")
	descriptor, athens := h.standingRack()
	athens.onAct(athens.onlyStopped(t))
	larger := h.larger(descriptor)
	h.apply(larger).fine()
	done := slices.DeleteFunc(athens.log(), func(what string) bool { return strings.HasPrefix(what, "resize disk") })
	want := []string{
		"lead front to web-2", "stop web-1", "resize web-1", "start web-1", "lead front to web-1 web-2",
		"lead front to web-1", "stop web-2", "resize web-2", "start web-2", "lead front to web-1 web-2",
	}
	if !slices.Equal(done, want) {
		t.Errorf("it did %q, want %q", done, want)
	}
	h.is(rackLarger, larger)
}

// onlyStopped refuses to resize machines that run.
func (s *seller) onlyStopped(t *testing.T) func(context.Context, string) error {
	return func(_ context.Context, what string) error {
		name, resizes := strings.CutPrefix(what, "resize ")
		if resizes && strings.HasPrefix(name, "web") && s.resource(t, name).State == vendormodules.ResourceRunning {
			return fmt.Errorf("it runs: %w", vendormodules.ErrConflict)
		}
		return nil
	}
}

// TestAResizeThatFailsHalfwayIsTakenUp has what is not done said, and done by the next try alone.
func TestAResizeThatFailsHalfwayIsTakenUp(t *testing.T) {
	h := newHouse(t, "athens")
	descriptor, athens := h.standingRack()
	athens.failing("resize web-2")
	larger := h.larger(descriptor)
	refusal := h.apply(larger).refused(sla.RefusedCapacity)
	if !strings.Contains(refusal.Message, "Not changed yet: web-2") || strings.Contains(refusal.Message, "web-1") {
		t.Errorf("it says %q", refusal.Message)
	}
	athens.onAct(nil)
	athens.fresh()
	h.apply(larger).fine()
	athens.did(t, "resize web-2")
	h.is(rackLarger, larger)
}

// TestWhatCannotBeResizedIsReplacedUnlessDataWouldBeLost has a cloud that resizes nothing.
func TestWhatCannotBeResizedIsReplacedUnlessDataWouldBeLost(t *testing.T) {
	h := newHouse(t, "athens")
	descriptor, athens := h.standingRack()
	var volumesToo atomic.Bool
	volumesToo.Store(true)
	athens.onAct(func(_ context.Context, what string) error {
		if strings.HasPrefix(what, "resize web") || strings.HasPrefix(what, "resize disk") && volumesToo.Load() {
			return fmt.Errorf("sizes stay: %w", vendormodules.ErrUnsupported)
		}
		return nil
	})
	larger := h.larger(descriptor)
	refusal := h.apply(larger).refused(sla.RefusedUnsupported)
	if !strings.Contains(refusal.Message, "it is left as it is, for what is on it") {
		t.Errorf("it says %q", refusal.Message)
	}
	if got := athens.sizes(t); got != rackBefore {
		t.Errorf("the cloud has %s", got)
	}
	volumesToo.Store(false)
	athens.fresh()
	h.apply(larger).fine()
	if done := strings.Join(athens.log(), ", "); !strings.Contains(done, "delete web-1, create web-1") {
		t.Errorf("it did %s", done)
	}
	if got := athens.sizes(t); got != rackLarger {
		t.Errorf("the cloud has %s", got)
	}
}

// TestAResizeGoesOnAfterACrashAnywhere has no crash leave a machine stopped, or anything made twice.
func TestAResizeGoesOnAfterACrashAnywhere(t *testing.T) {
	h := newMortalHouse(t, "athens")
	const names = "disk-1 disk-2 front spare web-1 web-2"
	crashed := 0
	for commit := firstCommit; ; commit += 5 {
		descriptor, athens := h.standingRack()
		athens.onAct(athens.onlyStopped(t))
		larger := h.larger(descriptor)
		count := h.try(t, names, proto.DeploymentCommand{Verb: proto.DeploymentApply, Descriptor: &larger}, crash{commit, commit%2 == 0})
		h.is(rackLarger, larger)
		h.remove("farm").fine()
		if crashed += count; count == 0 {
			break
		}
	}
	if crashed < 5 {
		t.Errorf("it crashed only %d times", crashed)
	}
}

// TestAMachineThatABalancerCannotDoWithoutStays: what comes of the first machine is no good, and the second serves on.
func TestAMachineThatABalancerCannotDoWithoutStays(t *testing.T) {
	for _, undone := range []bool{true, false} {
		t.Run(fmt.Sprintf("undone %t", undone), func(t *testing.T) {
			h := newMortalHouse(t, "athens")
			before := h.agree(plain.source, "")
			h.deploy(before).fine()
			ids, changed, athens := h.ids(), h.changedTo(before, fancy), h.vendors["athens"]
			second := athens.resource(t, "web-2").ID
			athens.failing("lead front to web-1")
			outcome, _ := h.through(applying(changed))
			if outcome.Refusal == nil || !strings.Contains(outcome.Refusal.Message, "Not changed yet: web-2") {
				t.Fatalf("it ended with %+v", outcome.Refusal)
			}
			if now := athens.resource(t, "web-2"); now.ID != second || now.State != vendormodules.ResourceRunning {
				t.Fatalf("web-2 was %s and is %s, %s", second, now.ID, now.State)
			}
			led := slices.DeleteFunc(athens.log(), func(act string) bool { return !strings.HasPrefix(act, "lead front to ") })
			if led[len(led)-1] != "lead front to web-1 web-2" {
				t.Fatalf("of the balancer was made: %q", led)
			}
			next, to := changed, fancy
			if undone {
				next, to = before, plain
				next.Revision = changed.Revision + 1
			} else {
				athens.failing()
			}
			if outcome, _ = h.through(applying(next)); outcome.Refusal != nil {
				t.Fatal(outcome.Refusal)
			}
			if wrong := h.has(to, next, ids); wrong != "" {
				t.Error(wrong)
			}
			if stayed := athens.resource(t, "web-2").ID == second; stayed != undone {
				t.Errorf("web-2 stayed: %t", stayed)
			}
		})
	}
}
