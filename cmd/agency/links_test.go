package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLinksLead sees that every link between the pages leads to a file, and to a heading where it names one.
func TestLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	for _, page := range guidePages(t) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(content), -1) {
			target, anchor := match[1], match[2]
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %s leads nowhere", page, match[0])
			} else if anchor != "" && !anchors(t, file)[anchor] {
				t.Errorf("%s: %s: there is no such heading", page, match[0])
			}
		}
	}
}

// anchors are those of a page's headings.
func anchors(t *testing.T, page string) map[string]bool {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	found := map[string]bool{}
	for line := range strings.Lines(string(content)) {
		if text := strings.TrimLeft(line, "#"); text != line && strings.HasPrefix(text, " ") {
			text = dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(text)), "")
			found[strings.ReplaceAll(text, " ", "-")] = true
		}
	}
	return found
}
