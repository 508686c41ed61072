package main

import (
	"bufio"
	"context"
	"strings"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
)

type removeVerb struct {
	Name string `arg:"" help:"Name of the deployment."`
	Yes  bool   `short:"y" help:"Do not ask."`
	waiting
	reading
	target
}

// Help implements kong.HelpProvider.
func (removeVerb) Help() string {
	return example("agency remove shop          asks first", "agency remove shop -y")
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
	case client.ClassOf(err) == client.NotFound:
		return v.end(ctx, s, agency)
	case err != nil:
		return err
	case deployment.State == descriptors.DeploymentRemoved:
		return v.removedAlready()
	}
	what := present.Count(standing(deployment), "resource") + " of " + v.Name + " and end its agreements"
	if err := v.confirm(s, what); err != nil {
		return err
	}
	start := func() (client.Operation, error) { return agency.Remove(ctx, v.Name) }
	return s.follow(ctx, agency, following{start, v.Wait, v.Output, s.track(ctx, agency, v.Name, v.Output)})
}

func (v removeVerb) removedAlready() error {
	return &client.Error{
		Code: client.CodeNotFound, Message: v.Name + " is removed already", Hint: "`agency status` lists what stands",
	}
}

// end ends the agreements of something that was agreed on and never deployed.
func (v removeVerb) end(ctx context.Context, s *session, agency *client.Client) error {
	agreements, err := standingAgreements(ctx, agency, v.Name)
	if client.ClassOf(err) != client.NotFound && err != nil {
		return err
	}
	if len(agreements) == 0 {
		return &client.Error{
			Code: client.CodeNotFound, Message: "no deployment " + v.Name, Hint: "`agency status` lists what stands",
		}
	}
	if err := v.confirm(s, present.Count(len(agreements), "agreement")+" of "+v.Name+", of which nothing was created"); err != nil {
		return err
	}
	ended, err := agency.End(ctx, v.Name, "removed before it was deployed")
	if err != nil {
		return err
	}
	return s.print(v.Output, proto.AgreementList{Agreements: ended}, func() {
		for _, agreement := range ended {
			s.screen.Line("Agreement with %s %s", agreement.Vendor, s.screen.State(string(agreement.State)))
		}
		s.screen.Line("%s is removed.", v.Name)
	})
}

// confirm asks, unless told not to. Where nobody can be asked it refuses.
func (v removeVerb) confirm(s *session, what string) error {
	if v.Yes {
		return nil
	}
	if _, asked := s.terminal(); !asked {
		return badInput("add -y", "removing asks first, and there is no terminal to ask at")
	}
	s.notes.Line("Remove %s? [y/N]", what)
	answer, err := bufio.NewReader(s.in).ReadString('\n')
	if err == nil && strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
		return nil
	}
	return badInput("", "nothing was removed")
}
