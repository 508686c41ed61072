package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/agents/client"
)

//go:embed init_configuration.yaml
var firstConfiguration []byte

//go:embed init_application.yaml
var firstApplication []byte

type initVerb struct {
	Dir   string `arg:"" optional:"" default:"." help:"Directory to write to, made if it is not there; by default this one."`
	Force bool   `help:"Write over files that are there."`
}

// Help implements kong.HelpProvider.
func (initVerb) Help() string {
	return example("agency init", "agency init ~/agency", "agency init --force          begins anew")
}

// The files that init writes.
const (
	configurationFile = "agency.yaml"
	applicationFile   = "app.yaml"
)

// Run writes a configuration and a first descriptor. Either both are written or, if one is there, none.
func (v initVerb) Run(s *session) error {
	if err := os.MkdirAll(v.Dir, 0o755); err != nil { //nolint:gosec // holds nothing secret, and may be shared
		return unwritable(v.Dir, err)
	}
	files := []struct {
		name    string
		content []byte
	}{
		{filepath.Join(v.Dir, configurationFile), firstConfiguration},
		{filepath.Join(v.Dir, applicationFile), firstApplication},
	}
	for _, file := range files {
		if _, err := os.Lstat(file.name); err == nil && !v.Force {
			return &client.Error{
				Code: client.CodeBadInput, Message: file.name + " is there already; nothing was written",
				Hint: "give another directory, or --force to write over it",
			}
		}
	}
	for _, file := range files {
		if err := os.WriteFile(file.name, file.content, 0o644); err != nil { //nolint:gosec // as above
			return unwritable(file.name, err)
		}
		s.screen.Line("wrote %s", file.name)
	}
	s.screen.Line("")
	s.screen.Line("Next:")
	for _, step := range [][2]string{
		{"agency check --config " + files[0].name, "is everything here that an agency needs?"},
		{"agency up --config " + files[0].name, "runs one; leave it running, and go on in another terminal"},
		{"agency submit " + files[1].name, "asks the vendors, and shows their bids"},
		{"agency accept app", "takes the best plan"},
		{"agency deploy app", "creates it"},
	} {
		s.screen.Line("  %-38s %s", step[0], step[1])
	}
	return nil
}

func unwritable(name string, err error) error {
	reason := err.Error()
	var path *fs.PathError
	if errors.As(err, &path) {
		reason = path.Err.Error()
	}
	return &client.Error{Code: client.CodeFailed, Message: fmt.Sprintf("%s cannot be written: %s", name, reason)}
}
