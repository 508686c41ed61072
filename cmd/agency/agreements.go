package main

import (
	"context"
	"slices"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

type agreementsVerb struct {
	Name string `arg:"" optional:"" help:"Name of a deployment; those of all by default."`
	All  bool   `help:"Also those that have ended."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (agreementsVerb) Help() string {
	return example("agency agreements", "agency agreements shop --all", "agency agreements shop -o json | jq '.agreements[].guarantees'")
}

// Run lists agreements and what they guarantee.
func (v agreementsVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	agreements, err := agency.Agreements(ctx, v.Name)
	if err != nil {
		return err
	}
	if !v.All {
		agreements = slices.DeleteFunc(agreements, func(agreement sla.Agreement) bool {
			return sla.AgreementStates.Final(agreement.State)
		})
	}
	names, err := deploymentNames(ctx, agency)
	if err != nil {
		return err
	}
	list := proto.AgreementList{Agreements: append([]sla.Agreement{}, agreements...)}
	return s.print(v.Output, list, func() { s.showAgreements(agreements, names) })
}

// deploymentNames are the names of deployments by their ids.
func deploymentNames(ctx context.Context, agency *client.Client) (map[string]string, error) {
	calls, err := agency.Calls(ctx)
	names := make(map[string]string, len(calls))
	for _, call := range calls {
		if call.Deployment != "" {
			names[call.Deployment] = call.Name
		}
	}
	return names, err
}

func (s *session) showAgreements(agreements []sla.Agreement, names map[string]string) {
	if len(agreements) == 0 {
		s.screen.Line("No agreement stands; --all shows those that have ended, too.")
		return
	}
	var rows [][]string
	for _, agreement := range agreements {
		since := agreement.Agreed
		if !agreement.Ended.IsZero() {
			since = agreement.Ended
		}
		rows = append(rows, []string{
			s.screen.Paint(present.Bold, orNone(names[agreement.Deployment])), agreement.Vendor,
			s.screen.State(string(agreement.State)), leastPrice(agreement), s.screen.Ago(since),
		})
		for _, guarantee := range agreement.Guarantees {
			rows = append(rows, []string{
				"  " + guarantee.Class, promised(guarantee), s.screen.State(string(guarantee.State)), "", "",
			})
		}
	}
	s.screen.Table(present.Columns("NAME", "WITH, ABOUT", "STATE", ">PRICE", "SINCE"), rows)
}

// leastPrice is what the agreement costs at the least of every range.
func leastPrice(agreement sla.Agreement) string {
	var total quantity.Rate
	for _, offer := range agreement.Classes {
		price, err := offer.AtMinimum()
		if err == nil && total != (quantity.Rate{}) {
			price, err = total.Add(price)
		}
		if err != nil {
			return present.None
		}
		total = price
	}
	return present.PerHour(total)
}

func promised(guarantee sla.Guarantee) string {
	if guarantee.AtLeast > 0 {
		return guarantee.Metric + " at least " + present.Availability(guarantee.AtLeast)
	}
	return guarantee.Metric + " at most " + guarantee.AtMost.String()
}
