package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

type exportVerb struct {
	Name  string `arg:"" help:"Name of the deployment, or of its call."`
	Dir   string `short:"d" placeholder:"DIR" help:"Directory to write to, made if it is not there; by default NAME-export."`
	Force bool   `help:"Write over files that are there."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (exportVerb) Help() string {
	return example("agency export shop", "agency export shop -d archive/2026-11") +
		"\n\nWrites the application, the call, proposals, the plan, agreements, the deployment, its resources and its events, as " +
		"far as there are any. None of them holds a credential; what a descriptor's environment or user-data say is in them."
}

// exported is what export prints for programs.
type exported struct {
	Name      string   `json:"name"`
	Directory string   `json:"directory"`
	Files     []string `json:"files"`
	// Missing says of files that could not be written why.
	Missing map[string]string `json:"missing,omitempty"`
}

// part is one file of an export: its content, or why there is none.
type part struct {
	file    string
	content []byte
	err     error
}

// Run writes everything about a name to files.
func (v exportVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	offers, err := agency.Offers(ctx, v.Name)
	if err != nil {
		return err
	}
	directory := v.Dir
	if directory == "" {
		directory = offers.Name + "-export"
	}
	parts := gatherParts(ctx, agency, offers)
	result := exported{Name: offers.Name, Directory: directory, Files: []string{}, Missing: map[string]string{}}
	if err := v.write(directory, parts, &result); err != nil {
		return err
	}
	return s.print(v.Output, result, func() { s.showExported(result) })
}

// gatherParts asks the agents for all there is. What one of them does not know, or does not answer, is missing alone.
func gatherParts(ctx context.Context, agency *client.Client, offers proto.Offers) []part {
	parts := []part{descriptorPart("application.yaml", offers.Application, nil)}
	call := callRecord{
		Call: offers.Call, Name: offers.Name, State: offers.State, Opened: offers.Opened, Called: offers.Called,
		Refusals: offers.Refusals, Obstacles: offers.Obstacles,
	}
	parts = append(parts,
		documentPart("call.yaml", call, nil),
		documentPart("proposals.yaml", proposalRecord{offers.Proposals}, nil),
		documentPart("plans.yaml", planRecord{offers.Plans, offers.Attempts}, nil))
	agreements, err := agency.Agreements(ctx, offers.Call)
	parts = append(parts, documentPart("agreements.yaml", proto.AgreementList{Agreements: agreements}, err))
	descriptor, err := agency.Descriptor(ctx, offers.Call)
	parts = append(parts, descriptorPart("deployment.yaml", descriptor, err))
	if err == nil {
		parts = append(parts, runningParts(ctx, agency, offers.Name, descriptor.ID)...)
	}
	events, err := eventsOf(ctx, agency, offers.Name)
	return append(parts, documentPart("events.yaml", eventRecord{events}, err))
}

// runningParts are the status of a deployment and what its vendors list.
func runningParts(ctx context.Context, agency *client.Client, name, id string) []part {
	status := statusDocument{Deployments: []deploymentDocument{}}
	deployments, err := agency.Deployments(ctx, name)
	for _, deployment := range deployments {
		if deployment.Descriptor.ID == id {
			status.Deployments = append(status.Deployments, deploymentDocument{DeploymentStatus: deployment})
		}
	}
	parts := []part{documentPart("status.yaml", status, err)}
	inventory, err := agency.Resources(ctx, id)
	return append(parts, documentPart("resources.yaml", inventory, err))
}

// The records are what the files hold.
type (
	callRecord struct {
		Call      string                 `json:"call"`
		Name      string                 `json:"name"`
		State     descriptors.CallState  `json:"state"`
		Opened    time.Time              `json:"opened"`
		Called    int                    `json:"called"`
		Refusals  map[string]sla.Refusal `json:"refusals,omitempty"`
		Obstacles []proto.Obstacle       `json:"obstacles,omitempty"`
	}
	proposalRecord struct {
		Proposals []sla.Proposal `json:"proposals"`
	}
	planRecord struct {
		Plans    []sla.Plan      `json:"plans"`
		Attempts []proto.Attempt `json:"attempts"`
	}
	eventRecord struct {
		Events []proto.Event `json:"events"`
	}
)

func eventsOf(ctx context.Context, agency *client.Client, name string) ([]proto.Event, error) {
	events := []proto.Event{}
	err := agency.Events(ctx, client.Watching{Name: name}, func(event proto.Event) error {
		events = append(events, event)
		return nil
	})
	return events, err
}

// descriptorPart is written as descriptors are, so that it can be read again.
func descriptorPart(file string, descriptor any, err error) part {
	if err != nil {
		return part{file: file, err: err}
	}
	content, err := descriptors.EncodeBytes(descriptor)
	return part{file, content, err}
}

func documentPart(file string, value any, err error) part {
	if err != nil {
		return part{file: file, err: err}
	}
	var content bytes.Buffer
	err = present.Document(&content, present.FormatYAML, value)
	return part{file, content.Bytes(), err}
}

func (v exportVerb) write(directory string, parts []part, result *exported) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return unwritable(directory, err)
	}
	for _, one := range parts {
		name := filepath.Join(directory, one.file)
		if _, err := os.Lstat(name); err == nil && !v.Force {
			return &client.Error{
				Code: client.CodeBadInput, Message: name + " is there already; nothing was written",
				Hint: "give another directory with -d, or --force to write over it",
			}
		}
	}
	for _, one := range parts {
		if one.err != nil {
			result.Missing[one.file] = firstLine(one.err)
			continue
		}
		if err := writeOwn(filepath.Join(directory, one.file), one.content); err != nil {
			return unwritable(filepath.Join(directory, one.file), errors.Unwrap(err))
		}
		result.Files = append(result.Files, one.file)
	}
	return nil
}

func firstLine(err error) string {
	var known *client.Error
	if errors.As(err, &known) {
		return known.Error()
	}
	return err.Error()
}

func (s *session) showExported(result exported) {
	s.screen.Line("%s of %s written to %s:", present.Count(len(result.Files), "file"), result.Name, result.Directory)
	for _, file := range result.Files {
		s.screen.Line("  %s", file)
	}
	for _, file := range slices.Sorted(maps.Keys(result.Missing)) {
		s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("  no %s: %s", file, result.Missing[file]), 4))
	}
}
