package planning_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/planning"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func euros(micros int64) quantity.Rate {
	return quantity.Rate{PerHour: quantity.Money{Micros: micros, Currency: "EUR"}}
}

// randomProblem draws up to five classes and five vendors with every kind of constraint. Prices and availabilities come
// from few values, so that equal ones are common.
func randomProblem(t *rapid.T) planning.Problem {
	application := randomApplication(t)
	problem := planning.Problem{Application: application, Call: "call", Now: noon}
	for i := range rapid.SampledFrom([]int{4, 5, 5, 3, 2, 1}).Draw(t, "vendors") {
		problem.Proposals = append(problem.Proposals, randomProposal(t, application, i))
	}
	return problem
}

func randomApplication(t *rapid.T) descriptors.Application {
	application := descriptors.Application{Name: "random", Currency: "EUR", Resources: map[string]descriptors.Class{}}
	var names []string
	for i := range rapid.SampledFrom([]int{4, 5, 5, 3, 2, 1}).Draw(t, "classes") {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	for _, name := range names {
		application.Resources[name] = randomClass(t, name, names)
	}
	keepApart := oneIn(t, 3, "keep apart")
	for i, name := range names {
		class := application.Resources[name]
		for _, other := range names[i+1:] {
			if keepApart && !oneIn(t, 3, "not these") {
				class.Place.Apart = append(class.Place.Apart, other)
			}
		}
		for volume := range class.Volumes {
			if application.Resources[volume].Type != descriptors.Volume {
				delete(class.Volumes, volume)
			}
		}
		application.Resources[name] = class
	}
	application.Select = rapid.SampledFrom([]descriptors.Selection{
		{}, descriptors.Cheapest, descriptors.MostAvailable, descriptors.Balanced, {Price: 0.7, Availability: 0.3}, {Price: 0.1, Availability: 0.9},
	}).Draw(t, "select")
	if oneIn(t, 3, "with budget") {
		application.Budget = euros(int64(rapid.SampledFrom([]int{40, 30, 20, 10, 60}).Draw(t, "budget")))
	}
	if oneIn(t, 3, "with objective") {
		application.Objectives.Availability = quantity.Percent(rapid.SampledFrom([]float64{0.8, 0.9, 0.95, 0.98, 0.99}).Draw(t, "objective"))
	}
	return application
}

func randomClass(t *rapid.T, name string, names []string) descriptors.Class {
	class := descriptors.Class{Type: rapid.SampledFrom([]descriptors.ResourceType{
		descriptors.Compute, descriptors.Compute, descriptors.Cluster, descriptors.Volume, descriptors.Network, descriptors.LoadBalancer,
	}).Draw(t, "type")}
	other := func(label string) descriptors.Names {
		if !oneIn(t, 12, "with "+label) {
			return nil
		}
		if chosen := rapid.SampledFrom(names).Draw(t, label); chosen != name {
			return descriptors.Names{chosen}
		}
		return nil
	}
	class.Place.Together = other("together")
	class.Place.Apart = append(other("apart"), other("apart")...)
	for _, reached := range other("reference") {
		class.Environment = map[string]string{"PEER": fmt.Sprintf("http://${%s.%s}/", reached,
			rapid.SampledFrom([]string{descriptors.AttributeAddress, descriptors.AttributeAddresses, descriptors.AttributeName}).Draw(t, "attribute"))}
	}
	if class.Type.RunsMachines() {
		least := rapid.IntRange(1, 3).Draw(t, "least")
		class.Count = quantity.Range{Min: least, Max: least + rapid.IntRange(0, 2).Draw(t, "more")}
		class.Networks = other("network")
		for _, volume := range other("volume") {
			class.Volumes = map[string]string{volume: "/data"}
		}
		if oneIn(t, 4, "with ports") {
			class.Ports = []int{80}
		}
		if rapid.Bool().Draw(t, "machine") {
			class.Place.Apart = append(class.Place.Apart, descriptors.ApartMachine)
		}
	}
	if class.Type == descriptors.Network {
		class.Private, class.Span = rapid.Bool().Draw(t, "private"), oneIn(t, 4, "span")
		class.Members = append(other("member"), other("member")...)
		if oneIn(t, 4, "with rules") {
			class.Rules = []descriptors.NetworkRule{{From: rapid.SampledFrom([]descriptors.Names{{"any"}, {"c0"}, {"10.0.0.0/8"}, nil}).Draw(t, "from"), To: other("to")}}
		}
	}
	for _, target := range other("target") {
		if class.Type == descriptors.LoadBalancer {
			class.Targets = target
		}
	}
	if oneIn(t, 10, "restricted") {
		class.Place.Region = descriptors.Names{"north"}
		class.Place.Vendors.Deny = descriptors.Names{"v1"}
	}
	return class
}

func randomProposal(t *rapid.T, application descriptors.Application, number int) sla.Proposal {
	proposal := sla.Proposal{
		ID: fmt.Sprintf("p%d", number), Call: "call", Round: 1, Vendor: fmt.Sprintf("v%d", number), Currency: "EUR",
		Region: rapid.SampledFrom([]string{"north", "south"}).Draw(t, "region"), ValidUntil: noon.Add(time.Minute),
		Offers: map[string]sla.Offer{}, Refusals: map[string]sla.Refusal{},
	}
	if oneIn(t, 16, "expired") {
		proposal.ValidUntil = noon
	}
	if oneIn(t, 16, "dollars") {
		proposal.Currency = "USD"
	}
	for name := range application.Resources {
		proposal.Refusals[name] = sla.Refusal{Code: sla.RefusedCapacity, Message: "full"}
	}
	for i := range len(application.Resources) {
		name := fmt.Sprintf("c%d", i)
		if oneIn(t, 12, "refused") {
			continue
		}
		delete(proposal.Refusals, name)
		count := sla.Instances(application.Resources, name)
		if oneIn(t, 16, "short") {
			count.Max--
		}
		proposal.Offers[name] = sla.Offer{
			Public: rapid.SampledFrom([][]sla.Public{
				nil, {sla.PublicAlone}, {sla.PublicNever}, {sla.PublicAlone, sla.PublicOpen}, {sla.PublicAlone, sla.PublicAsked},
				{sla.PublicAlways}, {"at full moon"},
			}).Draw(t, "public"),
			Count: count, Unit: euros(int64(rapid.IntRange(0, 6).Draw(t, "price"))),
			Availability: quantity.Percent(rapid.SampledFrom([]float64{1, 0.999, 0.99, 0.98, 0.95, 0.9}).Draw(t, "availability")),
		}
	}
	return proposal
}

// oneIn draws true about once in so many times; small integers are drawn more often than large ones, hence the last.
func oneIn(t *rapid.T, times int, label string) bool {
	choices := make([]bool, times)
	choices[times-1] = true
	return rapid.SampledFrom(choices).Draw(t, label)
}
