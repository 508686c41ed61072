package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guide is a page of the documentation whose commands are run as they are shown.
//
// A fenced block marked "console" holds commands, each behind "$ ", and below each what it prints: every line shown must
// be found in the output, in that order, where "…" stands for anything and spacing does not count. A line "# exit 2"
// says with which code the command ends, 0 without it. All blocks of a page run in order, in one directory with the
// examples in it, and with one home. A comment before a block says what else there is to do with it:
//
//	<!-- file: shop.yaml -->      the block is written to that file
//	<!-- test: background -->     its command is left running until the page ends, from when it has printed what is shown
//	<!-- test: stop -->           what was left running is stopped first
//	<!-- test: in the source -->  it is run in a copy of the source, where files with a directory in their name go
//	<!-- test: elsewhere -->      it is run, or built, by other means
type guide struct {
	page   string
	blocks []guideBlock
}

type guideBlock struct {
	line             int
	mark, kind, text string
}

// guidePages are the pages whose commands run.
func guidePages(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	return append(pages, "../../README.md")
}

// readGuide finds the fenced blocks of a page. A command shown outside of one would not be run, and is a fault.
func readGuide(t *testing.T, page string) guide {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	read := guide{page: filepath.Base(page)}
	var mark string
	var open *guideBlock
	for i, line := range strings.Split(string(content), "\n") {
		switch fence, fenced := strings.CutPrefix(line, "```"); {
		case fenced && open == nil:
			open, mark = &guideBlock{line: i + 1, mark: mark, kind: fence}, ""
		case fenced:
			read.blocks, open = append(read.blocks, *open), nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "<!-- "):
			mark = strings.TrimSuffix(strings.TrimPrefix(line, "<!-- "), " -->")
		case strings.HasPrefix(strings.TrimSpace(line), "$ "):
			t.Errorf("%s:%d: a command outside a console block is not run: %s", read.page, i+1, line)
		case strings.TrimSpace(line) != "":
			mark = ""
		}
	}
	return read
}

// shown is one command of a console block and what the page says of it.
type shown struct {
	line    int
	command string
	output  []string
	exit    string
}

// commands are those of a console block.
func (b guideBlock) commands(t *testing.T) []shown {
	t.Helper()
	var found []shown
	for i, line := range strings.Split(strings.TrimSuffix(b.text, "\n"), "\n") {
		command, is := strings.CutPrefix(line, "$ ")
		code, exits := strings.CutPrefix(line, "# exit ")
		switch {
		case is:
			found = append(found, shown{line: b.line + 1 + i, command: command, exit: "0"})
		case len(found) == 0:
			t.Fatalf("line %d: a console block begins with a command, not with %q", b.line+1+i, line)
		case exits:
			found[len(found)-1].exit = code
		default:
			found[len(found)-1].output = append(found[len(found)-1].output, line)
		}
	}
	return found
}

// missing is the first line shown that an output does not have where it should, empty if it has them all.
func (c shown) missing(output string) string {
	printed := strings.Split(output, "\n")
	for _, line := range c.output {
		at := slices.IndexFunc(printed, func(candidate string) bool { return hasPieces(candidate, line) })
		if at < 0 {
			return line
		}
		if strings.TrimSpace(strings.Trim(line, "… ")) != "" {
			printed = printed[at+1:]
		}
	}
	return ""
}

// hasPieces says whether a line has what another says between its ellipses, in order, however it is spaced.
func hasPieces(line, pattern string) bool {
	line = strings.Join(strings.Fields(line), " ")
	for piece := range strings.SplitSeq(pattern, "…") {
		piece = strings.Join(strings.Fields(piece), " ")
		_, after, found := strings.Cut(line, piece)
		if !found {
			return false
		}
		line = after
	}
	return true
}

func TestShownOutput(t *testing.T) {
	printed := "  NAME   STATE\n  shop   running   since 09:00\nat http://127.0.0.1:8080"
	for pattern, found := range map[string]bool{
		"shop running":                    true,
		"shop … 09:00":                    true,
		"NAME STATE\n…\nat http://…:8080": true,
		"…":                               true,
		"at http\nshop":                   false, // in this order
		"shop stopped":                    false,
		"shop … running … since … yesterday": false,
	} {
		if missing := (shown{output: strings.Split(pattern, "\n")}).missing(printed); (missing == "") != found {
			t.Errorf("%q: missing %q", pattern, missing)
		}
	}
}
