package main

import (
	"context"
	"strings"
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
	s.screen.Line("%s", s.eventLine(event))
	return nil
}

// sourceWidth is how much room the names of agents get.
const sourceWidth = 12

// eventLine tells an event in a line: when, who says so, what. The deployment's name leads where the sentence does not
// have it.
func (s *session) eventLine(event proto.Event) string {
	clock := s.screen.Clock(event.At) + "  "
	message := s.screen.Sentence(event.Message)
	if event.Name != "" && !strings.Contains(message, event.Name) {
		message = event.Name + ": " + message
	}
	source := strings.TrimPrefix(event.Source, string(proto.RoleVendor)+".")
	message = strings.Replace(message, " at "+source, "", 1)
	return s.screen.Record(clock+present.Pad(source, sourceWidth)+"  "+message, present.Width(clock)+2)
}
