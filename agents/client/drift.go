package client

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// DriftKind is how what exists departs from what is recorded.
type DriftKind string

// The kinds of drift.
const (
	// DriftMissing: it should be there, and its vendor does not list it, or nobody ever made it.
	DriftMissing DriftKind = "missing"
	// DriftExtra: a vendor lists it, and no record knows it, or none any more.
	DriftExtra DriftKind = "extra"
	// DriftError: it is there, and does not work.
	DriftError DriftKind = "error"
	// DriftUnknown: its vendor does not say.
	DriftUnknown DriftKind = "unknown"
)

// Drift is one departure of what exists from what should.
type Drift struct {
	Kind   DriftKind `json:"kind"`
	Class  string    `json:"class"`
	Name   string    `json:"name"`
	Vendor string    `json:"vendor,omitempty"`
	// ID is the cloud's.
	ID      string `json:"id,omitempty"`
	Message string `json:"message"`
}

// DriftOf compares the deployer's record of a deployment with what the vendors list of it, sorted by class and name.
func DriftOf(deployment proto.DeploymentStatus, inventory Inventory) []Drift {
	listed := map[proto.ResourceRef]proto.ResourceStatus{}
	var found []Drift
	for _, resource := range inventory.Resources {
		if resource.Copy != nil {
			continue // the vendor's alone, and no part of what the deployment should be
		}
		if resource.Quarantined {
			found = append(found, driftOf(DriftExtra, resource, "bears this agency's tags and is in no record; it is never touched"))
			continue
		}
		listed[resource.Ref] = resource
	}
	for _, recorded := range deployment.Resources {
		if recorded.State == vendormodules.ResourceGone {
			continue
		}
		there, lists := listed[recorded.Ref]
		delete(listed, recorded.Ref)
		why, silent := inventory.Silent[recorded.Vendor]
		switch {
		case silent:
			found = append(found, driftOf(DriftUnknown, recorded, recorded.Vendor+" did not answer: "+why))
		case !lists:
			found = append(found, driftOf(DriftMissing, recorded, "recorded as "+string(recorded.State)+", and not listed by "+recorded.Vendor))
		case there.State == vendormodules.ResourceError:
			found = append(found, driftOf(DriftError, there, there.Fault))
		}
	}
	for _, resource := range listed {
		if resource.State != vendormodules.ResourceDeleting {
			found = append(found, driftOf(DriftExtra, resource, resource.Vendor+" has it, and the deployer does not know it"))
		}
	}
	found = append(found, neverMade(deployment)...)
	slices.SortFunc(found, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return found
}

func driftOf(kind DriftKind, resource proto.ResourceStatus, message string) Drift {
	return Drift{kind, resource.Ref.Class, resource.Name, resource.Vendor, resource.ID, message}
}

// neverMade are the instances that are wanted and that the deployer has no record of.
func neverMade(deployment proto.DeploymentStatus) []Drift {
	recorded := map[string]int{}
	for _, resource := range deployment.Resources {
		if resource.State != vendormodules.ResourceGone {
			recorded[resource.Ref.Class]++
		}
	}
	var missing []Drift
	for class, wanted := range deployment.Counts {
		if lacks := wanted - recorded[class]; lacks > 0 {
			missing = append(missing, Drift{
				Kind: DriftMissing, Class: class, Vendor: deployment.Descriptor.Resources[class].Vendor,
				Message: fmt.Sprintf("%d of %d were never made", lacks, wanted),
			})
		}
	}
	return missing
}
