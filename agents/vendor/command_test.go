package vendor_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

func TestEveryVerb(t *testing.T) {
	h := newHouse(t, nil)
	volume := descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}
	network := descriptors.Class{Type: descriptors.Network}
	balancer := descriptors.Class{Type: descriptors.LoadBalancer, Targets: "web", Listen: 80}
	agreement := h.agree(map[string]descriptors.Class{
		"web": machine(exactly(1)), "data": volume, "lan": network, "front": balancer,
	})
	of := func(verb proto.ResourceVerb, class string, sequence uint64, content descriptors.Class) order {
		made := orderFor(agreement, verb, class, sequence)
		if made.Class != nil {
			made.Class = &content
		}
		return made
	}
	state := func(made order, want vendormodules.ResourceState) {
		t.Helper()
		if status := h.done(made); status.State != want {
			t.Fatalf("%s: %s is %s, want %s", made.Verb, status.Name, status.State, want)
		}
	}
	h.done(of(proto.VerbPrepare, "web", 0, machine(exactly(1))))
	state(of(proto.VerbCreate, "data", 1, volume), vendormodules.ResourceRunning)
	state(of(proto.VerbCreate, "lan", 1, network), vendormodules.ResourceRunning)
	web := of(proto.VerbCreate, "web", 1, machine(exactly(1)))
	data := proto.ResourceRef{Deployment: agreement.Deployment, Class: "data", Index: 1, Generation: 1}
	web.Volumes = []proto.MountRef{{Volume: data, Mount: "/srv"}}
	web.Networks = []proto.ResourceRef{{Deployment: agreement.Deployment, Class: "lan", Index: 1, Generation: 1}}
	state(web, vendormodules.ResourceRunning)
	state(of(proto.VerbStop, "web", 2, volume), vendormodules.ResourceStopped)
	state(of(proto.VerbStart, "web", 3, volume), vendormodules.ResourceRunning)
	state(of(proto.VerbReboot, "web", 4, volume), vendormodules.ResourceRunning)
	attach := of(proto.VerbAttach, "web", 5, volume)
	attach.Volume, attach.Mount = &data, "/mnt"
	state(attach, vendormodules.ResourceRunning)

	inUse := of(proto.VerbDelete, "data", 2, volume)
	refused(t, h.do(inUse), proto.Failure, sla.RefusedConflict)
	for _, status := range h.list() {
		if status.State != vendormodules.ResourceRunning || status.Fault != "" {
			t.Errorf("%s is %s %s after a delete that was forbidden", status.Name, status.State, status.Fault)
		}
	}
	detach := of(proto.VerbDetach, "web", 6, volume)
	detach.Volume = &data
	state(detach, vendormodules.ResourceRunning)
	state(of(proto.VerbCreate, "front", 1, balancer), vendormodules.ResourceRunning)
	targets := of(proto.VerbSetTargets, "front", 2, balancer)
	targets.Targets = []vendormodules.Target{{Name: "web-1", Address: "192.0.2.1", Port: 80}}
	state(targets, vendormodules.ResourceRunning)
	if len(h.cloud.targets) != 1 {
		t.Errorf("the balancer has %v", h.cloud.targets)
	}
	samples := content[proto.SampleList](t, h.question(proto.TopicMeasure, agreement.Deployment)).Samples
	if len(samples) != 4 {
		t.Errorf("%d samples of 4 resources", len(samples))
	}
	for class, sequence := range map[string]uint64{"web": 7, "data": 3, "lan": 2, "front": 3} {
		state(of(proto.VerbDelete, class, sequence, volume), vendormodules.ResourceGone)
	}
	if left := h.cloud.all(); len(left) != 0 || len(h.list()) != 0 {
		t.Errorf("left at the cloud: %v, listed: %v", left, h.list())
	}
}

func TestAModuleWithoutAbilities(t *testing.T) {
	h := newHouse(t, func(h *house) { h.module = bare{h.cloud} })
	agreement, _, _ := h.create()
	for i, verb := range []proto.ResourceVerb{proto.VerbStop, proto.VerbAttach, proto.VerbSetTargets} {
		refused(t, h.do(orderFor(agreement, verb, "web", uint64(i+2))), proto.Failure, sla.RefusedUnsupported)
	}
	if status := h.list()[0]; status.State != vendormodules.ResourceRunning {
		t.Errorf("the machine is %s after what could not be done", status.State)
	}
}

func TestACommandComesTwice(t *testing.T) {
	h := newHouse(t, nil)
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	create := orderFor(agreement, proto.VerbCreate, "web", 1)
	question := h.request(create)
	var asking sync.WaitGroup
	var failed atomic.Int32
	for range 16 {
		asking.Go(func() {
			answer, err := h.deployer.Ask(t.Context(), proto.SubjectCommand(vendorName), question)
			if err != nil || answer.Performative != proto.Agree && answer.Performative != proto.Inform {
				failed.Add(1)
			}
		})
	}
	asking.Wait()
	first := h.done(create)
	if made := h.cloud.called("create"); made != 1 || failed.Load() != 0 {
		t.Fatalf("created %d times, %d repeats not taken", made, failed.Load())
	}
	h.restart()
	again := content[proto.Outcome](t, h.tell(create))
	if again.Command != create.id || again.Resource.ID != first.ID || h.cloud.called("create") != 1 {
		t.Errorf("after a restart the repeat was answered %+v", again)
	}
	known := content[proto.Outcome](t, h.question(proto.TopicCommand, create.id))
	if known.Resource.ID != first.ID {
		t.Errorf("asked for it: %+v", known)
	}
	refused(t, h.question(proto.TopicCommand, "other"), proto.Refuse, sla.RefusedNotFound)
}

func TestOneIDForTwoCommands(t *testing.T) {
	h := newHouse(t, nil)
	agreement, create, _ := h.create()
	remove := orderFor(agreement, proto.VerbDelete, "web", 2)
	remove.id = create.id
	refused(t, h.tell(remove), proto.Refuse, sla.RefusedConflict)
	other := create
	other.Resource.Generation = 2
	refused(t, h.tell(other), proto.Refuse, sla.RefusedConflict)
	if len(h.cloud.all()) != 1 {
		t.Error("the machine is gone")
	}
}

func TestCommandsOutOfOrder(t *testing.T) {
	h := newHouse(t, nil)
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	create, remove := orderFor(agreement, proto.VerbCreate, "web", 1), orderFor(agreement, proto.VerbDelete, "web", 2)
	if status := h.done(remove); status.State != vendormodules.ResourceGone {
		t.Errorf("what never was is %s", status.State)
	}
	refused(t, h.tell(create), proto.Refuse, sla.RefusedConflict)
	h.restart()
	refused(t, h.tell(create), proto.Refuse, sla.RefusedConflict)
	if again := content[proto.Outcome](t, h.tell(remove)); again.Resource.State != vendormodules.ResourceGone {
		t.Errorf("the delete's repeat was answered %+v", again)
	}
	if h.cloud.called("create") != 0 {
		t.Error("it was created after its delete")
	}

	create.Resource.Generation, create.id = 2, create.id+"b"
	h.done(create)
	start, stop := orderFor(agreement, proto.VerbStart, "web", 3), orderFor(agreement, proto.VerbStop, "web", 2)
	start.Resource.Generation, stop.Resource.Generation = 2, 2
	h.done(start)
	refused(t, h.tell(stop), proto.Refuse, sla.RefusedConflict)
}

func TestCommandsThatAreNotAdmitted(t *testing.T) {
	h := newHouse(t, nil)
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	create := orderFor(agreement, proto.VerbCreate, "web", 1)
	cases := map[string]struct {
		code   sla.RefusalCode
		change func(*order)
	}{
		"no agreement":       {sla.RefusedPermission, func(o *order) { o.Agreement = "other" }},
		"another deployment": {sla.RefusedPermission, func(o *order) { o.Resource.Deployment = "other" }},
		"another class":      {sla.RefusedPermission, func(o *order) { o.Resource.Class = "db" }},
		"beyond the count":   {sla.RefusedPermission, func(o *order) { o.Resource.Index = 2 }},
		"no class":           {sla.RefusedBadRequest, func(o *order) { o.Class = nil }},
		"no index":           {sla.RefusedBadRequest, func(o *order) { o.Resource.Index = 0 }},
		"no generation":      {sla.RefusedBadRequest, func(o *order) { o.Resource.Generation = 0 }},
		"no sequence":        {sla.RefusedBadRequest, func(o *order) { o.sequence = 0 }},
		"no such verb":       {sla.RefusedBadRequest, func(o *order) { o.Verb = "paint" }},
		"nothing to stop":    {sla.RefusedNotFound, func(o *order) { o.Verb = proto.VerbStop }},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			made := create
			one.change(&made)
			refused(t, h.tell(made), proto.Refuse, one.code)
		})
	}
	badID := create
	badID.id = "a.b"
	if answer := h.tell(badID); answer.Performative != proto.NotUnderstood {
		t.Errorf("a command id with a dot was answered %s", answer.Performative)
	}
	if entries, err := h.store.List(t.Context(), "commands."); err != nil || len(entries) != 0 {
		t.Errorf("%d commands are written down, %v", len(entries), err)
	}
	h.done(create) // none of it stands in the way of the right one
}

// TestADeleteInterruptsACreate deletes what waits to be created: at the cloud, and for the cloud to be done.
func TestADeleteInterruptsACreate(t *testing.T) {
	for name, prepare := range map[string]func(*house, chan struct{}){
		"in the call": func(h *house, asked chan struct{}) {
			h.cloud.script(once("create", func(ctx context.Context) error {
				close(asked)
				<-ctx.Done()
				return ctx.Err()
			}), nil)
		},
		"in the wait": func(h *house, asked chan struct{}) {
			h.cloud.change(func() { h.cloud.starting = true })
			h.cloud.script(once("get", func(context.Context) error {
				close(asked)
				return nil
			}), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			asked := make(chan struct{})
			prepare(h, asked)
			agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
			create := orderFor(agreement, proto.VerbCreate, "web", 1)
			if answer := h.tell(create); answer.Performative != proto.Agree {
				t.Fatalf("the create was answered %s", answer.Performative)
			}
			<-asked
			if status := h.list()[0]; status.State != vendormodules.ResourceCreating {
				t.Errorf("it shows as %s while it is being created", status.State)
			}
			if status := h.done(orderFor(agreement, proto.VerbDelete, "web", 2)); status.State != vendormodules.ResourceGone {
				t.Errorf("it is %s after the delete", status.State)
			}
			if refusal := refused(t, h.tell(create), proto.Failure, sla.RefusedConflict); !strings.Contains(refusal.Message, "superseded by delete") {
				t.Errorf("the create failed with %q", refusal.Message)
			}
			if left := h.cloud.all(); len(left) != 0 {
				t.Errorf("left at the cloud: %v", left)
			}
		})
	}
}

func TestAResourceShowsThatItIsBeingDeleted(t *testing.T) {
	h := newHouse(t, nil)
	agreement, _, _ := h.create()
	asked, proceed := make(chan struct{}), make(chan struct{})
	h.cloud.script(once("delete", func(context.Context) error {
		close(asked)
		<-proceed
		return nil
	}), nil)
	remove := orderFor(agreement, proto.VerbDelete, "web", 2)
	h.tell(remove)
	<-asked
	if status := h.list()[0]; status.State != vendormodules.ResourceDeleting {
		t.Errorf("it shows as %s", status.State)
	}
	close(proceed)
	h.done(remove)
}

func TestACommandThatTakesTooLong(t *testing.T) {
	h := newHouse(t, func(h *house) { h.options.ActWithin = 50 * time.Millisecond })
	h.cloud.change(func() { h.cloud.starting = true })
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	refusal := refused(t, h.do(orderFor(agreement, proto.VerbCreate, "web", 1)), proto.Failure, sla.RefusedUnavailable)
	if !strings.Contains(refusal.Message, "not done within 50ms") {
		t.Errorf("failed with %q", refusal.Message)
	}
	if status := h.list()[0]; status.State != vendormodules.ResourceError || status.Fault == "" || status.ID == "" {
		t.Errorf("it is %+v", status)
	}
	h.done(orderFor(agreement, proto.VerbDelete, "web", 2))
}

func TestMovesThatTheTableDoesNotHave(t *testing.T) {
	h := newHouse(t, nil)
	h.cloud.script(once("create", func(context.Context) error { return vendormodules.ErrQuota }), nil)
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	refused(t, h.do(orderFor(agreement, proto.VerbCreate, "web", 1)), proto.Failure, sla.RefusedQuota)
	refused(t, h.do(orderFor(agreement, proto.VerbStart, "web", 2)), proto.Failure, sla.RefusedConflict)
	h.done(orderFor(agreement, proto.VerbDelete, "web", 3))
	if status := h.done(orderFor(agreement, proto.VerbDelete, "web", 4)); status.State != vendormodules.ResourceGone {
		t.Errorf("what is gone is %s when deleted again", status.State)
	}
	refused(t, h.do(orderFor(agreement, proto.VerbStop, "web", 5)), proto.Failure, sla.RefusedConflict)
}
