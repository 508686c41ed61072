package vendormodules_test

import (
	"testing"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// wrapper hides all but the power of the module inside.
type wrapper struct{ *memory.Module }

func (w wrapper) Abilities() vendormodules.Abilities { return vendormodules.Abilities{Power: w.Module} }

func TestAbilitiesOf(t *testing.T) {
	module := memory.New().Open(memory.Agency)
	all := vendormodules.Abilities{
		Power: module, Attacher: module, Balancer: module, Meter: module, Console: module,
		Executor: module, Files: module, Snapshotter: module, Imager: module, Resizer: module,
		Catalogue: module, Credentials: module,
	}
	if got := vendormodules.AbilitiesOf(module); got != all {
		t.Errorf("a module that can everything: %+v", got)
	}
	if got := vendormodules.AbilitiesOf(struct{ vendormodules.Module }{module}); got != (vendormodules.Abilities{}) {
		t.Errorf("a module that can nothing: %+v", got)
	}
	if got := vendormodules.AbilitiesOf(wrapper{module}); got != (vendormodules.Abilities{Power: module}) {
		t.Errorf("a wrapper that says power: %+v", got)
	}
}
