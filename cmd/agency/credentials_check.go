package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
)

type credentialsCheckVerb struct {
	Vendor string `placeholder:"NAME" help:"Only that vendor's; those of all by default."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (credentialsCheckVerb) Help() string {
	return example("agency credentials check", "agency credentials check --vendor openstack-berlin -o json") +
		"\n\nEach vendor tries at its cloud what is stored there, and changes nothing. Ends with 1 if a credential does not work."
}

// credentialReports is what check prints for programs.
type credentialReports struct {
	Vendors []proto.CredentialReport `json:"vendors"`
	// Silent are the vendors that did not answer, and why.
	Silent map[string]string `json:"silent,omitempty"`
}

// Run has credentials tried.
func (v credentialsCheckVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	reports, err := v.ask(ctx, agency)
	if err != nil {
		return err
	}
	if err := s.print(v.Output, reports, func() { s.showReports(reports) }); err != nil {
		return err
	}
	for _, report := range reports.Vendors {
		if len(faultsOf(report)) > 0 {
			return told{}
		}
	}
	if len(reports.Silent) > 0 {
		return told{}
	}
	return nil
}

func (v credentialsCheckVerb) ask(ctx context.Context, agency *client.Client) (credentialReports, error) {
	reports := credentialReports{Vendors: []proto.CredentialReport{}, Silent: map[string]string{}}
	if v.Vendor != "" {
		report, err := agency.CheckCredentials(ctx, v.Vendor)
		reports.Vendors = append(reports.Vendors, report)
		return reports, err
	}
	vendors, err := agency.Vendors(ctx)
	if err != nil {
		return reports, err
	}
	for _, vendor := range vendors {
		report, err := agency.CheckCredentials(ctx, vendor.Name)
		if err != nil {
			reports.Silent[vendor.Name] = firstLine(err)
			continue
		}
		reports.Vendors = append(reports.Vendors, report)
	}
	return reports, nil
}

// credentialFault is why a vendor cannot work with what is stored, and what to do.
type credentialFault struct{ message, hint string }

// faultsOf are what is wrong with the credentials of a vendor. One that needs some and has none is wrong, too.
func faultsOf(report proto.CredentialReport) []credentialFault {
	var faults []credentialFault
	set := "agency credentials set --vendor " + report.Vendor
	if len(report.Needs) > 0 && len(report.Checks) == 0 {
		faults = append(faults, credentialFault{"needs a credential and none is stored: " + fieldsByType(report.Needs), set})
	}
	for _, check := range report.Checks {
		scope := set
		if check.Scope.Class != "" {
			scope += " --class " + check.Scope.Class
		}
		if check.Scope.Agreement != "" {
			scope += " --agreement " + check.Scope.Agreement
		}
		switch check.State {
		case proto.CredentialRefused:
			faults = append(faults, credentialFault{"the cloud does not take it: " + check.Message, scope})
		case proto.CredentialIncomplete:
			faults = append(faults, credentialFault{"lacks " + fieldsByType(check.Missing), scope})
		case proto.CredentialWorks, proto.CredentialUntried:
		}
	}
	return faults
}

// fieldsByType writes which fields which types of classes need: "token, user (compute); secret (volume)".
func fieldsByType(fields map[descriptors.ResourceType][]string) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(fields)) {
		parts = append(parts, fmt.Sprintf("%s (%s)", strings.Join(fields[kind], ", "), kind))
	}
	return strings.Join(parts, "; ")
}

func (s *session) showReports(reports credentialReports) {
	var rows [][]string
	for _, report := range reports.Vendors {
		if len(report.Checks) == 0 {
			state := "needs none"
			if len(report.Needs) > 0 {
				state = s.screen.Paint(present.Bad, "missing")
			}
			rows = append(rows, []string{report.Vendor, present.None, present.None, state, fieldsByType(report.Needs)})
		}
		for _, check := range report.Checks {
			note := check.Message
			if len(check.Missing) > 0 {
				note = strings.TrimSuffix("lacks "+fieldsByType(check.Missing)+"; "+note, "; ")
			}
			rows = append(rows, []string{
				report.Vendor, orNone(check.Scope.Class), orNone(check.Scope.Agreement), s.screen.State(string(check.State)), note,
			})
		}
	}
	if len(rows) > 0 {
		s.screen.Table(present.Columns("VENDOR", "CLASS", "AGREEMENT", "STATE", "WHY"), rows)
	}
	for _, report := range reports.Vendors {
		for _, fault := range faultsOf(report) {
			s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("%s: %s. `%s` asks for it.", report.Vendor, fault.message, fault.hint), 2))
		}
	}
	for _, vendor := range slices.Sorted(maps.Keys(reports.Silent)) {
		s.screen.Line("%s did not answer: %s", vendor, reports.Silent[vendor])
	}
}
