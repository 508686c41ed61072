package sla_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
)

func euros(micros int64) quantity.Rate {
	return quantity.Rate{PerHour: quantity.Money{Micros: micros, Currency: "EUR"}}
}

func resources() map[string]descriptors.Class {
	return map[string]descriptors.Class{
		"web":     {Type: descriptors.Cluster, Count: quantity.Range{Min: 2, Max: 6}, Volumes: map[string]string{"cache": "/cache"}},
		"db":      {Type: descriptors.Compute, Count: quantity.Range{Min: 2, Max: 3}, Volumes: map[string]string{"data": "/data"}},
		"cache":   {Type: descriptors.Volume},
		"data":    {Type: descriptors.Volume},
		"archive": {Type: descriptors.Volume},
		"front":   {Type: descriptors.LoadBalancer, Targets: "web"},
	}
}

func TestInstances(t *testing.T) {
	want := map[string]string{"web": "2..6", "db": "2..3", "cache": "2..6", "data": "2..3", "archive": "1", "front": "1", "nobody": "0"}
	for name, count := range want {
		if got := sla.Instances(resources(), name).String(); got != count {
			t.Errorf("%s: %s, want %s", name, got, count)
		}
	}
}

func TestAvailability(t *testing.T) {
	offers := make(map[string]sla.Offer)
	for name := range resources() {
		offers[name] = sla.Offer{Availability: 0.99}
	}
	// A cluster of two fails when both do, computes when one of two does, volumes and the balancer count once.
	want := (1 - 0.01*0.01) * math.Pow(0.99, 2) * math.Pow(0.99, 4)
	if got := float64(sla.Availability(resources(), offers)); math.Abs(got-want) > 1e-12 {
		t.Errorf("%v, want %v", got, want)
	}
	if sla.Availability(nil, nil) != 1 {
		t.Error("nothing is not always available")
	}
}

// TestOfferSums: the price of a count is exact or an error, never wrapped around.
func TestOfferSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.Int64Range(0, math.MaxInt64).Draw(t, "unit")
		count := rapid.IntRange(1, quantity.MaxCount).Draw(t, "count")
		offer := sla.Offer{Unit: euros(unit), Count: quantity.Range{Min: 1, Max: count}}
		least, err := offer.AtMinimum()
		if err != nil || least != euros(unit) {
			t.Fatal(least, err)
		}
		most, err := offer.AtMaximum()
		if unit > math.MaxInt64/int64(count) {
			if !errors.Is(err, quantity.ErrOverflow) {
				t.Fatalf("%v, %v", most, err)
			}
			return
		}
		if err != nil || most != euros(unit*int64(count)) {
			t.Fatal(most, err)
		}
		sum, err := least.Add(most)
		if unit*int64(count) > math.MaxInt64-unit {
			if !errors.Is(err, quantity.ErrOverflow) {
				t.Fatalf("%v, %v", sum, err)
			}
		} else if err != nil || sum != euros(unit+unit*int64(count)) {
			t.Fatal(sum, err)
		}
	})
}

func call() descriptors.CallForProposals {
	return descriptors.CallForProposals{
		ID: "call", Round: 1, Currency: "EUR", ReplyBy: time.Unix(1000, 0),
		Classes: map[string]descriptors.Class{
			"db":  {Type: descriptors.Compute, Count: quantity.Range{Min: 1, Max: 1}},
			"web": {Type: descriptors.Cluster, Count: quantity.Range{Min: 2, Max: 6}},
		},
	}
}

func proposal() sla.Proposal {
	return sla.Proposal{
		ID: "proposal", Call: "call", Round: 1, Vendor: "athens", Currency: "EUR", Country: "GR", ValidUntil: time.Unix(2000, 0),
		Offers: map[string]sla.Offer{
			"web": {Count: quantity.Range{Min: 2, Max: 6}, Unit: euros(5000), Availability: 0.999, ReadyIn: quantity.Duration(time.Second)},
		},
		Refusals: map[string]sla.Refusal{"db": {Code: sla.RefusedUnsupported, Message: "no databases"}},
	}
}

func TestCheck(t *testing.T) {
	offer := func(edit func(*sla.Offer)) func(*sla.Proposal) {
		return func(p *sla.Proposal) {
			web := p.Offers["web"]
			edit(&web)
			p.Offers["web"] = web
		}
	}
	tests := map[string]struct {
		edit func(*sla.Proposal)
		want string
	}{
		"nothing":           {func(*sla.Proposal) {}, ""},
		"free":              {offer(func(o *sla.Offer) { o.Unit = quantity.Rate{} }), ""},
		"wider count":       {offer(func(o *sla.Offer) { o.Count.Max = 9 }), ""},
		"id":                {func(p *sla.Proposal) { p.ID = "" }, "id: missing"},
		"vendor":            {func(p *sla.Proposal) { p.Vendor = "" }, "vendor: missing"},
		"call":              {func(p *sla.Proposal) { p.Call = "other" }, `call: answers "other", asked was "call"`},
		"round":             {func(p *sla.Proposal) { p.Round = 2 }, "round: answers 2, asked was 1"},
		"currency":          {func(p *sla.Proposal) { p.Currency = "USD" }, `currency: is "USD", asked was "EUR"`},
		"country":           {func(p *sla.Proposal) { p.Country = "Greece" }, `country: "Greece" is not two capital letters`},
		"validity":          {func(p *sla.Proposal) { p.ValidUntil = time.Time{} }, "valid-until: missing"},
		"no offers":         {func(p *sla.Proposal) { p.Offers = nil }, "offers: none"},
		"unasked offer":     {func(p *sla.Proposal) { p.Offers["x"] = sla.Offer{} }, `offer for "x": the call has no such class`},
		"unasked refusal":   {func(p *sla.Proposal) { p.Refusals["x"] = sla.Refusal{} }, `refusal of "x": the call has no such class`},
		"refusal's code":    {func(p *sla.Proposal) { p.Refusals["db"] = sla.Refusal{} }, `refusal of "db": no code`},
		"class forgotten":   {func(p *sla.Proposal) { p.Refusals = nil }, `class "db": neither offered nor refused`},
		"both":              {func(p *sla.Proposal) { p.Offers["db"] = p.Offers["web"] }, `class "db": both offered and refused`},
		"short count":       {offer(func(o *sla.Offer) { o.Count.Max = 5 }), "count 2..5 does not cover the 2..6 asked for"},
		"late count":        {offer(func(o *sla.Offer) { o.Count.Min = 3 }), "count 3..6 does not cover the 2..6 asked for"},
		"negative count":    {offer(func(o *sla.Offer) { o.Count.Min = -1 }), "count -1..6 is not within 0..100000"},
		"negative price":    {offer(func(o *sla.Offer) { o.Unit = euros(-1) }), "price -0.000001 EUR/h is negative"},
		"other price":       {offer(func(o *sla.Offer) { o.Unit.PerHour.Currency = "USD" }), "price 0.005 USD/h is not in EUR"},
		"huge price":        {offer(func(o *sla.Offer) { o.Unit = euros(math.MaxInt64) }), "amount out of range"},
		"no availability":   {offer(func(o *sla.Offer) { o.Availability = 0 }), "availability 0 is not above 0%"},
		"no number":         {offer(func(o *sla.Offer) { o.Availability = quantity.Percent(math.NaN()) }), "availability NaN"},
		"over-availability": {offer(func(o *sla.Offer) { o.Availability = 1.01 }), "availability 1.01 is not"},
		"ready before":      {offer(func(o *sla.Offer) { o.ReadyIn = -1 }), "ready in -1ns is negative"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := proposal()
			test.edit(&p)
			err := p.Check(call())
			if test.want == "" && err != nil {
				t.Error(err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestCheckReportsEveryFault(t *testing.T) {
	p := proposal()
	p.ID, p.Round, p.Refusals = "", 7, nil
	if faults := strings.Split(p.Check(call()).Error(), "\n"); len(faults) != 3 {
		t.Errorf("%d faults: %q", len(faults), faults)
	}
}

func ExampleProposal_Check() {
	p := proposal()
	web := p.Offers["web"]
	web.Count = quantity.Range{Min: 2, Max: 4}
	p.Offers["web"], p.Currency = web, "USD"
	fmt.Println(p.Check(call()))
	// Output:
	// currency: is "USD", asked was "EUR"
	// offer for "web": count 2..4 does not cover the 2..6 asked for
	// offer for "web": price 0.005 EUR/h is not in USD
}

func ExampleGuarantees() {
	classes := proposal().Offers
	classes["db"] = sla.Offer{Availability: 0.9995}
	for _, guarantee := range sla.Guarantees(classes) {
		fmt.Println(guarantee.Class, guarantee.Metric, guarantee.AtLeast, guarantee.AtMost, guarantee.State)
	}
	// Output:
	// db availability 99.95% 0s not-determined
	// web availability 99.9% 0s not-determined
	// web ready-in 0% 1s not-determined
}

func ExampleInstances() {
	fmt.Println("web:", sla.Instances(resources(), "web"))
	fmt.Println("cache, mounted by web:", sla.Instances(resources(), "cache"))
	fmt.Println("front:", sla.Instances(resources(), "front"))
	// Output:
	// web: 2..6
	// cache, mounted by web: 2..6
	// front: 1
}

func ExampleOffer_AtMaximum() {
	offer := sla.Offer{Count: quantity.Range{Min: 2, Max: 6}, Unit: euros(5000)}
	least, _ := offer.AtMinimum()
	most, _ := offer.AtMaximum()
	fmt.Println(least, most)
	// Output: 0.01 EUR/h 0.03 EUR/h
}
