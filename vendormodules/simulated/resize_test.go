package simulated_test

import (
	"errors"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// TestAResizeTakesItsDifference sees what is resized take more of the quota, no more than there is, and give all of it
// back at its end.
func TestAResizeTakesItsDifference(t *testing.T) {
	c := newCloud(t, "{quotas: {cores: 4, storage: 5GiB}}")
	made := c.create(machine("web-1"))
	resize := func(id string, class descriptors.Class) error { return c.Resize(t.Context(), id, class) }
	must(t, resize(made.ID, descriptors.Class{Cores: 4}))
	if err := resize(made.ID, descriptors.Class{Cores: 8}); !errors.Is(err, vendormodules.ErrQuota) {
		t.Errorf("to 8 cores of 4: %v, and should wrap %q", err, vendormodules.ErrQuota)
	}
	if _, err := c.Create(t.Context(), machine("web-2")); !errors.Is(err, vendormodules.ErrQuota) {
		t.Errorf("a machine beside one that has all cores: %v", err)
	}
	must(t, resize(made.ID, descriptors.Class{Cores: 2}))
	c.create(machine("web-2"))
	must(t, c.Delete(t.Context(), made.ID))

	volume := c.create(vendormodules.Request{
		Key: "data-1", Tags: vendormodules.Tags{Agency: agencyID}, Class: descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB},
	})
	if err := resize(volume.ID, descriptors.Class{Size: 6 * quantity.GiB}); !errors.Is(err, vendormodules.ErrUnsupported) {
		t.Errorf("to more than there can ever be: %v", err)
	}
	c.open("{quotas: {cores: 4, storage: 5GiB}}")
	must(t, resize(volume.ID, descriptors.Class{Size: 5 * quantity.GiB}))
	must(t, c.Delete(t.Context(), volume.ID))
	c.create(machine("web-3"))
	c.create(machine("web-4"))
	c.create(machine("web-5"))
	if _, err := c.Create(t.Context(), machine("web-6")); !errors.Is(err, vendormodules.ErrQuota) {
		t.Errorf("a fifth core of four: %v", err)
	}
}
