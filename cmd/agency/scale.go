package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/cloud-agency/agency/agents/client"
)

type scaleVerb struct {
	Name  string `arg:"" help:"Name of the deployment."`
	Class string `arg:"" name:"class=count" help:"Class, and how many of it there shall be."`
	waiting
	reading
	target
}

// Help implements kong.HelpProvider.
func (scaleVerb) Help() string { return example("agency scale shop web=4") }

// Run brings a class to a count.
func (v scaleVerb) Run(ctx context.Context, s *session) error {
	class, number, found := strings.Cut(v.Class, "=")
	count, err := strconv.Atoi(number)
	if !found || class == "" || err != nil || count < 0 {
		return badInput("write web=4", "%q is not a class and its count", v.Class)
	}
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	start := func() (client.Operation, error) { return agency.Scale(ctx, v.Name, class, count) }
	return s.follow(ctx, agency, following{v.Name, start, v.Wait, v.Output})
}
