package broker_test

import (
	"slices"
	"testing"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// twoVendors is an agency in which athens is cheaper for the db and lisbon for the web.
func twoVendors(t *testing.T, options broker.Options, athens, lisbon func(*scripted)) (*agency, *scripted, *scripted) {
	t.Helper()
	a := startAgency(t, options)
	one := a.startVendor("athens", map[string]int64{"web": 9000, "db": 20000}, athens)
	two := a.startVendor("lisbon", map[string]int64{"web": 7000, "db": 30000}, lisbon)
	a.startBroker()
	return a, one, two
}

func TestFromSubmissionToTheEndOfTheAgreements(t *testing.T) {
	a, athens, lisbon := twoVendors(t, broker.Options{}, nil, nil)
	offers := a.submit("webshop")
	if offers.Called != 2 || len(offers.Proposals) != 2 || offers.State != descriptors.CallOpen || len(offers.Plans) == 0 {
		t.Fatalf("offers are %+v", offers)
	}
	if legs := offers.Plans[0].Legs; len(legs) != 2 || legs[0].Vendor != "athens" || !slices.Equal(legs[0].Classes, []string{"db"}) {
		t.Fatalf("best plan is %+v", offers.Plans[0])
	}

	attempt := decoded[proto.Attempt](t, a.do(accepting("webshop", 1)))
	if attempt.State != sla.AttemptCommitted || len(athens.in(sla.ProposalObserved)) != 1 || len(lisbon.in(sla.ProposalObserved)) != 1 {
		t.Fatalf("attempt is %+v", attempt)
	}
	deployment := decoded[descriptors.Deployment](t, a.ask(proto.TopicDescriptor, "webshop"))
	web := deployment.Resources["web"]
	if deployment.ID != attempt.Deployment || web.Vendor != "lisbon" || web.Price != euros(7000) || web.Agreement != attempt.Legs[1].Agreement.ID {
		t.Fatalf("deployment is %+v", deployment)
	}
	agreements := decoded[proto.AgreementList](t, a.ask(proto.TopicAgreements, "webshop")).Agreements
	if len(agreements) != 2 || agreements[0].State != sla.AgreementObserved || agreements[0].Agreed.IsZero() {
		t.Fatalf("agreements are %+v", agreements)
	}

	ended := decoded[proto.AgreementList](t, a.do(cancelling(deployment.ID))).Agreements
	for _, agreement := range ended {
		if agreement.State != sla.AgreementTerminated || agreement.Ended.IsZero() {
			t.Errorf("agreement is %+v", agreement)
		}
	}
	if len(ended) != 2 || len(athens.in(sla.ProposalObserved))+len(lisbon.in(sla.ProposalObserved)) != 0 {
		t.Fatalf("ended are %+v", ended)
	}
	if again := decoded[proto.AgreementList](t, a.do(cancelling("webshop"))).Agreements; len(again) != 2 {
		t.Fatalf("ended again are %+v", again)
	}
	if offers := a.submit("webshop"); offers.State != descriptors.CallOpen {
		t.Fatalf("the name is not free: %+v", offers)
	}
}
