package main

import (
	"context"

	"github.com/cloud-agency/agency/cmd/agency/present"
)

type descriptorVerb struct {
	Name   string         `arg:"" help:"Name of the deployment."`
	Output present.Format `short:"o" enum:"yaml,json" default:"yaml" placeholder:"FORMAT" help:"yaml or json."`
	target
}

// Help implements kong.HelpProvider.
func (descriptorVerb) Help() string {
	return example("agency descriptor shop > shop-deployment.yaml", "agency deploy shop -f shop-deployment.yaml")
}

// Run prints the deployment descriptor.
func (v descriptorVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	descriptor, err := agency.Descriptor(ctx, v.Name)
	if err != nil {
		return err
	}
	return s.printDescriptor(v.Output, descriptor)
}
