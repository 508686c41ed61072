package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/agents/conformance"
	"github.com/cloud-agency/agency/cmd/agency/present"
)

type conformanceVerb struct {
	Vendor   string        `arg:"" optional:"" help:"Name of the vendor."`
	Config   string        `placeholder:"FILE" help:"Configuration with the vendor in it ($AGENCY_CONFIG)."`
	Run_     string        `name:"run" placeholder:"COMMAND" help:"Shell command that runs the vendor's agent; it is killed and run again."`
	To       string        `placeholder:"FILE" help:"Write the vendor's credentials there, and wait for its agent to come with them."`
	Restart  string        `placeholder:"COMMAND" help:"Shell command that restarts the agent that came."`
	Listen   string        `placeholder:"HOST:PORT" help:"Address to listen on; 127.0.0.1 and any free port by default."`
	Arrival  time.Duration `default:"1m" help:"How long to wait for the agent; a minute by default."`
	Image    string        `placeholder:"IMAGE" help:"Image to ask for; the first that the vendor has by default."`
	Only     []string      `placeholder:"CHECK" sep:"none" help:"Run this check alone; may be given several times."`
	ListOnly bool          `name:"list" help:"List the checks."`
	reading
}

// Help implements kong.HelpProvider.
func (conformanceVerb) Help() string {
	return example(
		"agency conformance ptc-local",
		"agency conformance berlin --config berlin.yaml -o json",
		"agency conformance mine --run 'node vendor.js --data DIR'     it finds $AGENCY_CREDENTIALS and $AGENCY_NATS",
		"agency conformance mine --to mine.creds --restart 'systemctl --user restart mine'")
}

// conformanceOffers is how long a vendor of the agency's own stands by its offers while it is tried.
const conformanceOffers = 10 * time.Second

// Run puts a vendor's agent through the protocol, on a bus of its own.
func (v conformanceVerb) Run(ctx context.Context, s *session) (err error) {
	if v.ListOnly {
		return s.print(v.Output, conformance.Names(), func() {
			for _, name := range conformance.Names() {
				s.screen.Line("%s", name)
			}
		})
	}
	if err := v.check(); err != nil {
		return err
	}
	directory, err := os.MkdirTemp("", "agency-conformance-*")
	if err != nil {
		return fmt.Errorf("make the bench's directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	settings := configuration{Listen: v.Listen}
	host, port, _ := settings.listen() // looked at by check
	bench, err := conformance.OpenBench(ctx, conformance.BenchOptions{Directory: directory, Vendor: v.Vendor, Host: host, Port: port})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bench.Close()) }()
	candidate, err := v.candidate(s, bench, directory)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	candidate.lost = cancel
	if err := candidate.begin(); err != nil {
		return err
	}
	report, err := v.try(running, s, bench, candidate)
	candidate.end()
	return v.conclude(s, report, v.explain(running, err))
}

// check says what is wrong with the flags.
func (v conformanceVerb) check() error {
	_, _, err := configuration{Listen: v.Listen}.listen()
	switch {
	case v.Vendor == "":
		return badInput("agency conformance NAME", "which vendor?")
	case err != nil:
		return badInput("", "--listen: %s", err)
	case v.Run_ != "" && v.To != "":
		return badInput("", "--run starts the agent, and --to waits for it: give one of them")
	case v.Restart != "" && v.To == "":
		return badInput("", "--restart is for an agent that is waited for with --to")
	}
	unknown := slices.IndexFunc(v.Only, func(name string) bool { return !slices.Contains(conformance.Names(), name) })
	if unknown >= 0 {
		return badInput("agency conformance --list", "there is no check %q", v.Only[unknown])
	}
	return nil
}

// candidate is how the agent to try comes to the bench.
func (v conformanceVerb) candidate(s *session, bench *conformance.Bench, directory string) (*candidate, error) {
	file := v.To
	if file == "" {
		file = filepath.Join(directory, "vendor.creds")
	} else if _, err := os.Stat(file); err == nil {
		return nil, badInput("give another file with --to", "%s is there already, and is not written over", file)
	}
	made := &candidate{
		environment: append(os.Environ(), "AGENCY_CREDENTIALS="+file, "AGENCY_NATS="+bench.URL()), output: s.err, restartWith: v.Restart,
	}
	switch {
	case v.To != "":
		s.notes.Line("%s is at %s. Run its agent with the credentials in %s.", v.Vendor, bench.URL(), file)
	case v.Run_ != "":
		made.command = []string{"/bin/sh", "-c", v.Run_}
	default:
		own, err := v.ownVendor(s, file, directory)
		if err != nil {
			return nil, err
		}
		made.command = own
	}
	return made, bench.Credentials().Save(file)
}

// ownVendor is the command that runs a vendor agent of this program with its part of the configuration.
func (v conformanceVerb) ownVendor(s *session, credentials, directory string) ([]string, error) {
	settings, err := s.vendorSettings(s.or(v.Config, "AGENCY_CONFIG"), v.Vendor)
	if err != nil {
		return nil, err
	}
	part, named := settings.Vendors[v.Vendor]
	if !named {
		return nil, badInput("vendors: { "+v.Vendor+": { module: ptc } }", "%s names no vendor %s", settings.file, v.Vendor)
	}
	content, err := yaml.Marshal(map[string]any{
		"vendors":   map[string]*yaml.Node{v.Vendor: &part},
		"intervals": map[string]string{"offers": conformanceOffers.String()},
		"log":       "error", // of what it refuses it would tell much
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(directory, "vendor.yaml")
	if err := writeOwn(file, content); err != nil {
		return nil, err
	}
	program, err := os.Executable()
	return []string{
		program, "vendor", v.Vendor, "--credentials", credentials, "--config", file, "--data", filepath.Join(directory, "vendor"),
	}, err
}

// try runs the checks and, for people, shows each as it is done.
func (v conformanceVerb) try(
	ctx context.Context, s *session, bench *conformance.Bench, candidate *candidate,
) (conformance.Report, error) {
	options := conformance.Options{Bench: bench, Arrival: v.Arrival, Only: v.Only, Restart: candidate.restart()}
	if v.Image != "" {
		class := conformance.SmallMachine(v.Image)
		options.Class = &class
	}
	return conformance.Run(ctx, options, func(check conformance.Check) {
		if v.Output == present.FormatTable {
			s.showCheck(check)
		}
	})
}

// explain makes of an error of the run one that says what to do.
func (v conformanceVerb) explain(ctx context.Context, err error) error {
	var ended *agentEnded
	switch {
	case err == nil:
		return nil
	case errors.As(context.Cause(ctx), &ended):
		return &client.Error{Code: client.CodeFailed, Message: v.Vendor + "'s " + ended.Error()}
	case ctx.Err() != nil:
		return err
	}
	return &client.Error{
		Code: client.CodeUnreachable, At: v.Vendor, Message: err.Error(), Hint: "docs/protocol.md, \"What a vendor agent has to do\"",
	}
}

// words for the results, of one width.
var checkWords = map[conformance.Result]string{
	conformance.Passed: "pass", conformance.Failed: "FAIL", conformance.NotApplicable: "  - ",
}

func (s *session) showCheck(check conformance.Check) {
	word := checkWords[check.Result]
	switch check.Result {
	case conformance.Passed:
		word = s.screen.Paint(present.Good, word)
	case conformance.Failed:
		word = s.screen.Paint(present.Bad, word)
	}
	s.screen.Line("%s  %s  %s", word, present.Pad(check.Name, 60), present.Span(time.Duration(check.Took)))
	if check.Reason != "" {
		s.screen.Line("%s", s.screen.Prose("      "+check.Reason, 6))
	}
	if check.Result == conformance.Failed {
		s.screen.Line("      docs/protocol.md, %q", check.Section)
	}
}

// conclude prints the document, or the sum for people. What failed makes the verb fail.
func (v conformanceVerb) conclude(s *session, report conformance.Report, failed error) error {
	if failed != nil {
		return failed
	}
	what := "conforms"
	if report.Partial {
		what = "passes what was asked for"
	}
	err := s.print(v.Output, report, func() {
		s.screen.Line("")
		if report.Conforms() {
			s.screen.Line("%s %s: %s passed, %d did not apply.", report.Vendor, what, present.Count(report.Passed, "check"), report.NotApplicable)
		}
	})
	if err == nil && !report.Conforms() {
		err = &client.Error{
			Code:    client.CodeFailed,
			Message: fmt.Sprintf("%s does not conform: %d of %d checks failed", report.Vendor, report.Failed, len(report.Checks)),
		}
	}
	return err
}
