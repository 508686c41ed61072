package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/all"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

const modulesPage = `# Modules

What each module can do, as the conformance suite found it; what a module lacks, it says, with the reason. This page is
generated from the suite's records (` + "`vendormodules/*/testdata/conformance*.json`" + `), which every run of the suite compares
with what it finds: those of the clouds on this machine and of simulators in ` + "`make test`" + `, those of real providers in
` + "`make conformance`" + `.

`

// TestModulesPageIsUpToDate keeps docs/modules.md what the suite found, and has a record of every module.
func TestModulesPageIsUpToDate(t *testing.T) {
	files, err := filepath.Glob("../../vendormodules/*/testdata/conformance*.json")
	if err != nil {
		t.Fatal(err)
	}
	var records []vendortest.Record
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var record vendortest.Record
		if err := json.Unmarshal(content, &record); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		records = append(records, record)
	}
	for _, kind := range all.Kinds() {
		if !slices.ContainsFunc(records, func(record vendortest.Record) bool { return record.Kind == kind.Name }) {
			t.Errorf("module %s has no record of what the conformance suite found", kind.Name)
		}
	}
	upToDate(t, "modules.md", modulesPage+capabilityTable(records)+capabilityReasons(records))
}

// capabilityTable has a line for each capability and a column for each record.
func capabilityTable(records []vendortest.Record) string {
	var table strings.Builder
	table.WriteString("| capability |")
	for _, record := range records {
		fmt.Fprintf(&table, " %s |", record.Kind)
	}
	table.WriteString("\n|---|" + strings.Repeat("---|", len(records)) + "\n| tested against |")
	for _, record := range records {
		fmt.Fprintf(&table, " %s |", record.Against)
	}
	table.WriteString("\n| version of the module |")
	for _, record := range records {
		fmt.Fprintf(&table, " %s |", record.Version)
	}
	table.WriteString("\n")
	for _, capability := range records[0].Capabilities {
		fmt.Fprintf(&table, "| %s |", capability.Name)
		for _, record := range records {
			found := slices.ContainsFunc(record.Capabilities, func(other vendortest.Capability) bool {
				return other.Name == capability.Name && other.Has
			})
			fmt.Fprintf(&table, " %s |", mark(found))
		}
		table.WriteString("\n")
	}
	table.WriteString("| seen to bear slow answers, throttling and lost answers |")
	for _, record := range records {
		fmt.Fprintf(&table, " %s |", mark(record.Weather))
	}
	table.WriteString("\n| passed the suite, whole and in one run |")
	for _, record := range records {
		fmt.Fprintf(&table, " %s |", mark(record.Passed))
	}
	return table.String() + "\n"
}

func mark(has bool) string {
	if has {
		return "yes"
	}
	return "-"
}

// capabilityReasons says why what is lacking is lacking.
func capabilityReasons(records []vendortest.Record) string {
	var page strings.Builder
	for _, record := range records {
		var lacking strings.Builder
		for _, capability := range record.Capabilities {
			if !capability.Has {
				fmt.Fprintf(&lacking, "- **%s**: %s\n", capability.Name, capability.Reason)
			}
		}
		if record.Lineless != "" {
			fmt.Fprintf(&lacking, "- **slow answers, throttling and lost answers** are not proved there: %s\n", record.Lineless)
		}
		for _, name := range slices.Sorted(maps.Keys(record.Unproven)) {
			fmt.Fprintf(&lacking, "- **%s** is not proved there: %s\n", name, record.Unproven[name])
		}
		if lacking.Len() > 0 {
			fmt.Fprintf(&page, "\n## What %s lacks, tested against %s\n\n%s", record.Kind, record.Against, lacking.String())
		}
	}
	return page.String()
}
