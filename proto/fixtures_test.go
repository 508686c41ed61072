package proto_test

import (
	"net/netip"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// The ids of one webshop's way through the agency.
const (
	callID       = "01KAKWF1ZV7Y4T0Q8N3V5C2M6R"
	proposalID   = "01KAKWF20BXH6D9P1J4W8S7ZEA"
	agreementID  = "01KAKWF7M3T5K2R9Q0B6N8YXCV"
	deploymentID = "01KAKWF7M1D4G8H2S6P0V3W9TE"
	commandID    = "01KAKWF9C6J1N5X8Z2E7A0R4QY"
)

// micros is a rate in millionths of a euro per hour.
func micros(amount int64) quantity.Rate {
	return quantity.Rate{PerHour: quantity.Money{Micros: amount, Currency: "EUR"}}
}

func span(low, high int) quantity.Range { return quantity.Range{Min: low, Max: high} }

func web() descriptors.Class {
	return descriptors.Class{
		Type: descriptors.Cluster, Image: "static-web", Count: span(2, 6), Cores: 1, Memory: 512 * quantity.MiB,
		Files:       map[string]string{"site/": "/srv/site"},
		Run:         []string{"web --listen $ADDRESS:8080 --db ${db.address}:5432"},
		Environment: map[string]string{"MODE": "production"},
		Place:       descriptors.Placement{Apart: descriptors.Names{descriptors.ApartMachine}},
	}
}

func db() descriptors.Class {
	return descriptors.Class{
		Type: descriptors.Compute, Image: "kv-store", Count: span(1, 1), Cores: 2, Memory: quantity.GiB,
		Volumes: map[string]string{"data": "/var/lib/kv"}, Allow: map[int]descriptors.Names{5432: {"web"}},
	}
}

func data() descriptors.Class {
	return descriptors.Class{Type: descriptors.Volume, Size: 2 * quantity.GiB}
}

func front() descriptors.Class {
	return descriptors.Class{
		Type: descriptors.LoadBalancer, Targets: "web", Listen: 8080, TargetPort: 8080, Protocol: "http",
		Check: descriptors.Check{
			Path: "/healthz", Every: quantity.Duration(time.Second), Timeout: quantity.Duration(time.Second),
		},
	}
}

func webshop() descriptors.Application {
	return descriptors.Application{
		Name: "webshop", Description: "sells things",
		Objectives: descriptors.Objectives{
			Availability: 0.999, ResponseTime: descriptors.ResponseTime{P95: quantity.Duration(200 * time.Millisecond)},
		},
		Budget: micros(164_383), Currency: "EUR", Select: descriptors.Cheapest, OnFailure: descriptors.RollBack,
		Resources: map[string]descriptors.Class{
			"web": web(), "db": db(), "data": data(), "front": front(),
			"lan": {Type: descriptors.Network, Private: true, Members: descriptors.Names{"web", "front"}},
		},
	}
}

func proposal() sla.Proposal {
	return sla.Proposal{
		ID: proposalID, Call: callID, Round: 1, Vendor: "ptc-athens", Module: "ptc", Region: "athens", Country: "GR",
		Currency: "EUR", Held: true, ValidUntil: noon.Add(5 * time.Minute),
		Offers: map[string]sla.Offer{
			"web": {
				Count: span(2, 6), Unit: micros(6_100), Availability: 0.9995, ReadyIn: quantity.Duration(time.Second),
				Flavor: "c1m512", Public: []sla.Public{sla.PublicAlone, sla.PublicOpen},
			},
			"db": {Count: span(1, 1), Unit: micros(11_000), Availability: 0.9995, ReadyIn: quantity.Duration(time.Second)},
		},
		Refusals: map[string]sla.Refusal{"front": refusal()},
		Notes:    []string{"machines share one kernel"},
	}
}

func counterOffer() descriptors.CounterOffer {
	return descriptors.CounterOffer{To: proposalID, Terms: map[string]descriptors.Terms{"web": {Unit: micros(5_400)}}}
}

// rounds are two of negotiation: one that the vendor came down in, and one that it did not.
func rounds() []proto.Round {
	declined := refusal()
	return []proto.Round{
		{
			Round: 2, Vendor: "ptc-athens", CounterOffer: counterOffer(), Asked: noon.Add(20 * time.Second), State: proto.RoundBettered,
			Before: map[string]quantity.Rate{"web": micros(6_100)}, Now: map[string]quantity.Rate{"web": micros(5_800)},
			Proposal: proposalID + "-2",
		},
		{
			Round: 2, Vendor: "ptc-lisbon", CounterOffer: counterOffer(), Asked: noon.Add(30 * time.Second), State: proto.RoundDeclined,
			Before: map[string]quantity.Rate{"web": micros(5_900)}, Refusal: &declined,
		},
	}
}

func refusal() sla.Refusal {
	return sla.Refusal{
		Code: sla.RefusedCapacity, Message: "6 web machines need 6 cores, 4 are free", Hint: "would do 4",
	}
}

func plan() sla.Plan {
	return sla.Plan{
		Call: callID, Rank: 1,
		Legs: []sla.Leg{
			{Vendor: "ptc-athens", Proposal: proposalID, Classes: []string{"data", "db"}, Price: micros(13_500)},
			{Vendor: "ptc-lisbon", Proposal: "01KAKWF20D3C9W5T7R1M6K8VXQ", Classes: []string{"front", "lan", "web"}, Price: micros(23_600)},
		},
		Price: micros(37_100), PriceAtMaximum: micros(61_500), Availability: 0.9992,
		Remark: "cheapest, all objectives met",
	}
}

func agreement() sla.Agreement {
	return sla.Agreement{
		ID: agreementID, Call: callID, Proposal: proposalID, Vendor: "ptc-athens", Deployment: deploymentID,
		Classes: map[string]sla.Offer{
			"db": {Count: span(1, 1), Unit: micros(11_000), Availability: 0.9995, ReadyIn: quantity.Duration(time.Second)},
		},
		State: sla.AgreementObserved,
		Guarantees: []sla.Guarantee{
			{Class: "db", Metric: "availability", AtLeast: 0.9995, State: sla.GuaranteeNotDetermined},
			{Class: "db", Metric: "ready-in", AtMost: quantity.Duration(time.Second), State: sla.GuaranteeFulfilled},
		},
		Agreed: noon.Add(8 * time.Second),
	}
}

func attempt() proto.Attempt {
	pending := agreement()
	pending.State, pending.Agreed, pending.Guarantees = sla.AgreementPending, time.Time{}, nil
	return proto.Attempt{
		ID: "01KAKWF7M0Q2E6Y4B8C1X5N9ZR", Call: callID, Name: "webshop", Deployment: deploymentID, Plan: plan(),
		State: sla.AttemptUndoing, DecideBy: noon.Add(4 * time.Minute), Reason: "ptc-lisbon refused: the proposal has expired",
		Legs: []proto.AttemptLeg{
			{Agreement: pending, State: proto.LegCancelling},
			{Agreement: agreement(), State: proto.LegRefused, Reason: "the proposal has expired"},
		},
	}
}

func deployment() descriptors.Deployment {
	return descriptors.Deployment{
		ID: deploymentID, Name: "webshop", Application: "webshop", Call: callID, Created: noon.Add(9 * time.Second),
		Currency: "EUR", Budget: micros(164_383), OnFailure: descriptors.RollBack,
		Resources: map[string]descriptors.BoundClass{
			"web": {
				Class: web(), Vendor: "ptc-lisbon", Agreement: "01KAKWF7M4A8V2C6H0J5P3S1DQ", Price: micros(5_900),
				Upload: "web-5f0c6f2d",
			},
			"db": {Class: db(), Vendor: "ptc-athens", Agreement: agreementID, Price: micros(11_000)},
		},
	}
}

func ref() proto.ResourceRef {
	return proto.ResourceRef{Deployment: deploymentID, Class: "db", Index: 1, Generation: 1}
}

func volumeRef() proto.ResourceRef {
	return proto.ResourceRef{Deployment: deploymentID, Class: "data", Index: 1, Generation: 1}
}

func resource() proto.ResourceStatus {
	return proto.ResourceStatus{
		Ref: ref(), Name: "db-1", Type: descriptors.Compute, Vendor: "ptc-athens", Agreement: agreementID,
		State: vendormodules.ResourceRunning, ID: "m-7f3a", Warnings: []string{"memory is not limited here"},
		Addresses: []vendormodules.Address{{Address: "127.83.2.11", Network: "n-1"}}, Price: micros(11_000),
		Created: noon.Add(10 * time.Second), Changed: noon.Add(11 * time.Second),
	}
}

func outcome() proto.Outcome {
	running := resource()
	return proto.Outcome{Command: commandID, Resource: &running}
}

func resourceCommand() proto.ResourceCommand {
	class := db()
	return proto.ResourceCommand{
		Verb: proto.VerbCreate, Resource: ref(), Agreement: agreementID, Class: &class, Name: "db-1", Upload: "db-0a1b2c3d",
		Volumes:  []proto.MountRef{{Volume: volumeRef(), Mount: "/var/lib/kv"}},
		Networks: []proto.ResourceRef{{Deployment: deploymentID, Class: "lan", Index: 1, Generation: 1}},
		Rules: []vendormodules.Rule{
			{Class: "web"}, {Protocol: "icmp", From: netip.MustParsePrefix("10.30.0.0/24")},
			{Protocol: "tcp", First: 5432, Last: 5432, Class: "web"},
		},
		Errand: errand(),
	}
}

func event() proto.Event {
	changed := resource()
	return proto.Event{
		ID: "01KAKWFAB4S9E2K7N1Y5T8C0HW", At: noon.Add(11 * time.Second), Kind: proto.EventResourceChanged,
		Source: "vendor.ptc-athens", Name: "webshop", Deployment: deploymentID, Class: "db",
		Message: "db-1 is running at 127.83.2.11", Resource: &changed,
	}
}

func sample() proto.Sample {
	return proto.Sample{
		Resource: ref(), Name: "db-1", Vendor: "ptc-athens",
		Measurements: []sla.Measurement{
			{Metric: "cpu-seconds", Value: 12.25, At: noon.Add(time.Minute)},
			{Metric: "memory-bytes", Value: 48_234_496, At: noon.Add(time.Minute)},
		},
		Earlier: []sla.Measurement{{Metric: "cpu-seconds", Value: 11.5, At: noon.Add(30 * time.Second)}},
	}
}
