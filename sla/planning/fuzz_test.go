package planning_test

import (
	"encoding/json"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/planning"
)

// FuzzForeignProposal feeds whatever a vendor may send to the check and, checked or not, to the planner beside an honest
// proposal: nothing panics, what passes the check is used, and the honest proposal can still be taken.
func FuzzForeignProposal(f *testing.F) {
	problem := shop()
	call := descriptors.Call(problem.Application, "call", 1, noon)
	for _, proposal := range problem.Proposals {
		seed, err := json.Marshal(proposal)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add([]byte(`{"id":"x","call":"call","round":1,"vendor":"athens","currency":"EUR","offers":{"web":{"count":"2..6",` +
		`"unit":"9223372036854.775807 EUR/h","availability":"0%"},"ghost":{"unit":"-1 EUR/h"}}}`))
	f.Add([]byte(`{"vendor":"x","offers":null,"refusals":{"web":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var foreign sla.Proposal
		if json.Unmarshal(data, &foreign) != nil {
			return
		}
		fault := foreign.Check(call)
		if foreign.Vendor == "lisbon" {
			foreign.Vendor = "another"
		}
		problem := shop()
		problem.Proposals = []sla.Proposal{foreign, problem.Proposals[1]}
		result, err := planning.Plans(problem, 40)
		if err != nil {
			t.Fatal(err)
		}
		honest, used := false, false
		for _, plan := range result.Plans {
			if plan.Price.PerHour.Micros < 0 || plan.PriceAtMaximum.PerHour.Micros < plan.Price.PerHour.Micros || !(plan.Availability > 0 && plan.Availability <= 1) {
				t.Errorf("plan makes no sense: %+v", plan)
			}
			honest = honest || len(plan.Legs) == 1 && plan.Legs[0].Vendor == "lisbon"
			for _, leg := range plan.Legs {
				used = used || leg.Vendor == foreign.Vendor
			}
		}
		if !honest {
			t.Error("the honest proposal alone is no plan any more")
		}
		complete := len(foreign.Refusals) == 0 && foreign.ValidUntil.After(noon)
		if fault == nil && complete && !used && foreign.Offers["web"].Unit.PerHour.Micros < 1e15 {
			t.Errorf("a flawless proposal is not used: %v", result.Obstacles)
		}
	})
}
