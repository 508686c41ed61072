package planning_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/planning"
)

// syntheticProblem has so many computes, each offered by so many vendors; offer says at what price and how available.
func syntheticProblem(classes, vendors int, offer func(class, vendor int) (int64, float64)) planning.Problem {
	application := descriptors.Application{Name: "synthetic", Currency: "EUR", Resources: map[string]descriptors.Class{}}
	for class := range classes {
		application.Resources[fmt.Sprintf("c%02d", class)] = descriptors.Class{
			Type: descriptors.Compute, Count: quantity.Range{Min: 1, Max: 2},
		}
	}
	problem := planning.Problem{Application: application, Now: noon}
	for vendor := range vendors {
		proposal := sla.Proposal{
			ID: fmt.Sprintf("p%04d", vendor), Call: "call", Round: 1, Vendor: fmt.Sprintf("v%04d", vendor), Currency: "EUR",
			ValidUntil: noon.Add(time.Minute), Offers: map[string]sla.Offer{},
		}
		for class := range classes {
			micros, availability := offer(class, vendor)
			proposal.Offers[fmt.Sprintf("c%02d", class)] = sla.Offer{
				Count: quantity.Range{Min: 1, Max: 2}, Unit: euros(micros), Availability: quantity.Percent(availability),
			}
		}
		problem.Proposals = append(problem.Proposals, proposal)
	}
	return problem
}

// randomOffers are dearer the more available they are, with noise.
func randomOffers(seed uint64) func(int, int) (int64, float64) {
	random := rand.New(rand.NewPCG(seed, 1))
	return func(int, int) (int64, float64) {
		quality := random.Float64()
		return int64(10_000 + 20_000*quality + 5_000*random.Float64()), 0.99 + 0.00999*quality
	}
}

func withObjective(problem planning.Problem, availability float64) planning.Problem {
	problem.Application.Objectives.Availability = quantity.Percent(availability)
	return problem
}

func withBudget(problem planning.Problem, micros int64) planning.Problem {
	problem.Application.Budget = euros(micros)
	return problem
}

func withSelection(problem planning.Problem, selection descriptors.Selection) planning.Problem {
	problem.Application.Select = selection
	return problem
}

// allApart keeps every class away from every other.
func allApart(problem planning.Problem) planning.Problem {
	for name, class := range problem.Application.Resources {
		for other := range problem.Application.Resources {
			if other != name {
				class.Place.Apart = append(class.Place.Apart, other)
			}
		}
		problem.Application.Resources[name] = class
	}
	return problem
}

// perfectAtAnyPrice has a vendor that never fails and asks for a fortune.
func perfectAtAnyPrice() planning.Problem {
	ordinary := randomOffers(8)
	return withObjective(syntheticProblem(20, 100, func(class, vendor int) (int64, float64) {
		if vendor == 50 {
			return 1e15, 1
		}
		return ordinary(class, vendor)
	}), 0.93)
}

// hardProblems are those at which a plain search would try for years.
func hardProblems() map[string]planning.Problem {
	return map[string]planning.Problem{
		"separable":        syntheticProblem(20, 100, randomOffers(1)),
		"available":        withSelection(syntheticProblem(20, 100, randomOffers(2)), descriptors.MostAvailable),
		"balanced":         withSelection(syntheticProblem(20, 100, randomOffers(3)), descriptors.Balanced),
		"objective":        withObjective(syntheticProblem(20, 100, randomOffers(4)), 0.93),
		"budget-available": withSelection(withBudget(syntheticProblem(20, 100, randomOffers(5)), 700_000), descriptors.MostAvailable),
		"budget-objective": withSelection(withBudget(withObjective(syntheticProblem(20, 100, randomOffers(6)), 0.92), 890_000), descriptors.Balanced),
		"all-equal":        syntheticProblem(20, 100, func(int, int) (int64, float64) { return 10_000, 0.999 }),
		"few-prices": syntheticProblem(20, 100, func(class, vendor int) (int64, float64) {
			return int64(10_000 * (1 + (class*7+vendor*13+class*vendor)%3)), 0.999
		}),
		"perfect-at-any-price": perfectAtAnyPrice(),
		"apart-random":         allApart(syntheticProblem(20, 100, randomOffers(7))),
		"apart-same-sequence": allApart(syntheticProblem(20, 100, func(class, vendor int) (int64, float64) {
			return int64((100 + class) * (100 + vendor)), 0.999
		})),
	}
}

func BenchmarkPlans(b *testing.B) {
	for _, vendors := range []int{10, 100, 1000} {
		problem := withObjective(syntheticProblem(5, vendors, randomOffers(9)), 0.98)
		b.Run(fmt.Sprintf("vendors=%d", vendors), func(b *testing.B) { benchmark(b, problem) })
	}
}

func BenchmarkHardPlans(b *testing.B) {
	for name, problem := range hardProblems() {
		b.Run(name, func(b *testing.B) { benchmark(b, problem) })
	}
}

func benchmark(b *testing.B, problem planning.Problem) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := planning.Plans(problem, 5); err != nil {
			b.Fatal(err)
		}
	}
}
