package vendor_test

import (
	"testing"
	"time"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// TestGoods sees that what the cloud sells is asked for once, and told on with its age.
func TestGoods(t *testing.T) {
	cloud := memory.New()
	h := newHouse(t, func(h *house) {
		h.open = func(agency string) vendormodules.Module { return cloud.Open(agency) }
	})
	for range 3 {
		flavors := answered[proto.FlavorList](t, h, proto.Question{Topic: proto.TopicFlavors, Page: &proto.Page{}})
		if len(flavors.Flavors) != 2 || flavors.Flavors[0].Name != "large" || flavors.Next != "" {
			t.Errorf("the flavors are %+v", flavors)
		}
		images := answered[proto.ImageList](t, h, proto.Question{Topic: proto.TopicImages})
		if len(images.Images) != 1 || images.Images[0].Name != memory.Image {
			t.Errorf("the images are %+v", images)
		}
		h.offset.Add(int64(time.Minute))
	}
	if flavors, images := cloud.Calls("flavors"), cloud.Calls("images"); flavors != 1 || images != 1 {
		t.Errorf("the cloud was asked %d times for flavors and %d times for images", flavors, images)
	}
	aged := answered[proto.FlavorList](t, h, proto.Question{Topic: proto.TopicFlavors})
	if age := time.Duration(aged.Age); age < 3*time.Minute || age > 4*time.Minute {
		t.Errorf("what was told three minutes ago is told to be %s old", age)
	}
	first := answered[proto.FlavorList](t, h, proto.Question{Topic: proto.TopicFlavors, Page: &proto.Page{Bytes: 1}})
	if len(first.Flavors) != 1 || first.Next == "" {
		t.Errorf("the first page of one is %+v", first)
	}
}

// answered is the answer to a question.
func answered[C proto.Content](t *testing.T, h *house, question proto.Question) C {
	t.Helper()
	answer, err := h.client.Ask(t.Context(), proto.SubjectQuery(vendorName), message(t, proto.QueryRef, "", question))
	must(t, err)
	content, err := proto.Decode[C](answer)
	must(t, err)
	return content
}
