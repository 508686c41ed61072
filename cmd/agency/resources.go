package main

import (
	"context"
	"fmt"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
)

type resourcesVerb struct {
	Name string `arg:"" optional:"" help:"Name of a deployment; everything by default."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (resourcesVerb) Help() string {
	return example("agency resources            everything of ours at every vendor", "agency resources shop -o json")
}

// Run asks the vendors what exists.
func (v resourcesVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	deployment := ""
	if v.Name != "" {
		status, err := agency.Deployment(ctx, v.Name)
		if err != nil {
			return err
		}
		deployment = status.Descriptor.ID
	}
	inventory, err := agency.Resources(ctx, deployment)
	if err != nil {
		return err
	}
	return s.print(v.Output, inventory, func() { s.showInventory(inventory) })
}

func (s *session) showInventory(inventory client.Inventory) {
	if len(inventory.Resources) == 0 {
		s.screen.Line("The vendors list nothing of ours.")
	} else {
		rows := make([][]string, len(inventory.Resources))
		for i, resource := range inventory.Resources {
			rows[i] = s.resourceRow(resource)
		}
		titles := []string{"NAME", "TYPE", "VENDOR", "STATE", "ADDRESS", "?>PRICE/H", "CREATED"}
		if s.wide {
			titles = append(titles, "AGREEMENT", "ID")
		}
		s.screen.Table(present.Columns(titles...), rows)
		s.showQuarantine(inventory.Resources)
		s.showWarnings(inventory.Resources)
	}
	s.showSilent(inventory)
}

func (s *session) resourceRow(resource proto.ResourceStatus) []string {
	state := string(resource.State)
	if resource.Quarantined {
		state = "quarantined"
	}
	address := addressOf(resource)
	if address == "" {
		address = present.None
	}
	row := []string{
		resource.Name, string(resource.Type), resource.Vendor, s.screen.State(state), address, present.Rate(resource.Price),
		s.screen.Ago(resource.Created),
	}
	if s.wide {
		row = append(row, orNone(resource.Agreement), orNone(resource.ID))
	}
	return row
}

// showQuarantine names what is ours by its tags and in no record by the cloud's own ids, for whoever is to decide on it.
func (s *session) showQuarantine(resources []proto.ResourceStatus) {
	for _, resource := range resources {
		if resource.Quarantined {
			s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("%s: %s (%s) bears this agency's tags and is in no record; it is never "+
				"touched. If nobody needs it, delete it at the vendor.", resource.Vendor, resource.Name, resource.ID), 2))
		}
	}
}
