package deployer_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

func (c *cloud) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	if err := c.act(ctx, "snapshot "+c.name(request.Source)); err != nil {
		return vendormodules.Resource{}, err
	}
	return c.Module.Snapshot(ctx, request)
}

func (h *house) copy(id, source, as string) *operation {
	return h.begin(id, proto.DeploymentCommand{Verb: proto.DeploymentSnapshot, Name: "farm", Source: source, As: as})
}

func TestACopyIsMadeOnce(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(1)
	made := h.copy("copying", "spare", "before").end().Resource
	if made == nil || made.Type != descriptors.Snapshot || made.Name != "before" || made.Copy.Deployment != "farm" ||
		made.Copy.Source != "spare" || made.Copy.Size != quantity.GiB {
		t.Fatalf("the snapshot is %+v", made)
	}
	athens.did(t, "snapshot spare")
	if again := h.copy("copying", "spare", "before").end().Resource; again == nil || again.ID != made.ID {
		t.Errorf("again it is %+v", again)
	}
	if image := h.copy("", "web-1", "golden").end().Resource; image == nil || image.Type != descriptors.Image || image.Copy.Image != "shell" {
		t.Errorf("the image is %+v", image)
	}
	if status := h.status("farm"); len(status.Resources) != 4 || status.State != descriptors.DeploymentRunning {
		t.Errorf("the deployment is %s with %d resources", status.State, len(status.Resources))
	}
	// A deployment is removed, and its agreement ended, whatever copies there are.
	h.remove("farm").fine()
	h.expect("before golden")
}

func TestWhatCannotBeCopied(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(2)
	for _, test := range []struct {
		source, as string
		code       sla.RefusalCode
		hint       string
	}{
		{"spair", "before", sla.RefusedNotFound, "did you mean spare?"},
		{"wbe-1", "before", sla.RefusedNotFound, "did you mean web-1?"},
		{"front", "before", sla.RefusedNotFound, "agency status"},
		{"web", "before", sla.RefusedBadRequest, "web-1"},
		{"spare", "1st", sla.RefusedBadRequest, ""},
	} {
		if refusal := h.copy("", test.source, test.as).refused(test.code); !strings.Contains(refusal.Hint, test.hint) {
			t.Errorf("%s as %s: the hint is %q", test.source, test.as, refusal.Hint)
		}
	}
	athens.did(t)
	h.remove("farm").fine()
}

// TestACopyIsTakenUpAgain stops the deployer while its vendor makes a copy.
func TestACopyIsTakenUpAgain(t *testing.T) {
	h := newHouse(t, "athens")
	athens := h.rack(1)
	begun, release := athens.holding("snapshot spare")
	h.copy("copying", "spare", "before")
	<-begun
	h.stop()
	release()
	h.start()
	if made := h.copy("copying", "spare", "before").end().Resource; made == nil || made.Name != "before" {
		t.Errorf("the snapshot is %+v", made)
	}
	athens.did(t, "snapshot spare")
	h.remove("farm").fine()
	h.expect("before")
}
