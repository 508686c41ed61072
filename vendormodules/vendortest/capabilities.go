package vendortest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Capability is one thing that a module may be able to do.
type Capability struct {
	Name string `json:"name"`
	Has  bool   `json:"has"`
	// Reason why the module lacks it: the note of its description that names the capability, else what is missing.
	Reason string `json:"reason,omitempty"`
}

// String is one line of a table.
func (c Capability) String() string {
	if c.Has {
		return fmt.Sprintf("%-14s yes", c.Name)
	}
	return fmt.Sprintf("%-14s no: %s", c.Name, c.Reason)
}

// Capabilities tells everything that a module might be able to do, and whether it is, always in the same order.
func Capabilities(module vendormodules.Module) []Capability {
	description := module.Describe()
	var capabilities []Capability
	add := func(name string, has bool, missing string) {
		capability := Capability{Name: name, Has: has}
		if !has {
			capability.Reason = missing
			naming := func(note string) bool { return strings.Contains(note, name) }
			if index := slices.IndexFunc(description.Notes, naming); index >= 0 {
				capability.Reason = description.Notes[index]
			}
		}
		capabilities = append(capabilities, capability)
	}
	for _, kind := range []descriptors.ResourceType{
		descriptors.Compute, descriptors.Volume, descriptors.Network, descriptors.LoadBalancer,
	} {
		add(string(kind), slices.Contains(description.Types, kind), "not among the types of its description")
	}
	abilities := vendormodules.AbilitiesOf(module)
	add("power", abilities.Power != nil, "does not implement vendormodules.Power")
	add("attach", abilities.Attacher != nil, "does not implement vendormodules.Attacher")
	add("set-targets", abilities.Balancer != nil, "does not implement vendormodules.Balancer")
	add("measure", abilities.Meter != nil, "does not implement vendormodules.Meter")
	add("console", abilities.Console != nil, "does not implement vendormodules.Console")
	add("execute", abilities.Executor != nil, "does not implement vendormodules.Executor")
	add("files", abilities.Files != nil, "does not implement vendormodules.Files")
	add("snapshot", abilities.Snapshotter != nil, "does not implement vendormodules.Snapshotter")
	add("image", abilities.Imager != nil, "does not implement vendormodules.Imager")
	add("resize", abilities.Resizer != nil, "does not implement vendormodules.Resizer")
	add("catalogue", abilities.Catalogue != nil, "does not implement vendormodules.Catalogue")
	access := func(name string, kind descriptors.ResourceType) {
		note, lacks := description.Lacks(name)
		if !slices.Contains(description.Types, kind) {
			note, lacks = "it creates no "+string(kind), true
		}
		add(name, !lacks, note)
	}
	access("keys", descriptors.Compute)
	access("rules", descriptors.Compute)
	access("range", descriptors.Network)
	add("credentials", abilities.Credentials != nil, "does not implement vendormodules.CredentialChecker")
	add("create-token", description.CreateToken, "repeated creates are made harmless by listing")
	add("isolation", description.Isolation, "its description promises none")
	return capabilities
}
