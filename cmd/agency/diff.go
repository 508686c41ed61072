package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla/difference"
)

type diffVerb struct {
	What string `arg:"" name:"name-or-file" help:"Application descriptor, - for standard input, or the name of a deployment to compare with what was agreed on."`
	As   string `placeholder:"NAME" help:"Name of the deployment to compare a file with; by default the application's."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (diffVerb) Help() string {
	return example(
		"agency diff shop.yaml                 the file against what runs under its name",
		"agency diff shop.yaml --as shop-test",
		"agency diff shop                      what was agreed on against what the vendors list",
		"agency diff shop.yaml -o json | jq '.classes[] | select(.need == \"new-call\")'") +
		"\n\nEnds with 0 if nothing differs, with 1 if something does, and as every verb does when it could not tell."
}

// diffDocument is what diff prints for programs.
type diffDocument struct {
	Name       string `json:"name"`
	Deployment string `json:"deployment"`
	// Same says that nothing differs and nothing drifted.
	Same bool `json:"same"`
	// Need is the greatest need of all changes; missing if there are none.
	Need difference.Need `json:"need,omitempty"`
	difference.Difference
	// Drift is where what exists departs from what is recorded.
	Drift []client.Drift `json:"drift,omitempty"`
}

// Run compares.
func (v diffVerb) Run(ctx context.Context, s *session) error {
	var wanted difference.Wanted
	name, named := v.What, !looksLikeFile(v.What)
	if named && v.As != "" {
		return badInput("leave it out", "--as goes with a file, and %q is a name", v.What)
	}
	if !named {
		var err error
		if wanted, err = s.readWanted(v.What); err != nil {
			return err
		}
		name = wanted.Application.Name
		if v.As != "" {
			name = v.As
		}
	}
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	document, err := compareWith(ctx, agency, name, wanted, named)
	if err != nil {
		return err
	}
	err = s.print(v.Output, document, func() { s.showDiff(document) })
	if err == nil && !document.Same {
		return told{}
	}
	return err
}

// looksLikeFile says whether a word means a file. Names have neither dots nor slashes.
func looksLikeFile(word string) bool {
	if word == "-" || strings.ContainsAny(word, "./") {
		return true
	}
	information, err := os.Stat(word)
	return err == nil && information.Mode().IsRegular()
}

// readWanted reads an application, and hashes its files as far as they are there.
func (s *session) readWanted(file string) (difference.Wanted, error) {
	application, directory, err := s.readApplication(file)
	if err != nil {
		return difference.Wanted{}, err
	}
	return wantedOf(application, directory)
}

// wantedOf is an application as the broker takes it, and the hashes of its files.
func wantedOf(application descriptors.Application, directory string) (difference.Wanted, error) {
	application = application.Expanded()
	wanted := difference.Wanted{Application: application, Uploads: map[string]string{}}
	for name, class := range application.Resources {
		if len(class.Files) == 0 {
			continue
		}
		upload, err := client.Pack(directory, class.Files, io.Discard)
		if err != nil {
			return wanted, &client.Error{
				Code: client.CodeBadInput, Message: fmt.Sprintf("resources.%s.files: %s", name, err),
				Hint: "files are looked for beside the descriptor, in " + filepath.Clean(directory),
			}
		}
		wanted.Uploads[name] = upload
	}
	return wanted, nil
}

// compareWith compares what runs under a name with what is wanted or, without anything wanted, only looks for drift.
func compareWith(
	ctx context.Context, agency *client.Client, name string, wanted difference.Wanted, driftOnly bool,
) (diffDocument, error) {
	deployment, err := standingDeployment(ctx, agency, name)
	if err != nil {
		return diffDocument{}, err
	}
	document := diffDocument{Name: name, Deployment: deployment.Descriptor.ID}
	if !driftOnly {
		standing := difference.Standing{Deployment: deployment.Descriptor, Counts: deployment.Counts}
		standing.Application = agreedApplication(ctx, agency, deployment, wanted.Application)
		document.Difference = difference.Between(standing, wanted)
		document.Need = document.Difference.Need()
	}
	if deployment.State != descriptors.DeploymentPlanned {
		inventory, err := agency.Resources(ctx, deployment.Descriptor.ID)
		if err != nil {
			return document, err
		}
		document.Drift = client.DriftOf(deployment, inventory)
	}
	document.Same = document.Difference.Empty() && len(document.Drift) == 0
	return document, nil
}

// standingDeployment is what runs, or at least was agreed on, under a name.
func standingDeployment(ctx context.Context, agency *client.Client, name string) (proto.DeploymentStatus, error) {
	deployment, err := agency.Deployment(ctx, name)
	if err == nil && deployment.State != descriptors.DeploymentRemoved {
		return deployment, nil
	}
	if err != nil && client.ClassOf(err) != client.NotFound {
		return deployment, err
	}
	if descriptor, planned := plannedOnly(ctx, agency, name); planned {
		return asPlanned(descriptor), nil
	}
	return deployment, &client.Error{
		Code: client.CodeNotFound, Message: "nothing runs under the name " + name + ", so that there is nothing to compare with",
		Hint: "`agency applications` lists what there is; --as NAME compares with another",
	}
}

// agreedApplication is what the application said as a whole when its plan was taken. Where the broker has forgotten that,
// the deployment still knows a part, and the rest is taken for unchanged.
func agreedApplication(
	ctx context.Context, agency *client.Client, deployment proto.DeploymentStatus, wanted descriptors.Application,
) descriptors.Application {
	if offers, err := agency.Offers(ctx, deployment.Descriptor.Call); err == nil {
		return offers.Application
	}
	descriptor := deployment.Descriptor
	wanted.Currency, wanted.Budget, wanted.OnFailure = descriptor.Currency, descriptor.Budget, descriptor.OnFailure
	return wanted
}

func (s *session) showDiff(document diffDocument) {
	if document.Same {
		s.screen.Line("%s: nothing differs.", document.Name)
		return
	}
	for _, field := range document.Application {
		s.showField("~", "", field)
	}
	for _, class := range document.Classes {
		s.showClassDiff(class)
	}
	for _, drift := range document.Drift {
		what := drift.Name
		if what == "" {
			what = drift.Class
		}
		s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("%s %s is %s: %s", s.screen.Paint(present.Bad, "!"), what, driftText(drift.Kind),
			drift.Message), 4))
	}
	s.screen.Line("")
	s.screen.Line("%s", s.screen.Prose(verdict(document), 2))
}

func driftText(kind client.DriftKind) string {
	switch kind {
	case client.DriftMissing:
		return "missing"
	case client.DriftExtra:
		return "there and should not be"
	case client.DriftUnknown:
		return "not known to be there"
	}
	return "in error"
}

func (s *session) showClassDiff(class difference.Class) {
	head := fmt.Sprintf("%s (%s)", class.Class, class.Type)
	switch class.Change {
	case difference.Added:
		s.screen.Line("%s %s: new; %s", s.screen.Paint(present.Good, "+"), head, needText(class.Need, class.Type))
		return
	case difference.Removed:
		s.screen.Line("%s %s: no longer wanted; its resources at %s are removed", s.screen.Paint(present.Bad, "-"), head, class.Vendor)
		return
	}
	s.screen.Line("%s %s at %s: %s", s.screen.Paint(present.Watch, "~"), head, class.Vendor, needText(class.Need, class.Type))
	for _, field := range class.Fields {
		s.showField(" ", "  ", field)
	}
}

func (s *session) showField(mark, indent string, field difference.Field) {
	line := fmt.Sprintf("%s %s%s: %s -> %s", mark, indent, field.Path, valueText(field.Old), valueText(field.New))
	s.screen.Line("%s", s.screen.Prose(line+"   "+s.screen.Paint(present.Faint, "("+string(field.Need)+": "+field.Why+")"), 8))
}

// valueText writes a value for people, of the name of an archive only as much as tells it apart.
func valueText(value string) string {
	const archive, telling = "sha256-", 8
	switch {
	case value == "":
		return "nothing"
	case strings.HasPrefix(value, archive) && len(value) > len(archive)+telling:
		return value[:len(archive)+telling]
	}
	return value
}

func needText(need difference.Need, kind descriptors.ResourceType) string {
	switch {
	case need == difference.InPlace:
		return "changes in place"
	case need == difference.NewResources && kind.RunsMachines():
		return "takes new machines under the same agreement"
	case need == difference.NewResources:
		return "takes a new " + string(kind) + " under the same agreement"
	}
	return "takes a new call to the vendors"
}

// verdict says in a sentence what all of it takes.
func verdict(document diffDocument) string {
	var parts []string
	if changes := len(document.Application) + len(document.Classes); changes > 0 {
		takes := map[difference.Need]string{
			difference.InPlace: "all in place", difference.NewResources: "at most new resources under the same agreements",
			difference.NewCall: "a new call to the vendors",
		}
		parts = append(parts, fmt.Sprintf("%s; what it takes: %s.", present.Count(changes, "difference"), takes[document.Need]))
	}
	if len(document.Drift) > 0 {
		parts = append(parts, fmt.Sprintf("%s between what is recorded and what exists; `agency resources %s` shows what the vendors list.",
			present.Count(len(document.Drift), "departure"), document.Name))
	}
	return strings.Join(parts, " ")
}
