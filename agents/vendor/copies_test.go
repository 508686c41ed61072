package vendor_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Snapshot implements vendormodules.Snapshotter.
func (c *cloud) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return c.copy(ctx, descriptors.Snapshot, request)
}

// Image implements vendormodules.Imager.
func (c *cloud) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return c.copy(ctx, descriptors.Image, request)
}

// copy makes a copy. Its operation is called like its type.
func (c *cloud) copy(
	ctx context.Context, kind descriptors.ResourceType, request vendormodules.CopyRequest,
) (made vendormodules.Resource, err error) {
	err = c.call(ctx, string(kind), request.Key, func() error {
		for _, known := range c.resources {
			if known.Key == request.Key && c.description.CreateToken {
				made = known
				return nil
			}
		}
		if _, err := c.find(request.Source); err != nil {
			return err
		}
		made = c.make(request.Key, request.Name, kind, request.Tags)
		return nil
	})
	return made, err
}

func volumeOf(size quantity.Bytes) descriptors.Class {
	return descriptors.Class{Type: descriptors.Volume, Size: size}
}

// volume makes a volume under an agreement of its own.
func (h *house) volume() (sla.Agreement, proto.ResourceStatus) {
	h.t.Helper()
	class := volumeOf(2 * quantity.GiB)
	agreement := h.agree(map[string]descriptors.Class{"data": class})
	create := orderFor(agreement, proto.VerbCreate, "data", 1)
	create.Class = &class
	return agreement, h.done(create)
}

// snapshotOrder is the command that makes a snapshot of the volume under an agreement.
func snapshotOrder(agreement sla.Agreement, name string) order {
	made := orderFor(agreement, proto.VerbSnapshot, "data", 1)
	made.Copy = &proto.Copy{Name: name, Deployment: "shop", Source: "data", Size: 2 * quantity.GiB}
	return made
}

// removal is the message of a client that deletes a copy.
func removal(t *testing.T, id, name string) proto.Message {
	return message(t, proto.Request, id, proto.ResourceCommand{
		Verb: proto.VerbDelete, Name: name, Copy: &proto.Copy{Name: name},
	})
}

// remove deletes a copy as a client does, and returns the end of that.
func (h *house) remove(t *testing.T, name string) (answer proto.Message) {
	t.Helper()
	asked := removal(t, ulid.Make().String(), name)
	h.eventually("the copy is removed or refused", func() error {
		answer = h.ask(h.client, proto.SubjectCommand(vendorName), asked)
		if answer.Performative == proto.Agree {
			return fmt.Errorf("it answers %s", answer.Performative)
		}
		return nil
	})
	return answer
}

func TestACopyOutlivesEverything(t *testing.T) {
	h := newHouse(t, nil)
	agreement, volume := h.volume()
	command := snapshotOrder(agreement, "before")
	made := h.done(command)
	if made.Type != descriptors.Snapshot || made.Name != "before" || made.Copy == nil || made.Copy.Source != "data" ||
		made.State != vendormodules.ResourceRunning || made.Price.PerHour.Micros == 0 || made.Ref.Index != 0 {
		t.Errorf("the snapshot is %+v", made)
	}
	if again := h.done(command); again.ID != made.ID || h.cloud.called("snapshot") != 1 {
		t.Errorf("again it is %+v, after %d calls", again, h.cloud.called("snapshot"))
	}
	refused(t, h.do(snapshotOrder(agreement, "before")), proto.Refuse, sla.RefusedConflict)

	doomed := orderFor(agreement, proto.VerbDelete, "data", 2)
	if gone := h.done(doomed); gone.ID != volume.ID || gone.State != vendormodules.ResourceGone {
		t.Errorf("the volume is %+v", gone)
	}
	content[sla.Agreement](t, h.cancel(proto.Cancellation{Agreement: agreement.ID, Proposal: agreement.Proposal}))
	h.restart()
	left := h.list()
	if len(left) != 1 || left[0].ID != made.ID || left[0].Quarantined || left[0].Copy.Size != 2*quantity.GiB {
		t.Fatalf("there are %+v", left)
	}
	if again := h.done(command); again.ID != made.ID {
		t.Errorf("after a restart it is %+v", again)
	}
	content[proto.Outcome](t, h.remove(t, "before"))
	if left, listed := h.cloud.all(), h.list(); len(left) != 0 || len(listed) != 0 {
		t.Errorf("there are %v, listed %v", left, listed)
	}
	if hint := refused(t, h.remove(t, "before"), proto.Refuse, sla.RefusedNotFound).Hint; !strings.Contains(hint, "agency snapshots") {
		t.Errorf("the hint is %q", hint)
	}
}

// TestACrashInACopy ends the agent from within the cloud, before and after every call of a snapshot has its effect, and
// looks that the next run ends what was begun, once, also when the volume has gone meanwhile.
func TestACrashInACopy(t *testing.T) {
	for _, token := range []bool{true, false} {
		for _, point := range []string{"before snapshot", "after snapshot", "before get", "after get"} {
			t.Run(fmt.Sprintf("token %t, %s", token, point), func(t *testing.T) {
				h := newHouse(t, func(h *house) {
					if !token {
						tokenless(h)
					}
				})
				agreement, _ := h.volume()
				when, operation, _ := strings.Cut(point, " ")
				ended := make(chan struct{})
				crash := once(operation, func(ctx context.Context) error {
					h.end()
					<-ctx.Done()
					close(ended)
					return ctx.Err()
				})
				h.cloud.change(func() { h.cloud.starting = operation == "get" })
				if when == "before" {
					h.cloud.script(crash, nil)
				} else {
					h.cloud.script(nil, crash)
				}
				command := snapshotOrder(agreement, "before")
				h.tell(command)
				<-ended
				h.stop()
				h.cloud.change(func() {
					h.cloud.starting = false
					for i := range h.cloud.resources {
						h.cloud.resources[i].State = vendormodules.ResourceRunning
					}
				})
				h.start()
				if made := h.done(command); made.State != vendormodules.ResourceRunning || made.Copy == nil {
					t.Errorf("it is %+v", made)
				}
				if all := h.cloud.all(); len(all) != 2 {
					t.Errorf("there are %v", all)
				}
			})
		}
	}
}

func TestACopyThatFailsLeavesNothing(t *testing.T) {
	h := newHouse(t, nil)
	agreement, _ := h.volume()
	h.cloud.script(once("snapshot", func(context.Context) error { return vendormodules.ErrQuota }), nil)
	refused(t, h.do(snapshotOrder(agreement, "before")), proto.Failure, sla.RefusedQuota)
	if listed := h.list(); len(listed) != 1 {
		t.Errorf("listed are %+v", listed)
	}
	h.done(snapshotOrder(agreement, "before")) // the name is free
	h.done(snapshotOrder(agreement, "after"))
	if listed := h.list(); len(listed) != 3 {
		t.Errorf("listed are %+v", listed)
	}

	// There is no room beside what others were promised.
	h.cloud.change(func() { h.cloud.capacity.Storage = 7 * quantity.GiB })
	why := refused(t, h.do(snapshotOrder(agreement, "second")), proto.Failure, sla.RefusedCapacity)
	if !strings.Contains(why.Message, "1GiB are free") {
		t.Errorf("refused: %+v", why)
	}
	refused(t, h.call(callFor(map[string]descriptors.Class{"more": volumeOf(2 * quantity.GiB)})), proto.Refuse, sla.RefusedCapacity)
}

func TestWhatCannotBeCopied(t *testing.T) {
	h := newHouse(t, nil)
	agreement, _ := h.volume()
	image := snapshotOrder(agreement, "golden")
	image.Verb = proto.VerbImage
	refused(t, h.do(image), proto.Refuse, sla.RefusedBadRequest)
	refused(t, h.do(snapshotOrder(agreement, "no name")), proto.Refuse, sla.RefusedBadRequest)
	missing := snapshotOrder(agreement, "before")
	missing.Resource.Index = 7
	refused(t, h.do(missing), proto.Refuse, sla.RefusedNotFound)

	start := orderFor(agreement, proto.VerbStop, "data", 2)
	commanded := message(t, proto.Request, start.id, start.ResourceCommand)
	refused(t, h.ask(h.client, proto.SubjectCommand(vendorName), commanded), proto.Refuse, sla.RefusedPermission)
}

func TestAVendorThatCannotCopySaysSo(t *testing.T) {
	h := newHouse(t, func(h *house) { h.module = bare{h.cloud} })
	agreement, _ := h.volume()
	refused(t, h.do(snapshotOrder(agreement, "before")), proto.Refuse, sla.RefusedUnsupported)
	if copies := h.status().Copies; len(copies) != 0 {
		t.Errorf("its status has %v", copies)
	}
}

func TestAClassIsMadeOfACopy(t *testing.T) {
	var requests []vendormodules.Request
	h := newHouse(t, func(h *house) { h.module = &recording{cloud: h.cloud, requests: &requests} })
	agreement, _ := h.volume()
	made := h.done(snapshotOrder(agreement, "before"))
	if copies := h.status().Copies; !slices.Equal(copies, []descriptors.ResourceType{descriptors.Image, descriptors.Snapshot}) {
		t.Errorf("its status has %v", copies)
	}

	small := volumeOf(quantity.GiB)
	small.Snapshot = "before"
	why := refused(t, h.call(callFor(map[string]descriptors.Class{"data": small})), proto.Refuse, sla.RefusedBadRequest)
	if !strings.Contains(why.Error(), "would do 2GiB") {
		t.Errorf("refused: %v", why)
	}
	wrong := volumeOf(2 * quantity.GiB)
	wrong.Snapshot = "befor"
	why = refused(t, h.call(callFor(map[string]descriptors.Class{"data": wrong})), proto.Refuse, sla.RefusedNotFound)
	if !strings.Contains(why.Error(), "did you mean before?") {
		t.Errorf("refused: %v", why)
	}

	class := volumeOf(3 * quantity.GiB)
	class.Snapshot = "before"
	other := h.agree(map[string]descriptors.Class{"data": class})
	prepare, create := orderFor(other, proto.VerbPrepare, "data", 0), orderFor(other, proto.VerbCreate, "data", 1)
	prepare.Class, create.Class = &class, &class
	h.done(prepare)
	h.done(create)
	if last := requests[len(requests)-1]; last.Snapshot != made.ID || last.Image != "" {
		t.Errorf("the cloud was asked for %+v", last)
	}
	refused(t, h.remove(t, "before"), proto.Refuse, sla.RefusedConflict)
	h.done(orderFor(other, proto.VerbDelete, "data", 2))
	content[proto.Outcome](t, h.remove(t, "before"))
	refused(t, h.do(func() order { again := prepare; again.id = ulid.Make().String(); return again }()), proto.Failure, sla.RefusedNotFound)
}

func TestAMachineIsMadeOfAnImageOfOurs(t *testing.T) {
	var requests []vendormodules.Request
	h := newHouse(t, func(h *house) { h.module = &recording{cloud: h.cloud, requests: &requests} })
	agreement, _, _ := h.create()
	image := orderFor(agreement, proto.VerbImage, "web", 1)
	image.Copy = &proto.Copy{Name: "golden", Deployment: "shop", Source: "web-1", Image: "shell"}
	made := h.done(image)

	class := machine(exactly(1))
	class.Image = "golden"
	other := h.agree(map[string]descriptors.Class{"web": class})
	prepare, create := orderFor(other, proto.VerbPrepare, "web", 0), orderFor(other, proto.VerbCreate, "web", 1)
	prepare.Class, create.Class = &class, &class
	h.done(prepare)
	h.done(create)
	if last := requests[len(requests)-1]; last.Image != made.ID || last.Class.Image != "shell" {
		t.Errorf("the cloud was asked for %+v", last)
	}

	// An image of an image goes back to the same one.
	image = orderFor(other, proto.VerbImage, "web", 1)
	image.Copy = &proto.Copy{Name: "golden-2", Deployment: "shop", Source: "web-1", Image: "golden"}
	if second := h.done(image); second.Copy.Image != "shell" {
		t.Errorf("the second image is %+v", second.Copy)
	}
	class.Image = "goldn"
	why := refused(t, h.call(callFor(map[string]descriptors.Class{"web": class})), proto.Refuse, sla.RefusedNotFound)
	if !strings.Contains(why.Error(), "did you mean golden?") {
		t.Errorf("refused: %v", why)
	}
}

// recording keeps what the cloud is asked to create.
type recording struct {
	*cloud
	requests *[]vendormodules.Request
}

func (r *recording) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	*r.requests = append(*r.requests, request)
	return r.cloud.Create(ctx, request)
}

// TestACopyThatIsLostIsSaid sees the reconciliation care for copies as for all else.
func TestACopyThatIsLostIsSaid(t *testing.T) {
	h := newHouse(t, func(h *house) { h.options.ReconcileEvery = 5 * time.Millisecond })
	agreement, _ := h.volume()
	made := h.done(snapshotOrder(agreement, "before"))
	h.cloud.change(func() { h.cloud.drop(made.ID) })
	h.eventually("the snapshot is in error", func() error {
		for _, one := range h.list() {
			if one.ID == made.ID && one.State == vendormodules.ResourceError {
				return nil
			}
		}
		return fmt.Errorf("there are %+v", h.list())
	})
	content[proto.Outcome](t, h.remove(t, "before"))
}
