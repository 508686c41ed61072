package main

import (
	"context"

	"github.com/cloud-agency/agency/agents/client"
)

type watchVerb struct {
	Operation string `arg:"" help:"Id of the operation, as deploy, scale and remove print it."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (watchVerb) Help() string {
	return example("agency watch $(agency deploy shop --wait=false)")
}

// Run waits for an operation.
func (v watchVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	operation, err := agency.Operation(ctx, v.Operation)
	if err != nil {
		return err
	}
	start := func() (client.Operation, error) { return operation, nil }
	return s.follow(ctx, agency, following{operation.Name, start, true, v.Output})
}
