package ptc_test

import (
	"testing"

	"github.com/cloud-agency/agency/descriptors"
)

func TestAWebMachineServes(t *testing.T) {
	b := newBench(t)
	machine := b.start(request(descriptors.Class{Type: descriptors.Compute, Image: "static-web"}, "web-1"))
	response := b.answers("http://"+machine.Addresses[0].Address+":8080/", "web-1")
	if by := response.Header.Get("X-Served-By"); by != "web-1" {
		t.Errorf("X-Served-By is %q", by)
	}
	t.Log(machine.Warnings, b.console(machine.ID))
}
