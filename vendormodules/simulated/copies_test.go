package simulated_test

import (
	"errors"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// TestCopiesTakeStorage sees snapshots count against the quota and be priced as volumes of their size are.
func TestCopiesTakeStorage(t *testing.T) {
	c := newCloud(t, "{quotas: {storage: 5GiB}}")
	class := descriptors.Class{Type: descriptors.Volume, Size: 2 * quantity.GiB}
	tags := vendormodules.Tags{Agency: agencyID}
	volume, err := c.Create(t.Context(), vendormodules.Request{Key: "data-1", Tags: tags, Class: class})
	must(t, err)
	request := vendormodules.CopyRequest{Key: "copy-1", Tags: tags, Source: volume.ID}
	made, err := c.Snapshot(t.Context(), request)
	must(t, err)
	if made.Size != class.Size || made.Type != descriptors.Snapshot {
		t.Errorf("the snapshot is %+v", made)
	}
	request.Key = "copy-2"
	if _, err := c.Snapshot(t.Context(), request); !errors.Is(err, vendormodules.ErrQuota) {
		t.Errorf("a second one: %v, and should wrap %q", err, vendormodules.ErrQuota)
	}
	small := vendormodules.Request{
		Key: "data-2", Tags: tags, Class: descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}, Snapshot: made.ID,
	}
	if _, err := c.Create(t.Context(), small); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("a volume smaller than its snapshot: %v, and should wrap %q", err, vendormodules.ErrInvalid)
	}
	ofVolume, err := c.Quote(t.Context(), class)
	must(t, err)
	ofSnapshot, err := c.Quote(t.Context(), descriptors.Class{Type: descriptors.Snapshot, Size: class.Size})
	must(t, err)
	if ofSnapshot.Unit != ofVolume.Unit || ofSnapshot.Use != ofVolume.Use {
		t.Errorf("a snapshot is quoted as %+v, a volume of its size as %+v", ofSnapshot, ofVolume)
	}
}
