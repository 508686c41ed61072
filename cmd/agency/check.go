package main

import (
	"context"
	"fmt"

	"github.com/cloud-agency/agency/cmd/agency/present"
)

type checkVerb struct {
	Config string `placeholder:"FILE" help:"Configuration to check ($AGENCY_CONFIG); the default one by default."`
	Data   string `placeholder:"DIR" help:"Data directory to check ($AGENCY_DATA); the running agency's, else the configuration's, by default."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (checkVerb) Help() string {
	return example("agency check", "agency check --config agency.yaml", "agency check -o json | jq '.checks[] | select(.state != \"ok\")'") +
		"\n\nLooks at this machine, the configuration and the data directory and, if an agency runs, at its bus, agents, clocks, " +
		"vendors and their credentials; every vendor is asked what it would offer of something tiny, which binds nobody. " +
		"Changes nothing. Ends with 1 if something is wrong."
}

// verdictOf a check.
type checkState string

const (
	checkFine  checkState = "ok"
	checkWatch checkState = "warning"
	checkWrong checkState = "wrong"
)

// finding is what one check found.
type finding struct {
	State checkState `json:"state"`
	// Area is what kind of thing was checked, About which one of them.
	Area    string `json:"area"`
	About   string `json:"about,omitempty"`
	Message string `json:"message"`
	// Hint is what to do.
	Hint string `json:"hint,omitempty"`
}

// checkDocument is what check prints for programs.
type checkDocument struct {
	// Running says whether an agency answered.
	Running  bool      `json:"running"`
	Warnings int       `json:"warnings"`
	Wrong    int       `json:"wrong"`
	Checks   []finding `json:"checks"`
}

// checkup collects what is found.
type checkup struct {
	session  *session
	document checkDocument
	// settings are those that were read; valid says whether they make sense.
	settings configuration
	valid    bool
	// data is the agency's directory.
	data string
	// alive is the process that runs an agency on it, 0 for none.
	alive int
}

func (c *checkup) note(state checkState, area, about, hint, format string, arguments ...any) {
	c.document.Checks = append(c.document.Checks, finding{state, area, about, fmt.Sprintf(format, arguments...), hint})
	switch state {
	case checkWatch:
		c.document.Warnings++
	case checkWrong:
		c.document.Wrong++
	case checkFine:
	}
}

func (c *checkup) fine(area, about, format string, arguments ...any) {
	c.note(checkFine, area, about, "", format, arguments...)
}

// Run checks everything there is, whatever is wrong with some of it.
func (v checkVerb) Run(ctx context.Context, s *session) error {
	c := &checkup{session: s, document: checkDocument{Checks: []finding{}}}
	running, reached := s.find(v.target)
	c.configuration(s.or(v.Config, "AGENCY_CONFIG"))
	if err := c.locate(s.or(v.Data, "AGENCY_DATA"), running, reached == nil); err != nil {
		return err
	}
	c.modules(ctx)
	c.directory()
	c.rights()
	c.space()
	c.stores(ctx)
	c.testbed(ctx)
	c.port(ctx)
	c.agency(ctx, running, reached, v.explicit(s))
	if err := s.print(v.Output, c.document, c.show); err != nil {
		return err
	}
	if c.document.Wrong > 0 {
		return told{}
	}
	return nil
}

// explicit says whether the person has named an agency, which then has to be there.
func (v checkVerb) explicit(s *session) bool {
	return s.or(v.target.NATS, "AGENCY_NATS") != "" || s.or(v.target.Connection, "AGENCY_CONNECTION") != ""
}

// show writes a line for each check, and under it what to do.
func (c *checkup) show() {
	const areaWidth = 13
	screen := c.session.screen
	marks := map[checkState]string{
		checkFine: screen.Paint(present.Good, "✓"), checkWatch: screen.Paint(present.Watch, "!"), checkWrong: screen.Paint(present.Bad, "✗"),
	}
	const hang = 2 + areaWidth + 2
	for _, found := range c.document.Checks {
		text := found.Message
		if found.About != "" {
			text = found.About + ": " + text
		}
		screen.Line("%s", screen.Record(marks[found.State]+" "+present.Pad(found.Area, areaWidth)+"  "+text, hang))
		if found.Hint != "" {
			screen.Line("%s", screen.Record(present.Pad("", hang)+"do: "+found.Hint, hang+4))
		}
	}
	screen.Line("")
	switch {
	case c.document.Wrong+c.document.Warnings == 0:
		screen.Line("All is well.")
	case c.document.Wrong == 0:
		screen.Line("Nothing is wrong; %s to know of.", present.Count(c.document.Warnings, "thing"))
	default:
		screen.Line("%s wrong, %s to know of.", present.Count(c.document.Wrong, "thing"), present.Count(c.document.Warnings, "thing"))
	}
}
