package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/cloud-agency/agency/agents/client"
)

// TestCommandsAreDocumented keeps docs/commands.md true: every verb with every flag of its own, and every exit code.
func TestCommandsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(&verbs{}, kong.Name("agency"))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range parser.Model.Leaves(true) {
		line := documented(string(page), verb.FullPath())
		if line == "" {
			t.Errorf("%s is not in the table of verbs", verb.FullPath())
		}
		for _, flag := range verb.Flags {
			shared := flag.Name == "help" || flag.Name == "output" || flag.Group != nil && flag.Group.Key == "target"
			if !shared && !strings.Contains(line, "--"+flag.Name) {
				t.Errorf("%s: --%s is not in its line: %s", verb.FullPath(), flag.Name, line)
			}
		}
		if verb.Detail == "" && verb.Name != "credentials" {
			t.Errorf("%s has no examples", verb.FullPath())
		}
	}
	for code := client.Done; code <= client.Unknown; code++ {
		if !strings.Contains(string(page), fmt.Sprintf("\n| %d | ", code)) || !strings.Contains(exitCodes, fmt.Sprintf("%d  ", code)) {
			t.Errorf("exit code %d is not told of on the page and in the help", code)
		}
	}
}

// documented is the line of the table about a verb.
func documented(page, verb string) string {
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "| `") && (strings.Contains(line, "`"+verb+"`") || strings.Contains(line, "`"+verb+" ")) {
			return line
		}
	}
	return ""
}
