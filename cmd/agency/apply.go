package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/difference"
)

type applyVerb struct {
	What   string `arg:"" name:"file-or-name" help:"Application descriptor, - for standard input; with --undo the name of a deployment."`
	As     string `placeholder:"NAME" help:"Name of the deployment; by default the application's."`
	Undo   bool   `help:"Go back to what the deployment was before its last change, while its agreements still stand."`
	Yes    bool   `short:"y" help:"Do not ask."`
	DryRun bool   `aliases:"plan" help:"Show what would change, and what it would cost; nobody is bound and nothing is kept."`
	waiting
	reading
	target
}

// Help implements kong.HelpProvider.
func (applyVerb) Help() string {
	return example(
		"agency apply shop.yaml                shows what changes, asks, and does it",
		"agency apply shop.yaml -y             creates what does not run yet, too",
		"agency apply shop.yaml --dry-run      only shows what would change",
		"agency apply --undo shop              back to what it was before",
		"agency apply shop.yaml -y --wait=false -o json") +
		"\n\nWhat can be changed while it runs is; other machines are replaced one after another. Vendors are asked\n" +
		"only for what the agreements do not cover. Applied a second time, a file has nothing to change."
}

// applyDocument is what apply prints for programs.
type applyDocument struct {
	Name       string `json:"name"`
	Deployment string `json:"deployment,omitempty"`
	// Same says that there was nothing to change.
	Same bool `json:"same"`
	// Call for what was agreed on anew, or under which all of it is.
	Call string `json:"call,omitempty"`
	// Application holds the fields that belong to no class.
	Application []difference.Field `json:"application,omitempty"`
	Changes     []classChange      `json:"changes"`
	PriceBefore quantity.Rate      `json:"price-before,omitzero"`
	PriceAfter  quantity.Rate      `json:"price-after,omitzero"`
	// Plan is who serves what afterwards, where vendors were asked.
	Plan *sla.Plan `json:"plan,omitempty"`
	// Operation under way, or its Outcome.
	Operation string         `json:"operation,omitempty"`
	Outcome   *proto.Outcome `json:"outcome,omitempty"`
}

// applying is one application of a file.
type applying struct {
	applyVerb
	*session
	agency      *client.Client
	application descriptors.Application
	directory   string
	wanted      difference.Wanted
	name        string
	document    applyDocument
}

// Run changes a deployment.
func (v applyVerb) Run(ctx context.Context, s *session) error {
	if v.Undo && v.As != "" {
		return badInput("leave it out", "--undo goes with the name of a deployment")
	}
	one := applying{applyVerb: v, session: s, name: v.What}
	if !v.Undo {
		var err error
		if one.application, one.directory, err = s.readApplication(v.What); err != nil {
			return err
		}
		if one.wanted, err = wantedOf(one.application, one.directory); err != nil {
			return err
		}
		one.name = one.application.Name
		if v.As != "" {
			one.name = v.As
		}
	}
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	one.agency = agency
	one.document = applyDocument{Name: one.name, Changes: []classChange{}}
	standing, err := standingDeployment(ctx, agency, one.name)
	switch {
	case err == nil:
		return one.change(ctx, standing)
	case client.ClassOf(err) != client.NotFound || v.Undo:
		return err
	}
	return one.create(ctx)
}

// create submits an application that does not run, takes the best plan and deploys it.
func (a *applying) create(ctx context.Context) error {
	submission := proto.Submission{Name: a.As, Application: a.application, Advisory: a.DryRun}
	if !a.DryRun {
		var err error
		if submission.Uploads, err = a.agency.UploadFiles(ctx, a.application, a.directory); err != nil {
			return err
		}
	}
	offers, err := a.agency.Submit(ctx, submission)
	if err != nil {
		return err
	}
	if a.Output == present.FormatTable {
		a.showOffers(offers)
	}
	if err := infeasible(offers); err != nil {
		return err
	}
	a.document.Call, a.document.Plan, a.document.PriceAfter = offers.Call, &offers.Plans[0], offers.Plans[0].Price
	for _, leg := range offers.Plans[0].Legs {
		for _, class := range leg.Classes {
			after := sla.Instances(offers.Application.Resources, class).Min
			change := classChange{
				Class: class, Type: offers.Application.Resources[class].Type, Action: actionAdd, Vendor: leg.Vendor, After: after, Agreed: true,
			}
			for _, proposal := range offers.Proposals {
				if proposal.ID == leg.Proposal {
					change.PriceAfter, _ = proposal.Offers[class].Unit.Times(after)
				}
			}
			a.document.Changes = append(a.document.Changes, change)
		}
	}
	if a.DryRun {
		return a.print(a.Output, a.document, func() { a.screen.Line("Nothing was kept; without --dry-run plan 1 is taken and created.") })
	}
	if err := a.agree(ctx, offers, "plan 1 of "+a.name+" and create it"); err != nil {
		return err
	}
	return a.carryOut(ctx)
}

// agree asks the person, and takes the best plan of a call. Who does not want it gives the call up.
func (a *applying) agree(ctx context.Context, offers proto.Offers, what string) error {
	verb := "Apply"
	if offers.Change == nil {
		verb = "Take"
	}
	if err := a.confirm(ctx, verb, what, a.Yes); err != nil {
		a.giveUp(ctx, offers.Call)
		return err
	}
	attempt, err := a.agency.Accept(ctx, offers.Call, 1)
	if err == nil && a.Output == present.FormatTable && len(attempt.Legs) > 0 {
		a.showLegs(attempt)
	}
	return err
}

// giveUp lets the vendors have back what they hold. What fails of it runs out by itself.
func (a *applying) giveUp(ctx context.Context, call string) {
	_, _ = a.agency.Reject(ctx, call)
}

// change brings what stands to what the file says.
func (a *applying) change(ctx context.Context, standing proto.DeploymentStatus) error {
	agreed, err := a.agency.Descriptor(ctx, a.name)
	if err != nil {
		return err
	}
	a.document.Deployment = agreed.ID
	plan := changePlan{standing: standing, wanted: a.wanted.Application}
	what := "these changes to " + a.name
	if !a.Undo {
		found, err := compareWith(ctx, a.agency, a.name, a.wanted, false)
		if err != nil {
			return err
		}
		plan.found = found.Difference
		if again := a.again(ctx, standing, agreed); again {
			return a.goOn(ctx, plan, agreed, standing)
		}
	}
	offers, err := a.negotiate(ctx, agreed)
	if err != nil {
		return err
	}
	plan.offers, plan.plan, plan.wanted = &offers, offers.Plans[0], offers.Application
	if a.Undo {
		plan.found = difference.Between(difference.Standing{
			Application: agreedApplication(ctx, a.agency, standing, offers.Application), Deployment: standing.Descriptor, Counts: standing.Counts,
		}, difference.Wanted{Application: offers.Application, Uploads: offers.Change.Uploads})
		what = "these changes to " + a.name + ", back to what it was"
	}
	if err := a.showPlan(plan); err != nil {
		a.giveUp(ctx, offers.Call)
		return err
	}
	a.document.Call, a.document.Plan = offers.Call, &plan.plan
	if a.DryRun {
		return a.print(a.Output, a.document, func() { a.screen.Line("Nothing was changed.") })
	}
	if err := a.agree(ctx, offers, what); err != nil {
		return err
	}
	return a.carryOut(ctx)
}

// again says whether what was agreed on last is what the file says, so that nothing needs to be agreed on.
func (a *applying) again(ctx context.Context, standing proto.DeploymentStatus, agreed descriptors.Deployment) bool {
	latest := standing
	latest.Descriptor = agreed
	return difference.Between(difference.Standing{
		Application: agreedApplication(ctx, a.agency, latest, a.wanted.Application), Deployment: agreed, Counts: standing.Counts,
	}, a.wanted).Empty()
}

// goOn does what is left to do of what was agreed on: nothing, usually.
func (a *applying) goOn(ctx context.Context, plan changePlan, agreed descriptors.Deployment, standing proto.DeploymentStatus) error {
	incomplete := standing.State == descriptors.DeploymentPlanned || standing.State == descriptors.DeploymentFailed
	if !incomplete && !standing.Unfinished && agreed.Revision == standing.Descriptor.Revision {
		a.document.Same = true
		return a.print(a.Output, a.document, func() { a.screen.Line("%s: nothing to change.", a.name) })
	}
	if err := a.showPlan(plan); err != nil {
		return err
	}
	if a.Output == present.FormatTable {
		a.screen.Line("%s is agreed on already, and not all of it is done.", a.name)
	}
	if a.DryRun {
		return a.print(a.Output, a.document, func() {})
	}
	if err := a.confirm(ctx, "Apply", "what is left to do for "+a.name, a.Yes); err != nil {
		return err
	}
	return a.carryOut(ctx)
}

// negotiate asks for what the agreements do not cover.
func (a *applying) negotiate(ctx context.Context, agreed descriptors.Deployment) (proto.Offers, error) {
	submission := proto.Submission{
		Application: a.application, Advisory: a.DryRun,
		Change: &proto.Change{Deployment: agreed.ID, Revision: agreed.Revision, Undo: a.Undo},
	}
	if !a.DryRun && !a.Undo {
		var err error
		if submission.Uploads, err = a.agency.UploadFiles(ctx, a.application, a.directory); err != nil {
			return proto.Offers{}, err
		}
	}
	offers, err := a.agency.Submit(ctx, submission)
	if err != nil {
		return offers, err
	}
	return offers, unchangeable(offers)
}

// unchangeable is the error of a call for a change that no plan could be made of. Nobody has been shown the bids, so it
// says why also of the vendors that offer nothing and serve nothing yet, which are in none of the obstacles.
func unchangeable(offers proto.Offers) error {
	if len(offers.Plans) > 0 {
		return nil
	}
	failure := obstructed(offers)
	for _, vendor := range slices.Sorted(maps.Keys(offers.Refusals)) {
		if slices.ContainsFunc(offers.Obstacles, func(one proto.Obstacle) bool { return one.Vendor == vendor }) {
			continue
		}
		failure.Message += fmt.Sprintf("; %s refused: %s", vendor, strongest(rootReasons(offers, offers.Refusals[vendor])))
		failure.Hint = cmp.Or(failure.Hint, offers.Refusals[vendor].Hint)
	}
	return failure
}

// showPlan works the changes out and shows them.
func (a *applying) showPlan(plan changePlan) error {
	changes, err := plan.changes()
	if err != nil {
		return err
	}
	a.document.Application, a.document.Changes = plan.found.Application, append(a.document.Changes, changes...)
	a.document.PriceBefore, a.document.PriceAfter = plan.total(changes)
	if a.Output == present.FormatTable {
		a.showChanges(a.document)
	}
	return nil
}

// carryOut lets the deployer do what was agreed on.
func (a *applying) carryOut(ctx context.Context) error {
	descriptor, err := a.agency.Descriptor(ctx, a.name)
	if err != nil {
		return err
	}
	a.document.Deployment = descriptor.ID
	known, err := a.agency.Deployment(ctx, descriptor.ID)
	if err != nil && client.ClassOf(err) != client.NotFound {
		return err
	}
	exists := err == nil && known.State != descriptors.DeploymentRemoved
	start := func() (client.Operation, error) {
		if exists {
			return a.agency.Apply(ctx, descriptor)
		}
		return a.agency.Deploy(ctx, descriptor)
	}
	if !a.Wait {
		operation, err := start()
		if err != nil {
			return resumable(ctx, operation, err)
		}
		a.document.Operation = operation.ID
		return a.print(a.Output, a.document, func() { a.screen.Line("%s", operation.ID) })
	}
	outcome, err := a.pursue(ctx, a.agency, following{a.name, start, a.Wait, a.Output})
	if err != nil {
		return err
	}
	a.document.Outcome = &outcome
	return a.print(a.Output, a.document, func() {
		if outcome.Deployment != nil {
			a.showEnd(*outcome.Deployment)
		}
	})
}
