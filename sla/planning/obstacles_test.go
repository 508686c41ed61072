package planning_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/planning"
)

// shop is a web cluster behind a balancer on a private network, and a database with a volume; two vendors serve all of it.
func shop() planning.Problem {
	application := descriptors.Application{Name: "shop", Currency: "EUR", Resources: map[string]descriptors.Class{
		"web":   {Type: descriptors.Cluster, Count: quantity.Range{Min: 2, Max: 6}},
		"front": {Type: descriptors.LoadBalancer, Targets: "web"},
		"lan":   {Type: descriptors.Network, Private: true, Members: descriptors.Names{"web", "front"}},
		"db":    {Type: descriptors.Compute, Count: quantity.Range{Min: 1, Max: 1}, Volumes: map[string]string{"data": "/data"}},
		"data":  {Type: descriptors.Volume},
	}}
	return planning.Problem{Application: application, Call: "call", Now: noon, Proposals: []sla.Proposal{
		shopProposal(application, "athens", 10_000, 0.9995), shopProposal(application, "lisbon", 11_000, 0.9999),
	}}
}

func shopProposal(application descriptors.Application, vendor string, micros int64, availability quantity.Percent) sla.Proposal {
	proposal := sla.Proposal{
		ID: "proposal-" + vendor, Call: "call", Round: 1, Vendor: vendor, Currency: "EUR", Country: "GR",
		ValidUntil: noon.Add(time.Minute), Offers: map[string]sla.Offer{}, Refusals: map[string]sla.Refusal{},
	}
	for name := range application.Resources {
		proposal.Offers[name] = sla.Offer{
			Count: sla.Instances(application.Resources, name), Unit: euros(micros), Availability: availability,
		}
	}
	return proposal
}

// change replaces a class of the application.
func change(problem *planning.Problem, name string, edit func(*descriptors.Class)) {
	class := problem.Application.Resources[name]
	edit(&class)
	problem.Application.Resources[name] = class
}

func refuse(proposal sla.Proposal, class, message, hint string) {
	delete(proposal.Offers, class)
	proposal.Refusals[class] = sla.Refusal{Code: sla.RefusedCapacity, Message: message, Hint: hint}
}

// tell says in an offer when what it is for has a public address.
func tell(proposal sla.Proposal, class string, when ...sla.Public) {
	offer := proposal.Offers[class]
	offer.Public = when
	proposal.Offers[class] = offer
}

func TestWhyThereIsNoPlan(t *testing.T) {
	tests := map[string]struct {
		edit func(*planning.Problem)
		want []string
	}{
		"nobody asked": {
			func(p *planning.Problem) { p.Proposals = nil },
			[]string{"db: no vendor serves it", "web: no vendor serves it"},
		},
		"refused by all": {
			func(p *planning.Problem) {
				refuse(p.Proposals[0], "web", "4 cores are free", "would do 4")
				refuse(p.Proposals[1], "web", "no such image", "")
			},
			[]string{"web: no vendor serves it", "web at athens: refused: 4 cores are free (would do 4)", "web at lisbon: refused: no such image"},
		},
		"refused by one that is elsewhere too": {
			func(p *planning.Problem) {
				change(p, "web", func(c *descriptors.Class) { c.Place.Country = descriptors.Names{"GR"} })
				refuse(p.Proposals[0], "web", "4 cores are free", "would do 4")
				p.Proposals[0].Country, p.Proposals[1].Country = "", "PT"
			},
			[]string{"web: no vendor serves it", "web at athens: refused: 4 cores are free (would do 4)", `web at lisbon: is in country "PT", asked for was GR`},
		},
		"a group in pieces": {
			func(p *planning.Problem) {
				refuse(p.Proposals[0], "lan", "no networks", "")
				refuse(p.Proposals[1], "web", "full", "")
			},
			[]string{"front, lan and web must be at one vendor (private network lan) and no vendor serves them all (athens lacks only lan)"},
		},
		"together and apart": {
			func(p *planning.Problem) {
				change(p, "db", func(c *descriptors.Class) { c.Place.Apart = descriptors.Names{"data"} })
			},
			[]string{"data and db must be apart and yet at one vendor: volume data is with db"},
		},
		"too few vendors": {
			func(p *planning.Problem) {
				p.Application.Resources["cache"] = descriptors.Class{
					Type: descriptors.Compute, Count: quantity.Range{Min: 1, Max: 1}, Place: descriptors.Placement{Apart: descriptors.Names{"db", "web"}},
				}
				change(p, "db", func(c *descriptors.Class) { c.Place.Apart = descriptors.Names{"web"} })
				for i, proposal := range p.Proposals {
					p.Proposals[i] = shopProposal(p.Application, proposal.Vendor, 10_000, 0.999)
				}
			},
			[]string{"too few vendors to keep apart what must be apart: cache, data+db and front+lan+web can only be at athens or lisbon"},
		},
		"out of reach": {
			func(p *planning.Problem) {
				change(p, "front", func(c *descriptors.Class) { c.Environment = map[string]string{"DB": "${db.address}"} })
				change(p, "web", func(c *descriptors.Class) { c.Run = []string{"web --db ${db.addresses} ${data.size}"} })
				tell(p.Proposals[0], "db", sla.PublicNever)
				tell(p.Proposals[1], "db", sla.PublicAsked)
			},
			[]string{
				"db: no vendor serves it",
				"db at athens: would have no address there that front and web can reach: no public one, and no network in common " +
					"(put db, front and web on one network)",
				"db at lisbon: would have no address there",
			},
		},
		"targets out of reach": {
			func(p *planning.Problem) {
				change(p, "lan", func(c *descriptors.Class) { c.Members = descriptors.Names{"web"} })
				for _, proposal := range p.Proposals {
					tell(proposal, "web", sla.PublicAlone)
				}
			},
			[]string{"web at athens: would have no address there that front can reach"},
		},
		"members of a public network in pieces": {
			func(p *planning.Problem) {
				change(p, "lan", func(c *descriptors.Class) { c.Private = false })
				refuse(p.Proposals[0], "lan", "no networks", "")
				refuse(p.Proposals[1], "web", "full", "")
			},
			[]string{"front, lan and web must be at one vendor (network lan) and no vendor serves them all (athens lacks only lan)"},
		},
		"budget": {
			func(p *planning.Problem) { p.Application.Budget = euros(99_999) },
			[]string{"budget exceeded: the cheapest plan would cost 0.10 EUR/h (73.00 EUR/month) at the maximum, the budget is 0.099999 EUR/h"},
		},
		"objective": {
			func(p *planning.Problem) { p.Application.Objectives.Availability = 0.9999 },
			[]string{"objective missed: the most available plan would be 99.960005% available, asked for was 99.99%"},
		},
		"budget against objective": {
			func(p *planning.Problem) {
				p.Application.Budget, p.Application.Objectives.Availability = euros(102_000), 0.9995
			},
			[]string{
				"budget exceeded: the cheapest plan that is available enough would cost 0.11 EUR/h",
				"objective missed: the most available plan within the budget would be 99.880021% available",
			},
		},
		"expired, foreign and misplaced": {
			func(p *planning.Problem) {
				p.Proposals[0].ValidUntil = noon
				p.Proposals[1].Currency = "USD"
				third := shopProposal(p.Application, "oslo", 10_000, 0.999)
				third.Country, third.Region = "NO", "east"
				p.Proposals = append(p.Proposals, third)
				change(p, "web", func(c *descriptors.Class) { c.Place.Country = descriptors.Names{"GR", "PT"} })
				change(p, "db", func(c *descriptors.Class) { c.Place.Vendors.Deny = descriptors.Names{"oslo"} })
				change(p, "data", func(c *descriptors.Class) { c.Place.Region = descriptors.Names{"west"} })
			},
			[]string{
				"athens: its proposal expired at 2026-03-01 12:00:00 UTC", `lisbon: its prices are in "USD", asked for were prices in EUR`,
				`web at oslo: is in country "NO", asked for was GR or PT`, "db at oslo: the class's placement does not admit the vendor",
				`data at oslo: is in region "east", asked for was west`,
			},
		},
		"count": {
			func(p *planning.Problem) {
				for _, proposal := range p.Proposals {
					offer := proposal.Offers["web"]
					offer.Count = quantity.Range{Min: 2, Max: 5}
					proposal.Offers["web"] = offer
				}
			},
			[]string{"web at athens: offered for a count of 2..5, asked for were 2..6"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			problem := shop()
			test.edit(&problem)
			result, err := planning.Plans(problem, 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Plans) > 0 {
				t.Fatalf("found %+v", result.Plans[0])
			}
			var text strings.Builder
			for _, obstacle := range result.Obstacles {
				text.WriteString(obstacle.String() + "\n")
			}
			for _, want := range test.want {
				if !strings.Contains(text.String(), want) {
					t.Errorf("no %q in\n%s", want, text.String())
				}
			}
		})
	}
}

func TestRemarks(t *testing.T) {
	problem := shop()
	problem.Application.Objectives.Availability = 0.99
	result, err := planning.Plans(problem, 4)
	if err != nil {
		t.Fatal(err)
	}
	var remarks []string
	for _, plan := range result.Plans {
		remarks = append(remarks, plan.Remark)
	}
	// The database and its volume cost 0.001 EUR/h each more at lisbon; web, front and lan cost 0.001 for each of four.
	want := []string{
		"cheapest, all objectives met", "1.46 EUR/month dearer, 0.08% more available",
		"2.92 EUR/month dearer, 0.08% more available", "4.38 EUR/month dearer, 0.16% more available",
	}
	if strings.Join(remarks, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", remarks, want)
	}
}

// TestVendorCannotUnderbidByCount: what is asked decides the price, not the range that an offer says it holds for.
func TestVendorCannotUnderbidByCount(t *testing.T) {
	problem := shop()
	offer := problem.Proposals[1].Offers["web"]
	offer.Count = quantity.Range{Min: 0, Max: 1000}
	problem.Proposals[1].Offers["web"] = offer
	result, err := planning.Plans(problem, 1)
	if err != nil {
		t.Fatal(err)
	}
	if legs := result.Plans[0].Legs; len(legs) != 1 || legs[0].Vendor != "athens" {
		t.Errorf("%+v", legs)
	}
}

// TestReachedRatherThanCheap: the cheaper vendor would hide the database from those who need it, so the dearer has it, and
// the plans say why. Who needs it may be anywhere.
func TestReachedRatherThanCheap(t *testing.T) {
	problem := shop()
	change(&problem, "web", func(c *descriptors.Class) { c.Environment = map[string]string{"DB": "${db.address}"} })
	tell(problem.Proposals[0], "db", sla.PublicOpen)
	tell(problem.Proposals[1], "db", sla.PublicOpen, sla.PublicAlone)
	result, err := planning.Plans(problem, 10)
	if err != nil {
		t.Fatal(err)
	}
	var where []string
	for _, plan := range result.Plans {
		where = append(where, strings.Join(vendorsByClass(plan), " ")) // data, db, front, lan, web
	}
	if want := []string{"lisbon lisbon athens athens athens", "lisbon lisbon lisbon lisbon lisbon"}; !slices.Equal(where, want) {
		t.Errorf("%q, want %q", where, want)
	}
	if want := "db at athens: would have no address there that web can reach"; len(result.Obstacles) != 1 ||
		!strings.HasPrefix(result.Obstacles[0].String(), want) {
		t.Errorf("%v, want %s", result.Obstacles, want)
	}
}

func TestLatestRoundCounts(t *testing.T) {
	problem := shop()
	better := shopProposal(problem.Application, "lisbon", 9_000, 0.99)
	better.ID, better.Round = "a-second", 2
	other := shopProposal(problem.Application, "athens", 1, 0.99)
	other.Call, other.Round = "another call", 9
	problem.Proposals = append([]sla.Proposal{better, other}, problem.Proposals...)
	result, err := planning.Plans(problem, 1)
	if err != nil {
		t.Fatal(err)
	}
	if legs := result.Plans[0].Legs; len(legs) != 1 || legs[0].Proposal != "a-second" {
		t.Errorf("%+v", legs)
	}
}

func TestApplicationsThatCannotBePlanned(t *testing.T) {
	tests := map[string]struct {
		edit func(*planning.Problem)
		want error
	}{
		"no classes":     {func(p *planning.Problem) { p.Application.Resources = nil }, planning.ErrApplication},
		"no currency":    {func(p *planning.Problem) { p.Application.Currency = "" }, planning.ErrApplication},
		"weights":        {func(p *planning.Problem) { p.Application.Select.Price = math.NaN() }, planning.ErrApplication},
		"objective":      {func(p *planning.Problem) { p.Application.Objectives.Availability = 2 }, planning.ErrApplication},
		"two currencies": {func(p *planning.Problem) { p.Application.Budget.PerHour = quantity.Money{Micros: 1, Currency: "USD"} }, quantity.ErrCurrency},
		"unknown class": {func(p *planning.Problem) {
			change(p, "db", func(c *descriptors.Class) { c.Place.Apart = descriptors.Names{"nobody"} })
		}, planning.ErrApplication},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			problem := shop()
			test.edit(&problem)
			if _, err := planning.Plans(problem, 1); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	if _, err := planning.Plans(shop(), 0); err == nil {
		t.Error("no plans asked for, and no error")
	}
}

func TestHardProblemsEnd(t *testing.T) {
	for name, problem := range hardProblems() {
		t.Run(name, func(t *testing.T) {
			result, err := planning.Plans(problem, 5)
			if err != nil || len(result.Plans) != 5 {
				t.Errorf("%d plans, %v; obstacles %v", len(result.Plans), err, result.Obstacles)
			}
		})
	}
}

func TestSearchGivenUpSaysSo(t *testing.T) {
	problem := withObjective(syntheticProblem(20, 100, randomOffers(4)), 0.93)
	problem.Effort = 500
	result, err := planning.Plans(problem, 5)
	if !errors.Is(err, planning.ErrEffort) {
		t.Fatal(err)
	}
	for _, plan := range result.Plans {
		if plan.Availability < 0.93-1e-9 {
			t.Errorf("%s is %s available", plan.Remark, plan.Availability)
		}
	}
	if len(result.Plans) == 0 || result.Plans[0].Remark != "best found before the search was given up" {
		t.Errorf("%+v", result.Plans)
	}
}
