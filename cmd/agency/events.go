package main

import (
	"context"
	"time"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
)

type eventsVerb struct {
	Name   string         `arg:"" optional:"" help:"Name of a deployment; everything by default."`
	Follow bool           `short:"f" help:"Go on with what happens next."`
	Since  time.Duration  `placeholder:"SPAN" help:"Only as far back as that: 90s, 10m, 2h."`
	Output present.Format `short:"o" enum:"table,json,yaml" default:"table" placeholder:"FORMAT" help:"table, json (an event a line) or yaml."`
	target
}

// Help implements kong.HelpProvider.
func (eventsVerb) Help() string {
	return example("agency events shop", "agency events -f", "agency events --since 10m -o json | jq .message")
}

// Run tells events, oldest first.
func (v eventsVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	watching := client.Watching{Name: v.Name, Follow: v.Follow}
	if v.Since > 0 {
		watching.Since = s.now().Add(-v.Since)
	}
	return agency.Events(ctx, watching, func(event proto.Event) error { return s.showEvent(v.Output, event) })
}

func (s *session) showEvent(format present.Format, event proto.Event) error {
	switch format {
	case present.FormatJSON:
		return present.Compact(s.out, event)
	case present.FormatYAML:
		if _, err := s.out.Write([]byte("---\n")); err != nil {
			return err
		}
		return present.Document(s.out, format, event)
	}
	line := s.screen.Clock(event.At) + "  " + present.Pad(event.Source, 16) + "  "
	hang := present.Width(line)
	if event.Name != "" {
		line += event.Name + ": "
	}
	s.screen.Line("%s", s.screen.Prose(line+event.Message, hang))
	return nil
}
