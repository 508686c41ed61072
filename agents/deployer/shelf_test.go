package deployer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
)

// Whatever came, went and was renamed, a name finds its deployments and no others, and pages show each once, in order.
func TestShelf(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	shelf, want := newShelf(), map[string]*deployment{}
	for range 2000 {
		id := fmt.Sprintf("id%02d", random.IntN(60))
		if random.IntN(3) == 0 {
			shelf.drop(id)
			delete(want, id)
			continue
		}
		if want[id] == nil {
			want[id] = &deployment{}
		}
		// "shop" and "shop-1" are names of which one begins with the other.
		name := []string{"shop", "shop-1", "page"}[random.IntN(3)]
		want[id].record.Descriptor = descriptors.Deployment{ID: id, Name: name}
		shelf.put(want[id])
	}
	names := map[string][]string{}
	var keys []string
	for id, one := range want {
		name := one.record.Descriptor.Name
		names[name] = append(names[name], id)
		keys = append(keys, placeKey(name, id))
	}
	for name, ids := range names {
		var found []string
		for _, one := range shelf.named(name) {
			found = append(found, one.record.Descriptor.ID)
		}
		slices.Sort(ids)
		if !slices.Equal(found, ids) {
			t.Errorf("%s: found %v, want %v", name, found, ids)
		}
	}
	slices.Sort(keys)
	var listed []string
	for next := shelf.after("", 7); len(next) > 0; next = shelf.after(listed[len(listed)-1], 7) {
		for _, one := range next {
			listed = append(listed, one.key)
		}
	}
	if !slices.Equal(listed, keys) {
		t.Errorf("listed %s\nwant %s", strings.Join(listed, ", "), strings.Join(keys, ", "))
	}
	if len(shelf.byID) != len(want) || len(shelf.keys) != len(want) {
		t.Errorf("%d and %d are on the shelf, want %d", len(shelf.byID), len(shelf.keys), len(want))
	}
}
