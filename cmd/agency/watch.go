package main

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/client"
)

type watchVerb struct {
	What string `arg:"" optional:"" name:"name-or-operation" help:"Name of a deployment, or id of an operation as deploy, scale and remove print it; everything by default."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (watchVerb) Help() string {
	return example(
		"agency watch                                        every deployment, as it changes",
		"agency watch shop                                   one of them, until it is removed",
		"agency watch $(agency deploy shop --wait=false)     waits for the end of an operation",
		"agency watch shop -o json | jq -c '.deployments[].state'")
}

// Run shows what changes, or waits for an operation. Names have no capital letters, and ids of operations no others.
func (v watchVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	if _, err := ulid.ParseStrict(v.What); err != nil {
		return s.watchDeployments(ctx, agency, v.What, v.Output)
	}
	operation, err := agency.Operation(ctx, v.What)
	if err != nil {
		return err
	}
	start := func() (client.Operation, error) { return operation, nil }
	return s.follow(ctx, agency, following{operation.Name, start, true, v.Output})
}
