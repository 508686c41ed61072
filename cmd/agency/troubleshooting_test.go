package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shortestPiece of a message, in bytes, is looked for in the source; anything shorter is found anywhere.
const shortestPiece = 5

// TestTroubleshootingQuotesRealMessages sees that each message of the table in docs/operations.md stands in the source:
// all of its pieces between the ellipses in one file.
func TestTroubleshootingQuotesRealMessages(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| message | code |")
	if !found {
		t.Fatal("the page has no table of messages")
	}
	sources := goSources(t)
	messages := 0
	for line := range strings.Lines(table) {
		_, rest, is := strings.Cut(line, "| `")
		if !is || !strings.HasPrefix(line, "| `") {
			continue
		}
		messages++
		message, _, _ := strings.Cut(rest, "` |")
		if !quoted(sources, message) {
			t.Errorf("no source file has the message %q", message)
		}
	}
	if messages < 10 {
		t.Errorf("the table has %d messages", messages)
	}
}

func quoted(sources []string, message string) bool {
	for _, source := range sources {
		all := true
		for piece := range strings.SplitSeq(message, "…") {
			all = all && (len(piece) < shortestPiece || strings.Contains(source, strings.TrimSpace(piece)))
		}
		if all {
			return true
		}
	}
	return false
}

// goSources are the files of the program, without tests.
func goSources(t *testing.T) []string {
	t.Helper()
	var sources []string
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		sources = append(sources, string(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}
