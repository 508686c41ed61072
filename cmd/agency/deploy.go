package main

import (
	"context"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/descriptors"
)

type deployVerb struct {
	Name string `arg:"" help:"Name of the deployment."`
	File string `short:"f" placeholder:"FILE" help:"Deployment descriptor to use instead of the agreed one."`
	waiting
	reading
	target
}

// Help implements kong.HelpProvider.
func (deployVerb) Help() string {
	return example(
		"agency deploy shop",
		"agency deploy shop --wait=false            prints the operation's id; agency watch ID picks it up",
		"agency deploy shop -f shop-deployment.yaml")
}

// Run creates what was agreed on.
func (v deployVerb) Run(ctx context.Context, s *session) error {
	var given *descriptors.Deployment
	if v.File != "" {
		read, err := s.readDeployment(v.File)
		if err != nil {
			return err
		}
		if read.Name != v.Name {
			return badInput("", "%s describes %q, not %q", v.File, read.Name, v.Name)
		}
		given = &read
	}
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	descriptor, err := descriptorOr(ctx, agency, v.Name, given)
	if err != nil {
		return err
	}
	start := func() (client.Operation, error) { return agency.Deploy(ctx, descriptor) }
	return s.follow(ctx, agency, following{v.Name, start, v.Wait, v.Output})
}

func descriptorOr(
	ctx context.Context, agency *client.Client, name string, given *descriptors.Deployment,
) (descriptors.Deployment, error) {
	if given != nil {
		return *given, nil
	}
	return agency.Descriptor(ctx, name)
}
