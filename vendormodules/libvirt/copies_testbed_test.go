//go:build testbed

package libvirt_test

import (
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// TestACopyThatIsNotWholeIsMadeAnew has a snapshot as a crash leaves it, which is not shown as being there until a repeat
// has made it.
func TestACopyThatIsNotWholeIsMadeAnew(t *testing.T) {
	uri := testDriver(t)
	module := open(t, testDriverConfiguration(uri), nil)
	defer module.Close()
	volume := create(t, module, "disk", descriptors.Class{Type: descriptors.Volume, Size: 64 * quantity.MiB})
	request := vendormodules.CopyRequest{
		Key: "half", Name: "half", Source: volume, Tags: vendormodules.Tags{Agency: agencyID, Deployment: "d", Class: "c", Agreement: "a"},
	}
	taken, err := module.Snapshot(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	virsh(t, uri, "vol-create-as", "default-pool", "half~making", "0", "--format", "raw")
	if shown := until(t, module, taken.ID, vendormodules.ResourceCreating); shown.Key != request.Key {
		t.Errorf("what is half made is shown as %+v", shown)
	}
	again, err := module.Snapshot(t.Context(), request)
	if err != nil || again.ID != taken.ID || again.State != vendormodules.ResourceRunning || !again.Created.Equal(taken.Created) {
		t.Errorf("the repeat makes %+v (%v), the first made %+v", again, err, taken)
	}
	if err := module.Delete(t.Context(), taken.ID); err != nil {
		t.Error(err)
	}
	if left := virsh(t, uri, "vol-list", "default-pool"); strings.Contains(left, "half") {
		t.Errorf("there is left of it:\n%s", left)
	}
}
