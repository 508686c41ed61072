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
	rows, err := applicationRows(ctx, agency)
	if err != nil {
		return err
	}
	if !v.All {
		rows = slices.DeleteFunc(rows, func(row applicationRow) bool { return row.ended })
	}
	return s.print(v.Output, applicationsDocument{rows}, func() { s.showApplications(rows) })
}

// offersAtOnce bounds the questions for offers at the same time.
const offersAtOnce = 16

func applicationRows(ctx context.Context, agency *client.Client) ([]applicationRow, error) {
	calls, err := agency.Calls(ctx)
	if err != nil {
		return nil, err
	}
	deployments, err := agency.Deployments(ctx, "")
	if err != nil {
		return nil, err
	}
	agreements, err := agency.Agreements(ctx, "")
	if err != nil {
		return nil, err
	}
	rows := make([]applicationRow, len(calls))
	var group errgroup.Group
	group.SetLimit(offersAtOnce)
	for i, call := range calls {
		group.Go(func() error {
			offers, err := agency.Offers(ctx, call.Call)
			if client.ClassOf(err) == client.NotFound {
				err = nil // forgotten since it was listed
			}
			rows[i] = rowOf(call, offers, deployments, agreements)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b applicationRow) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Call, b.Call))
	})
	return rows, nil
}

// rowOf follows a call as far as it got.
func rowOf(
	call proto.CallSummary, offers proto.Offers, deployments []proto.DeploymentStatus, agreements []sla.Agreement,
) applicationRow {
	row := applicationRow{
		Name: call.Name, State: string(call.State), Call: call.Call, Since: call.Opened, Plans: len(offers.Plans),
		ended: call.State != descriptors.CallOpen,
	}
	if len(offers.Plans) > 0 {
		row.takePlan(offers.Plans[0])
	}
	for _, attempt := range offers.Attempts {
		if attempt.State == sla.AttemptCommitted {
			row.takePlan(attempt.Plan)
			row.Plan = attempt.Plan.Rank
		}
	}
	if call.Deployment == "" {
		return row
	}
	row.Deployment, row.State = call.Deployment, string(descriptors.DeploymentRemoved)
	for _, agreement := range agreements {
		if agreement.Deployment == call.Deployment && agreement.State == sla.AgreementObserved {
			row.State, row.Since, row.ended = string(descriptors.DeploymentPlanned), agreement.Agreed, false
		}
	}
	for _, deployment := range deployments {
		if deployment.Descriptor.ID == call.Deployment {
			row.takeDeployment(deployment)
		}
	}
	return row
}

func (r *applicationRow) takePlan(plan sla.Plan) {
	r.Price, r.Vendors = plan.Price, nil
	for _, leg := range plan.Legs {
		r.Vendors = append(r.Vendors, leg.Vendor)
	}
}

func (r *applicationRow) takeDeployment(deployment proto.DeploymentStatus) {
	r.State, r.Since, r.Vendors = string(deployment.State), deployment.Since, vendorsOf(deployment.Descriptor)
	r.ended = deployment.State == descriptors.DeploymentRemoved
	if deployment.Price != (quantity.Rate{}) {
		r.Price = deployment.Price
	}
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
