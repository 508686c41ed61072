package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

type applicationsVerb struct {
	All bool `help:"Also calls that came to nothing and what was removed."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (applicationsVerb) Help() string {
	return example("agency applications", "agency applications --all", "agency applications -o json | jq '.applications[].name'")
}

// applicationsDocument is what applications prints for programs.
type applicationsDocument struct {
	Applications []applicationRow `json:"applications"`
}

// applicationRow is one name and how far it got.
type applicationRow struct {
	Name string `json:"name"`
	// State of the deployment, or of the call as long as there is none.
	State      string `json:"state"`
	Call       string `json:"call"`
	Deployment string `json:"deployment,omitempty"`
	// Plan is the rank of the plan that was taken; 0 while none is. Plans is how many there are to choose from.
	Plan  int `json:"plan,omitempty"`
	Plans int `json:"plans,omitempty"`
	// Price of what stands, else of the plan that was taken, else of the best.
	Price   quantity.Rate `json:"price,omitzero"`
	Since   time.Time     `json:"since"`
	Vendors []string      `json:"vendors,omitempty"`

	ended bool
}

// Run lists everything that has a name, from its call on.
func (v applicationsVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	rows, err := applicationRows(ctx, agency, v.All)
	if err != nil {
		return err
	}
	if err := addPlans(ctx, agency, rows); err != nil {
		return err
	}
	return s.print(v.Output, applicationsDocument{rows}, func() { s.showApplications(rows) })
}

// applicationRows are the names and how far they got, sorted, those that have ended only if all are wanted. Of their plans
// they know nothing yet.
func applicationRows(ctx context.Context, agency *client.Client, all bool) ([]applicationRow, error) {
	rows, err := callRows(ctx, agency)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*applicationRow, len(rows))
	for i := range rows {
		byID[rows[i].Deployment] = &rows[i]
	}
	for deployment, err := range agency.EachDeployment(ctx, "") {
		if err != nil {
			return nil, err
		}
		if row := byID[deployment.Descriptor.ID]; row != nil {
			row.takeDeployment(deployment)
		}
	}
	if !all {
		rows = slices.DeleteFunc(rows, func(row applicationRow) bool { return row.ended })
	}
	slices.SortFunc(rows, func(a, b applicationRow) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Call, b.Call))
	})
	return rows, nil
}

// callRows are the names as far as the broker knows.
func callRows(ctx context.Context, agency *client.Client) ([]applicationRow, error) {
	agreed := map[string]time.Time{} // since when, by deployment
	for agreement, err := range agency.EachAgreement(ctx, "") {
		if err != nil {
			return nil, err
		}
		if agreement.State == sla.AgreementObserved {
			agreed[agreement.Deployment] = agreement.Agreed
		}
	}
	rows := []applicationRow{}
	for call, err := range agency.EachCall(ctx) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, rowOf(call, agreed))
	}
	return rows, nil
}

// rowOf follows a call as far as the broker knows.
func rowOf(call proto.CallSummary, agreed map[string]time.Time) applicationRow {
	row := applicationRow{
		Name: call.Name, State: string(call.State), Call: call.Call, Deployment: call.Deployment, Since: call.Opened,
		ended: call.State != descriptors.CallOpen,
	}
	since, stands := agreed[call.Deployment]
	switch {
	case call.Deployment == "":
	case stands:
		row.State, row.Since, row.ended = string(descriptors.DeploymentPlanned), since, false
	default:
		row.State = string(descriptors.DeploymentRemoved)
	}
	return row
}

// offersAtOnce bounds the questions for offers at the same time.
const offersAtOnce = 16

// addPlans asks the broker for the plans of each row.
func addPlans(ctx context.Context, agency *client.Client, rows []applicationRow) error {
	var group errgroup.Group
	group.SetLimit(offersAtOnce)
	for i := range rows {
		group.Go(func() error {
			offers, err := agency.Offers(ctx, rows[i].Call)
			if client.ClassOf(err) == client.NotFound {
				return nil // forgotten since it was listed
			}
			rows[i].takeOffers(offers)
			return err
		})
	}
	return group.Wait()
}

// takeOffers takes the plan that was accepted, else the best. What runs knows its price and its vendors better.
func (r *applicationRow) takeOffers(offers proto.Offers) {
	r.Plans = len(offers.Plans)
	var plan *sla.Plan
	if r.Plans > 0 {
		plan = &offers.Plans[0]
	}
	for i, attempt := range offers.Attempts {
		if attempt.State == sla.AttemptCommitted {
			plan, r.Plan = &offers.Attempts[i].Plan, attempt.Plan.Rank
		}
	}
	if plan == nil {
		return
	}
	if r.Price == (quantity.Rate{}) {
		r.Price = plan.Price
	}
	if len(r.Vendors) == 0 {
		for _, leg := range plan.Legs {
			r.Vendors = append(r.Vendors, leg.Vendor)
		}
	}
}

func (r *applicationRow) takeDeployment(deployment proto.DeploymentStatus) {
	r.State, r.Since, r.Vendors = string(deployment.State), deployment.Since, vendorsOf(deployment.Descriptor)
	r.Price, r.ended = deployment.Price, deployment.State == descriptors.DeploymentRemoved
}

func (s *session) showApplications(rows []applicationRow) {
	if len(rows) == 0 {
		s.screen.Line("No applications. `agency submit FILE` asks the vendors for one, `agency init` writes a first.")
		return
	}
	cells := make([][]string, len(rows))
	for i, row := range rows {
		cells[i] = []string{
			row.Name, s.screen.State(row.State), row.planText(), present.PerHour(row.Price), s.screen.Ago(row.Since),
			present.Names(row.Vendors),
		}
	}
	s.screen.Table(present.Columns("NAME", "STATE", ">PLAN", ">PRICE", "SINCE", "VENDORS"), cells)
}

func (r applicationRow) planText() string {
	switch {
	case r.Plan > 0:
		return strconv.Itoa(r.Plan)
	case r.Plans > 0 && !r.ended:
		return strconv.Itoa(r.Plans) + " to choose"
	}
	return present.None
}
