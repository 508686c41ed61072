package planning_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/planning"
)

// TestPlansAgreeWithEnumeration is the proof of exactness: the same plans in the same order as by trying them all.
func TestPlansAgreeWithEnumeration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		problem := randomProblem(t)
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		want := enumerate(problem)
		result, err := planning.Plans(problem, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Plans) != min(limit, len(want)) {
			t.Fatalf("%d plans of the %d feasible, asked for were %d; obstacles: %v", len(result.Plans), len(want), limit, result.Obstacles)
		}
		for i, plan := range result.Plans {
			if got := vendorsByClass(plan); !slices.Equal(got, want[i].at) {
				t.Errorf("plan %d is %v, want %v", i+1, got, want[i].at)
			}
			checkSums(t, problem, plan, want[i])
		}
		if len(want) == 0 && len(result.Obstacles) == 0 {
			t.Error("no plan and no reason")
		}
	})
}

func vendorsByClass(plan sla.Plan) []string {
	at := make(map[string]string)
	var classes []string
	for _, leg := range plan.Legs {
		for _, class := range leg.Classes {
			at[class] = leg.Vendor
			classes = append(classes, class)
		}
	}
	slices.Sort(classes)
	for i, class := range classes {
		classes[i] = at[class]
	}
	return classes
}

func checkSums(t *rapid.T, problem planning.Problem, plan sla.Plan, want enumerated) {
	if plan.Price != euros(want.price) || plan.PriceAtMaximum != euros(want.maximum) {
		t.Errorf("price %v, at the maximum %v; want %d and %d", plan.Price, plan.PriceAtMaximum, want.price, want.maximum)
	}
	legs, sum, err := slices.Clone(plan.Legs), quantity.Rate{}, error(nil)
	for _, leg := range legs {
		if sum, err = sum.Add(leg.Price); err != nil {
			t.Fatal(err)
		}
		if !slices.IsSorted(leg.Classes) {
			t.Errorf("leg's classes %v are not sorted", leg.Classes)
		}
	}
	if sum != plan.Price {
		t.Errorf("legs sum to %v, the price is %v", sum, plan.Price)
	}
	if !slices.IsSortedFunc(legs, func(a, b sla.Leg) int { return map[bool]int{true: -1, false: 1}[a.Vendor < b.Vendor] }) {
		t.Errorf("legs are not ordered by vendor: %v", legs)
	}
	if plan.Call != problem.Call || plan.Remark == "" {
		t.Errorf("call %q, remark %q", plan.Call, plan.Remark)
	}
}

func TestSequenceOfProposalsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		problem := randomProblem(t)
		one, errOne := planning.Plans(problem, 6)
		shuffler := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		problem.Proposals = slices.Clone(problem.Proposals)
		shuffler.Shuffle(len(problem.Proposals), func(i, j int) {
			problem.Proposals[i], problem.Proposals[j] = problem.Proposals[j], problem.Proposals[i]
		})
		other, errOther := planning.Plans(problem, 6)
		if errOne != nil || errOther != nil {
			t.Fatal(errOne, errOther)
		}
		if !reflect.DeepEqual(one, other) {
			t.Errorf("%+v\nbecame\n%+v", one, other)
		}
	})
}
