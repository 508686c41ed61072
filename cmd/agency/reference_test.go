package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/lifecycle"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// upToDate compares a page with what it should be, or makes it that where UPDATE_DOCS is set, as "go generate" does.
func upToDate(t *testing.T, page, want string) {
	t.Helper()
	page = filepath.Join("../../docs", page)
	got, err := os.ReadFile(page)
	if err == nil && string(got) == want {
		return
	}
	if os.Getenv("UPDATE_DOCS") == "" {
		t.Errorf("%s is out of date; run make generate", page)
		return
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil { //nolint:gosec // public
		t.Fatal(err)
	}
}

const commandReference = `# Command reference

Every verb with its flags, as ` + "`agency VERB --help`" + ` shows them. This page is generated from the command line itself by
` + "`make generate`" + `. What programs rely on, exit codes, documents and files, is in [commands](commands.md).
`

// TestCommandReferenceIsUpToDate keeps docs/command-reference.md what the command line is.
func TestCommandReferenceIsUpToDate(t *testing.T) {
	parser, err := kong.New(&verbs{}, kong.Name("agency"), kong.ExplicitGroups(groups()))
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(true)
	var page bytes.Buffer
	page.WriteString(commandReference)
	for _, group := range groups() {
		if own := ofGroup(leaves, group.Key); len(own) > 0 {
			fmt.Fprintf(&page, "\n**%s** %s\n", strings.TrimSuffix(group.Title, ":"), strings.Join(own, " · "))
		}
	}
	page.WriteString("\n## Flags of many verbs\n\n| flag | default | |\n|---|---|---|\n")
	var told []string
	for _, verb := range leaves {
		for _, flag := range verb.Flags {
			if line := flagLine(flag); isShared(flag) && !slices.Contains(told, line) {
				told = append(told, line)
				page.WriteString(line)
			}
		}
	}
	for _, verb := range leaves {
		writeVerb(&page, verb)
	}
	page.WriteString("\n## Variables\n\n| variable | in the place of |\n|---|---|\n" + variables(t, leaves))
	page.WriteString("\n## Exit codes\n\n```text" + exitCodes + "\n```\n")
	upToDate(t, "command-reference.md", page.String())
}

// ofGroup are links to the verbs of a group; a verb within another has that one's.
func ofGroup(leaves []*kong.Node, key string) []string {
	var links []string
	for _, verb := range leaves {
		group := verb.Group
		if group == nil && verb.Parent != nil {
			group = verb.Parent.Group
		}
		if group != nil && group.Key == key {
			links = append(links, fmt.Sprintf("[%s](#%s)", nameOf(verb), strings.ReplaceAll(verb.FullPath(), " ", "-")))
		}
	}
	return links
}

func nameOf(verb *kong.Node) string { return strings.TrimPrefix(verb.FullPath(), "agency ") }

// isShared says whether a flag is one of those that many verbs have.
func isShared(flag *kong.Flag) bool {
	return flag.Name == "help" || flag.Group != nil && flag.Group.Key == "target"
}

// variables are those of the environment that the program looks up, each with the flag that wins over it.
func variables(t *testing.T, leaves []*kong.Node) string {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	lookedUp := regexp.MustCompile(`(?:env|or)\([^()]*"([A-Z_]{4,})"\)`)
	var found []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range lookedUp.FindAllSubmatch(source, -1) {
			if name := string(match[1]); !strings.HasSuffix(file, "_test.go") && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	var rows strings.Builder
	for _, name := range found {
		flag := strings.ToLower(strings.TrimPrefix(name, "AGENCY_"))
		given := slices.ContainsFunc(leaves, func(verb *kong.Node) bool {
			return slices.ContainsFunc(verb.Flags, func(f *kong.Flag) bool { return f.Name == flag })
		})
		fmt.Fprintf(&rows, "| `%s` | %s |\n", name, map[bool]string{true: "`--" + flag + "`", false: "no flag"}[given])
	}
	return rows.String()
}

func writeVerb(page *bytes.Buffer, verb *kong.Node) {
	fmt.Fprintf(page, "\n## %s\n\n%s\n\n", verb.FullPath(), verb.Help)
	fmt.Fprintf(page, "```text\nagency %s\n```\n", strings.TrimSuffix(verb.Summary(), " [flags]"))
	var rows strings.Builder
	for _, argument := range verb.Positional {
		fmt.Fprintf(&rows, "| `%s` | | %s |\n", argument.Summary(), cell(argument.Help))
	}
	var shared []string
	for _, flag := range verb.Flags {
		switch {
		case isShared(flag) && flag.Name != "help":
			shared = append(shared, "`--"+flag.Name+"`")
		case !isShared(flag):
			rows.WriteString(flagLine(flag))
		}
	}
	if rows.Len() > 0 {
		page.WriteString("\n| argument or flag | default | |\n|---|---|---|\n" + rows.String())
	}
	if len(shared) > 0 {
		fmt.Fprintf(page, "\nAlso %s.\n", strings.Join(shared, ", "))
	}
	if verb.Detail != "" {
		fmt.Fprintf(page, "\n%s\n", indentedAsText(verb.Detail))
	}
}

// flagLine is a line of a table of flags.
func flagLine(flag *kong.Flag) string {
	name := "--" + flag.Name
	if !flag.IsBool() {
		name += "=" + flag.FormatPlaceHolder()
	}
	if flag.Short != 0 {
		name = "-" + string(flag.Short) + ", " + name
	}
	value := ""
	if flag.HasDefault && flag.Default != "" {
		value = "`" + flag.Default + "`"
	}
	if flag.Required {
		value = "*required*"
	}
	return fmt.Sprintf("| `%s` | %s | %s |\n", name, value, cell(flag.Help))
}

func cell(text string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text) }

// indentedAsText makes blocks of what is indented.
func indentedAsText(text string) string {
	var written strings.Builder
	open := false
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		inside := strings.HasPrefix(line, "    ") || open && line == ""
		if inside != open {
			written.WriteString("```" + map[bool]string{true: "text"}[inside] + "\n")
		}
		open = inside
		written.WriteString(strings.TrimPrefix(line, "    ") + "\n")
	}
	if open {
		written.WriteString("```\n")
	}
	return strings.TrimRight(strings.ReplaceAll(written.String(), "\n\n```\n", "\n```\n\n"), "\n")
}

// TestStatesAreUpToDate keeps the tables of states in docs/concepts.md what the code goes by.
func TestStatesAreUpToDate(t *testing.T) {
	content, err := os.ReadFile("../../docs/concepts.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	for noun, table := range map[string]string{
		"call":       states(descriptors.CallStates, descriptors.CallOpen),
		"proposal":   states(sla.ProposalStates, sla.ProposalOffered),
		"attempt":    states(sla.AttemptStates, sla.AttemptAccepting),
		"agreement":  states(sla.AgreementStates, sla.AgreementPending),
		"deployment": states(descriptors.DeploymentStates, descriptors.DeploymentPlanned),
		"resource":   states(vendormodules.ResourceStates, vendormodules.ResourceRequested),
	} {
		begin, end := "<!-- states of "+noun+" -->\n", "<!-- end -->"
		before, rest, found := strings.Cut(page, begin)
		_, after, ended := strings.Cut(rest, end)
		if !found || !ended {
			t.Errorf("concepts.md has no states of %s", noun)
			continue
		}
		page = before + begin + table + end + after
	}
	upToDate(t, "concepts.md", page)
}

// states writes a state machine, in the order in which its states are reached.
func states[S ~string](table lifecycle.Table[S], first S) string {
	reached := []S{first}
	for i := 0; i < len(reached); i++ {
		for _, next := range table[reached[i]] {
			if !slices.Contains(reached, next) {
				reached = append(reached, next)
			}
		}
	}
	for _, other := range slices.Sorted(maps.Keys(table)) { // reached by no other
		if !slices.Contains(reached, other) {
			reached = append(reached, other)
		}
	}
	written := "| state | may become |\n|---|---|\n"
	for _, state := range reached {
		next := make([]string, len(table[state]))
		for i, one := range table[state] {
			next[i] = "`" + string(one) + "`"
		}
		if len(next) == 0 {
			next = []string{"*final*"}
		}
		written += fmt.Sprintf("| `%s` | %s |\n", state, strings.Join(next, ", "))
	}
	return written
}
