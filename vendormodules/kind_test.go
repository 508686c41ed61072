package vendormodules_test

import (
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules"
)

func TestFindKind(t *testing.T) {
	kinds := []vendormodules.Kind{{Name: "ptc"}, {Name: "openstack"}}
	for _, kind := range kinds {
		if found, err := vendormodules.FindKind(kinds, kind.Name); err != nil || found.Name != kind.Name {
			t.Errorf("%s: found %q, %v", kind.Name, found.Name, err)
		}
	}
	for name, says := range map[string]string{
		"opnestack": `did you mean "openstack"?`,
		"vsphere":   "there is ptc, openstack",
		"":          "there is ptc, openstack",
	} {
		if _, err := vendormodules.FindKind(kinds, name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: the error is %v, and should say %s", name, err, says)
		}
	}
}
