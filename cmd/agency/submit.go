package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

type submitVerb struct {
	File   string `arg:"" help:"Application descriptor; - is standard input."`
	As     string `placeholder:"NAME" help:"Name of the deployment to be; by default the application's."`
	Accept string `placeholder:"best|RANK" help:"Take the best plan, or the one of that rank, at once."`
	DryRun bool   `help:"Ask without binding anybody: no capacity is held and nothing is kept."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (submitVerb) Help() string {
	return example(
		"agency submit shop.yaml                    shows who bids what, and the plans",
		"agency submit shop.yaml --accept best      and takes the best of them",
		"agency submit shop.yaml --as shop-test     runs the same application a second time",
		"agency submit shop.yaml --dry-run -o json")
}

// submitted is what submit prints for programs.
type submitted struct {
	proto.Offers
	// Accepted is how taking a plan went, if one was to be taken.
	Accepted *proto.Attempt `json:"accepted,omitempty"`
}

// Run calls for proposals, shows them, and takes a plan if asked to.
func (v submitVerb) Run(ctx context.Context, s *session) error {
	rank, err := v.rank()
	if err != nil {
		return err
	}
	application, directory, err := s.readApplication(v.File)
	if err != nil {
		return err
	}
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	submission := proto.Submission{Name: v.As, Application: application, Advisory: v.DryRun}
	if !v.DryRun {
		if submission.Uploads, err = agency.UploadFiles(ctx, application, directory); err != nil {
			return err
		}
	}
	offers, err := agency.Submit(ctx, submission)
	if err != nil {
		return err
	}
	return v.finish(ctx, s, agency, offers, rank)
}

func (v submitVerb) finish(ctx context.Context, s *session, agency *client.Client, offers proto.Offers, rank int) error {
	result := submitted{Offers: offers}
	if v.Output == present.FormatTable {
		s.showOffers(offers)
	}
	err := infeasible(offers)
	if err == nil && rank > 0 {
		var attempt proto.Attempt
		attempt, err = agency.Accept(ctx, offers.Call, rank)
		result.Accepted = &attempt
	}
	switch {
	case v.Output != present.FormatTable:
		if failed := present.Document(s.out, v.Output, result); failed != nil {
			return failed
		}
	case result.Accepted != nil && err == nil:
		s.showAttempt(*result.Accepted)
	case err == nil && !offers.Advisory:
		s.screen.Line("")
		s.screen.Line("Next: `agency accept %s` takes plan 1; `agency compare %s` shows them side by side.", offers.Name, offers.Name)
	}
	return err
}

// rank is the plan to take, 0 for none.
func (v submitVerb) rank() (int, error) {
	switch {
	case v.Accept == "":
		return 0, nil
	case v.DryRun:
		return 0, badInput("leave one of them out", "--dry-run binds nobody, so that there is nothing to --accept")
	case v.Accept == "best":
		return 1, nil
	}
	rank, err := strconv.Atoi(v.Accept)
	if err != nil || rank < 1 {
		return 0, badInput("write --accept best, or --accept 2", "--accept %q is not the rank of a plan", v.Accept)
	}
	return rank, nil
}

// infeasible is the error of a call that no plan could be made of.
func infeasible(offers proto.Offers) error {
	if len(offers.Plans) > 0 {
		return nil
	}
	return obstructed(offers)
}

// obstructed says why no plan could be made of a call.
func obstructed(offers proto.Offers) *client.Error {
	reason := "no plan serves every class"
	hint := ""
	for _, obstacle := range offers.Obstacles {
		reason += fmt.Sprintf("; %s", obstacleText(obstacle))
		if hint == "" {
			hint = obstacle.Hint
		}
	}
	return &client.Error{Code: string(sla.RefusedObjective), At: "broker", Message: reason, Hint: hint}
}
