package main

import (
	"runtime"

	"github.com/cloud-agency/agency/proto"
)

// version of the program; a build from a working copy is told another by the linker.
var version = "0.1.0"

type versionVerb struct{ reading }

// Help implements kong.HelpProvider.
func (versionVerb) Help() string { return example("agency version", "agency version -o json") }

// versionDocument is the version for programs.
type versionDocument struct {
	Version string `json:"version"`
	// Contents is the newest version of message contents that is written.
	Contents int    `json:"contents"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run prints the version.
func (v versionVerb) Run(s *session) error {
	document := versionDocument{version, proto.ContentVersion, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	return s.print(v.Output, document, func() { s.screen.Line("agency %s", version) })
}
