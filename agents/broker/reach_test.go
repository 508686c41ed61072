package broker_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// hiding is a script of a vendor whose machines have no public address.
func hiding(v *scripted) {
	v.onCall = func(_ context.Context, message proto.Message, _ func() proto.Message) proto.Message {
		call, err := proto.Decode[descriptors.CallForProposals](message)
		if err != nil {
			panic(err)
		}
		proposal := v.proposal(call)
		for class, offer := range proposal.Offers {
			offer.Public = []sla.Public{sla.PublicNever}
			if call.Counter != nil && class == "db" {
				offer.Unit = call.Counter.Terms[class].Unit
			}
			proposal.Offers[class] = offer
		}
		v.offer(proposal)
		return answering(message, proto.Propose, proposal)
	}
}

// asking has web refer to the address of db.
var asking = edited("web", func(c *descriptors.Class) { c.Environment = map[string]string{"DB": "${db.address}"} })

const unreached = "would have no address there that web can reach"

// hides wants no plan to have the class at the vendor, and an obstacle to say why.
func hides(t *testing.T, offers proto.Offers, class, vendor string) {
	t.Helper()
	for _, plan := range offers.Plans {
		for _, leg := range plan.Legs {
			if leg.Vendor == vendor && slices.Contains(leg.Classes, class) {
				t.Errorf("%s is at %s in plan %+v", class, vendor, plan)
			}
		}
	}
	if !slices.ContainsFunc(offers.Obstacles, func(one proto.Obstacle) bool {
		return one.Class == class && one.Vendor == vendor && strings.HasPrefix(one.Reason, unreached)
	}) {
		t.Errorf("the obstacles are %+v", offers.Obstacles)
	}
}

// However cheap an offer is and becomes in a round, it is in no plan if those who need the class could not reach it.
func TestWhatCannotBeReachedIsInNoPlan(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, hiding, nil)
	application := shop()
	asking(application.Resources)
	offers := decoded[proto.Offers](t, a.do(message(proto.Request, proto.Submission{Name: "webshop", Application: application})))
	hides(t, offers, "db", "athens")
	if len(offers.Plans) != 2 || offers.Plans[0].Price != euros(30_000+2*7000) {
		t.Errorf("the plans are %+v", offers.Plans)
	}
	offers = decoded[proto.Offers](t, a.do(countering(offers.Call, "athens", "db", 1)))
	lastRound(t, offers, proto.RoundBettered)
	hides(t, offers, "db", "athens")
	attempt := decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
	if len(attempt.Legs) != 1 || attempt.Legs[0].Agreement.Vendor != "lisbon" {
		t.Errorf("taken was %+v", attempt)
	}
}

// A class that was agreed on without others having to reach it is told to be out of reach when a change has them need it.
func TestAChangeCannotReachWhatIsHidden(t *testing.T) {
	a, _, _ := twoVendors(t, broker.Options{}, hiding, nil)
	before := a.standing("webshop") // db at athens, web at lisbon
	offers := decoded[proto.Offers](t, a.do(changing(before, asking)))
	if len(offers.Plans) > 0 || offers.State != descriptors.CallClosed {
		t.Errorf("offers are %+v", offers)
	}
	hides(t, offers, "db", "athens")

	// At a vendor that does not hide it, it can be.
	offers, attempt := a.change(changing(before, func(classes map[string]descriptors.Class) {
		asking(classes)
		edited("db", func(c *descriptors.Class) { c.Place.Vendors.Deny = descriptors.Names{"athens"} })(classes)
	}))
	if len(attempt.Legs) != 1 || attempt.Legs[0].Agreement.Vendor != "lisbon" || attempt.State != sla.AttemptCommitted {
		t.Errorf("taken was %+v of %+v", attempt, offers.Plans)
	}
}
