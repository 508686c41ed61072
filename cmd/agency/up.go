package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
)

type upVerb struct {
	Data   string `placeholder:"DIR" help:"Data directory ($AGENCY_DATA); $$XDG_STATE_HOME/agency/data by default."`
	Config string `placeholder:"FILE" help:"Configuration ($AGENCY_CONFIG); one vendor on this machine, ptc-local, by default."`
}

// Help implements kong.HelpProvider.
func (upVerb) Help() string {
	return example(
		"agency up",
		"agency up --data ~/agency --config agency.yaml",
		"",
		"agency.yaml:",
		"  listen: 127.0.0.1:4222",
		"  vendors:",
		"    ptc-athens: { module: ptc, region: athens, country: GR, capacity: { cores: 16 } }",
		"    ptc-lisbon: { module: ptc, region: lisbon, country: PT, prices: { core-hour: 0.006 EUR } }")
}

// Run runs an agency until it is told to stop. What it created goes on without it.
func (v upVerb) Run(ctx context.Context, s *session) error {
	began := s.now()
	settings, err := s.readConfiguration(s.or(v.Config, "AGENCY_CONFIG"))
	if err != nil {
		return err
	}
	data, err := s.dataDirectory(v.Data, settings)
	if err != nil {
		return err
	}
	h, err := s.openHouse(ctx, data, settings)
	if err != nil {
		return err
	}
	err = h.inhabit(ctx, func() error {
		if err := h.openDoor(s); err != nil {
			return err
		}
		s.screen.Line("agency %s ready in %s: %s", version, present.Span(s.now().Sub(began)), strings.Join(h.names(), ", "))
		s.screen.Line("bus at %s, data in %s", h.server.URL(), data)
		s.screen.Line("Ctrl-C stops it; what it created goes on, and is found again by the next `agency up`.")
		return nil
	})
	if err = closing(h, err); err == nil {
		s.screen.Line("stopped")
	}
	return err
}

// names of the agents of the house, for people.
func (h *house) names() []string {
	names := make([]string, 0, len(h.settings.Vendors)+3)
	for _, identity := range h.residents()[1:] {
		names = append(names, identity.Name)
	}
	return names
}

// closing closes the house after an error, or none.
func closing(h *house, err error) error { return errors.Join(err, h.close()) }

// inFile gives the faults that a module finds in its part of the configuration the file and the vendor's name.
func inFile(file, vendor string, err error) error {
	var faults descriptors.Faults
	if !errors.As(err, &faults) {
		return fmt.Errorf("vendor %s: %w", vendor, err)
	}
	located := make(descriptors.Faults, len(faults))
	for i, fault := range faults {
		located[i] = fault
		located[i].File = file
		located[i].Path = strings.TrimSuffix("vendors."+vendor+"."+fault.Path, ".")
	}
	return &wrongFile{located}
}
