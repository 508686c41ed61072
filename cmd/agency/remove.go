package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

type removeVerb struct {
	Name string `arg:"" help:"Name of the deployment."`
	Yes  bool   `short:"y" help:"Do not ask."`
	// Abandon is for vendors that have gone for good.
	Abandon bool `help:"Let go of vendors that stay silent while agreements are ended; what they hold is left to them."`
	waiting
	reading
	target
}

// Help implements kong.HelpProvider.
func (removeVerb) Help() string {
	return example(
		"agency remove shop                asks first",
		"agency remove shop -y",
		"agency remove shop --abandon      when a removal waits for a vendor that has gone for good")
}

// Run removes a deployment: its resources if there are any, and its agreements.
func (v removeVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	deployment, err := agency.Deployment(ctx, v.Name)
	switch {
	case err != nil && client.ClassOf(err) != client.NotFound:
		return err
	case err != nil, deployment.State == descriptors.DeploymentRemoved:
		return v.end(ctx, s, agency, err == nil)
	case v.Abandon && deployment.State == descriptors.DeploymentRemoving:
		return v.abandon(ctx, s, agency)
	case v.Abandon:
		return &client.Error{
			Code: string(sla.RefusedState), Message: fmt.Sprintf("%s is %s; only a removal can be abandoned", v.Name, deployment.State),
			Hint: "`agency remove " + v.Name + "` begins one",
		}
	}
	what := present.Count(standing(deployment), "resource") + " of " + v.Name + " and end its agreements"
	if err := v.confirm(ctx, s, what); err != nil {
		return err
	}
	start := func() (client.Operation, error) { return agency.Remove(ctx, v.Name) }
	if err := s.follow(ctx, agency, following{v.Name, start, v.Wait, v.Output}); err != nil {
		return err
	}
	if v.Wait && v.Output == present.FormatTable {
		return s.showLeft(ctx, agency, deployment.Descriptor.ID)
	}
	return nil
}

func (v removeVerb) removedAlready() error {
	return &client.Error{
		Code: client.CodeNotFound, Message: v.Name + " is removed already", Hint: "`agency status` lists what stands",
	}
}

// end ends the agreements of something that was agreed on and never deployed, though it may have been before.
func (v removeVerb) end(ctx context.Context, s *session, agency *client.Client, removed bool) error {
	agreements, err := standingAgreements(ctx, agency, v.Name)
	if client.ClassOf(err) != client.NotFound && err != nil {
		return err
	}
	switch {
	case v.Abandon:
		return v.abandon(ctx, s, agency)
	case len(agreements) == 0 && removed:
		return v.removedAlready()
	case len(agreements) == 0:
		return &client.Error{
			Code: client.CodeNotFound, Message: "no deployment " + v.Name, Hint: "`agency status` lists what stands",
		}
	}
	if err := v.confirm(ctx, s, present.Count(len(agreements), "agreement")+" of "+v.Name+", of which nothing was created"); err != nil {
		return err
	}
	ended, err := agency.End(ctx, v.Name, "removed before it was deployed")
	if err != nil {
		return err
	}
	return v.print(s, ended)
}

// abandon lets go of vendors that do not answer.
func (v removeVerb) abandon(ctx context.Context, s *session, agency *client.Client) error {
	what := "the agreements of " + v.Name + " without the word of vendors that are silent, which may go on with what they hold"
	if err := v.confirm(ctx, s, what); err != nil {
		return err
	}
	ended, err := agency.Abandon(ctx, v.Name, "abandoned")
	if err != nil {
		return err
	}
	return v.print(s, ended)
}

func (v removeVerb) print(s *session, ended []sla.Agreement) error {
	return s.print(v.Output, proto.AgreementList{Agreements: ended}, func() {
		for _, agreement := range ended {
			s.screen.Line("Agreement with %s %s", agreement.Vendor, s.screen.State(string(agreement.State)))
		}
		s.screen.Line("%s is removed.", v.Name)
	})
}

// confirm asks before it removes, unless told not to.
func (v removeVerb) confirm(ctx context.Context, s *session, what string) error {
	return s.confirm(ctx, "Remove", what, v.Yes)
}

// confirm asks whether something is to be done, unless that is said already. Where nobody can be asked it refuses.
func (s *session) confirm(ctx context.Context, verb, what string, yes bool) error {
	if yes {
		return nil
	}
	keyboard, asked := s.terminal()
	if !asked {
		return badInput("add -y", "%s asks first, and there is no terminal to ask at", strings.ToLower(verb))
	}
	s.notes.Line("%s %s? [y/N]", verb, what)
	answer, err := askLine(ctx, keyboard, bufio.NewReader(keyboard))
	if err != nil {
		return err
	}
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
		return nil
	}
	return badInput("", "nothing was done")
}
