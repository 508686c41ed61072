package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

type snapshotVerb struct {
	Name   string `arg:"" help:"Name of the deployment."`
	Source string `arg:"" help:"Name of a volume, data, or of a machine, web-1."`
	As     string `placeholder:"NAME" help:"Name of the copy, by which classes refer to it; by default one with the time."`
	waiting
	reading
	target
}

// Help implements kong.HelpProvider.
func (snapshotVerb) Help() string {
	return example(
		"agency snapshot shop data --as before-upgrade     a volume class with `snapshot: before-upgrade` begins with it",
		"agency snapshot shop web-1 --as web-golden        a machine class with `image: web-golden` is made of it") +
		"\n\nWhat is made stays, and costs, until `agency snapshots remove` deletes it: it outlives its deployment. It is at its " +
		"vendor alone, which is the only one to serve a class that is made of it."
}

// Run makes a copy of a volume or a machine.
func (v snapshotVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	as := v.As
	if as == "" {
		as = copyName(v.Source, time.Now())
	}
	start := func() (client.Operation, error) { return agency.Snapshot(ctx, v.Name, v.Source, as) }
	err = s.follow(ctx, agency, following{v.Name, start, v.Wait, v.Output})
	return withCopiers(ctx, agency, v.Source, err)
}

// copyName is a name for a copy that nobody has named.
func copyName(source string, now time.Time) string {
	const room = 40 - len("-20060102-150405")
	return source[:min(len(source), room)] + now.UTC().Format("-20060102-150405")
}

// withCopiers adds to the error of a vendor that cannot make copies who could.
func withCopiers(ctx context.Context, agency *client.Client, source string, err error) error {
	var known *client.Error
	if !errors.As(err, &known) || known.Code != string(sla.RefusedUnsupported) {
		return err
	}
	kind := descriptors.Snapshot
	if strings.Contains(known.Message, string(descriptors.Image)) {
		kind = descriptors.Image
	}
	able, asked := agency.Copiers(ctx, kind)
	told := *known
	switch {
	case asked != nil:
		return err
	case len(able) == 0:
		told.Hint = "no other vendor here can either"
	default:
		told.Hint = fmt.Sprintf("%s could, if %s were there", strings.Join(able, " and "), source)
	}
	return &told
}

// showCopy tells what has been made.
func (s *session) showCopy(made proto.ResourceStatus) {
	size := ""
	if made.Copy.Size > 0 {
		size = ", " + present.Size(made.Copy.Size)
	}
	s.screen.Line("%s is there: %s of %s at %s%s, %s", made.Name, made.Type, made.Copy.Source, made.Vendor, size, priceOf(made))
	for _, warning := range made.Warnings {
		s.screen.Line("%s", s.screen.Prose(warning, 2))
	}
}

// priceOf is what a copy costs, for a sentence.
func priceOf(made proto.ResourceStatus) string {
	if made.Price.PerHour.Currency == "" {
		return "its price is not known"
	}
	return present.PerHour(made.Price)
}

// showLeft tells which copies stand of a deployment that is removed, and what they cost.
func (s *session) showLeft(ctx context.Context, agency *client.Client, deployment string) error {
	left, err := agency.Copies(ctx, deployment)
	if err != nil {
		return err
	}
	for _, one := range left.Resources {
		s.screen.Line("%s, the %s of %s, stands at %s: %s. `agency snapshots remove %s` deletes it.",
			one.Name, one.Type, one.Copy.Source, one.Vendor, priceOf(one), one.Name)
	}
	return nil
}

type snapshotsVerb struct {
	List   snapshotsListVerb   `cmd:"" default:"withargs" help:"List them, whatever deployment they were made in."`
	Remove snapshotsRemoveVerb `cmd:"" help:"Delete one."`
}

type snapshotsListVerb struct {
	reading
	target
}

// Help implements kong.HelpProvider.
func (snapshotsListVerb) Help() string {
	return example("agency snapshots", "agency snapshots list -o json")
}

// snapshotList is what list prints for programs.
type snapshotList struct {
	Snapshots []proto.ResourceStatus `json:"snapshots"`
	// Silent are the vendors that did not answer, and why.
	Silent map[string]string `json:"silent,omitempty"`
}

// Run lists snapshots and images.
func (v snapshotsListVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	inventory, err := agency.Copies(ctx, "")
	if err != nil {
		return err
	}
	return s.print(v.Output, snapshotList{inventory.Resources, inventory.Silent}, func() {
		if len(inventory.Resources) == 0 {
			s.screen.Line("There are no snapshots and no images.")
		} else {
			rows := make([][]string, len(inventory.Resources))
			for i, one := range inventory.Resources {
				rows[i] = s.copyRow(one)
			}
			s.screen.Table(present.Columns("NAME", "TYPE", "OF", "VENDOR", "STATE", "?>SIZE", "?>PRICE/H", "CREATED"), rows)
			s.showWarnings(inventory.Resources)
		}
		s.showSilent(inventory)
	})
}

func (s *session) copyRow(one proto.ResourceStatus) []string {
	size := present.None
	if one.Copy.Size > 0 {
		size = present.Size(one.Copy.Size)
	}
	return []string{
		one.Name, string(one.Type), one.Copy.Deployment + " " + one.Copy.Source, one.Vendor, s.screen.State(string(one.State)),
		size, present.Rate(one.Price), s.screen.Ago(one.Created),
	}
}

// showSilent tells which vendors did not answer.
func (s *session) showSilent(inventory client.Inventory) {
	for _, vendor := range slices.Sorted(maps.Keys(inventory.Silent)) {
		s.screen.Line("%s did not answer, so that what it holds is missing here: %s", vendor, inventory.Silent[vendor])
	}
}

type snapshotsRemoveVerb struct {
	Snapshot string `arg:"" help:"Name of the snapshot or image."`
	Vendor   string `placeholder:"NAME" help:"Vendor that has it, where several have one of that name."`
	Yes      bool   `short:"y" help:"Do not ask."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (snapshotsRemoveVerb) Help() string {
	return example("agency snapshots remove before-upgrade -y")
}

// Run deletes a snapshot or an image.
func (v snapshotsRemoveVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	found, err := agency.FindCopy(ctx, v.Snapshot, v.Vendor)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s, the %s of %s of %s at %s", found.Name, found.Type, found.Copy.Source, found.Copy.Deployment, found.Vendor)
	if err := s.confirm(ctx, "Remove", what, v.Yes); err != nil {
		return err
	}
	if err := agency.RemoveCopy(ctx, found); err != nil {
		return err
	}
	return s.print(v.Output, found, func() { s.screen.Line("%s is removed from %s.", found.Name, found.Vendor) })
}

// copyNames are the names of all copies, for completion.
func copyNames(ctx context.Context, agency *client.Client) []string {
	inventory, err := agency.Copies(ctx, "")
	if err != nil {
		return nil
	}
	names := make([]string, len(inventory.Resources))
	for i, one := range inventory.Resources {
		names[i] = one.Name
	}
	return names
}
