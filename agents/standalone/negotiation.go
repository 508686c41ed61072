package standalone

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// negotiation is how the policy is written.
type negotiation struct {
	Lowest quantity.Percent                              `yaml:"lowest"`
	Types  map[descriptors.ResourceType]quantity.Percent `yaml:"types"`
	Rounds int                                           `yaml:"rounds"`
	Step   quantity.Percent                              `yaml:"step"`
}

// mostRounds bounds how often a vendor may be told to come down in one call.
const mostRounds = 10

// readNegotiation reads how far a vendor comes down, strictly. The error is descriptors.Faults.
func readNegotiation(node *yaml.Node) (vendor.Negotiation, error) {
	var written struct {
		Negotiation negotiation `yaml:"negotiation"`
	}
	err := vendormodules.Configure(named("negotiation", node), &written, func(_ descriptors.Positions, fault vendormodules.Fault) {
		policy := written.Negotiation
		if policy.Lowest == 0 && len(policy.Types) == 0 {
			fault("negotiation", "names no lowest price; write lowest: 85%%, of the list price")
		}
		if policy.Rounds < 0 || policy.Rounds > mostRounds {
			fault("negotiation.rounds", "%d is not from 1 to %d", policy.Rounds, mostRounds)
		}
		for kind := range policy.Types {
			if !slices.Contains(priced, kind) {
				fault("negotiation.types."+string(kind), "%q is no type of resource that has a price", kind)
			}
		}
	})
	return vendor.Negotiation(written.Negotiation), err
}

// priced are the types of resources that vendors offer one by one: a cluster is of computes.
var priced = []descriptors.ResourceType{
	descriptors.Compute, descriptors.Volume, descriptors.Network, descriptors.LoadBalancer,
}
