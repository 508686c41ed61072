package present_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func screen(out *bytes.Buffer) *present.Screen {
	return present.NewScreen(out, false, func() time.Time { return noon })
}

func rate(t *testing.T, text string) quantity.Rate {
	t.Helper()
	rate, err := quantity.ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return rate
}

func TestAmounts(t *testing.T) {
	for name, example := range map[string]struct{ got, want string }{
		"price":               {present.PerHour(rate(t, "0.0412 EUR/h")), "0.0412 EUR/h"},
		"price, rounded":      {present.PerHour(rate(t, "0.041255 EUR/h")), "0.0413 EUR/h"},
		"price, filled up":    {present.Rate(rate(t, "2 EUR/h")), "2.0000 EUR"},
		"price, tiny":         {present.PerHour(rate(t, "0.000007 EUR/h")), "0.000007 EUR/h"},
		"no price":            {present.PerHour(quantity.Rate{}), "-"},
		"a month":             {present.PerMonth(rate(t, "0.0412 EUR/h")), "30.08 EUR/month"},
		"less than nothing":   {present.Money(quantity.Money{Micros: -1_995_000, Currency: "EUR"}), "-2.00 EUR"},
		"availability":        {present.Availability(0.9995), "99.95 %"},
		"availability, nines": {present.Availability(0.99999), "99.999 %"},
		"availability, near":  {present.Availability(0.99995), "99.995 %"},
		"availability, full":  {present.Availability(0.919199), "91.92 %"},
		"size":                {present.Size(512 << 20), "512 MiB"},
		"size, odd":           {present.Size(24684096 << 10), "23.5 GiB"},
		"size, small":         {present.Size(12), "12 B"},
		"availability, all":   {present.Availability(1), "100.00 %"},
		"no availability":     {present.Availability(0), "-"},
		"microseconds":        {present.Span(700 * time.Microsecond), "700 us"},
		"milliseconds":        {present.Span(38 * time.Millisecond), "38 ms"},
		"seconds":             {present.Span(4100 * time.Millisecond), "4.1 s"},
		"whole seconds":       {present.Span(time.Second), "1 s"},
		"minutes":             {present.Span(5 * time.Minute), "5 min"},
		"hours":               {present.Span(3 * time.Hour), "3 h"},
		"days":                {present.Span(72 * time.Hour), "3 d"},
		"one":                 {present.Count(1, "vendor"), "1 vendor"},
		"several":             {present.Count(3, "vendor"), "3 vendors"},
	} {
		if example.got != example.want {
			t.Errorf("%s: %q, want %q", name, example.got, example.want)
		}
	}
}

func TestTimesAreRelativeOnATerminalOnly(t *testing.T) {
	s := screen(&bytes.Buffer{})
	past, future := noon.Add(-40*time.Second), noon.Add(29*time.Second)
	if got := s.Ago(past); got != "2026-05-04T11:59:20Z" {
		t.Errorf("elsewhere: %q", got)
	}
	s.Live = true
	for want, got := range map[string]string{
		"40 s ago": s.Ago(past), "just now": s.Ago(noon), "in 30 s": s.Until(future), "past": s.Until(past),
		"-": s.Ago(time.Time{}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTableLinesUpAndWraps(t *testing.T) {
	var out bytes.Buffer
	s := screen(&out)
	s.Table(present.Columns("VENDOR", "FOR", ">PRICE/H"), [][]string{
		{"ptc-athens", "web db", "0.0412 EUR"}, {"ptc-lisbon", "-", "12.0000 EUR"},
	})
	want := `  VENDOR       FOR          PRICE/H
  ptc-athens   web db    0.0412 EUR
  ptc-lisbon   -        12.0000 EUR
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}

	out.Reset()
	s.Width = 50
	s.Table(present.Columns("NAME", "WHAT"), [][]string{{"web-1", strings.Repeat("word ", 20) + "end"}})
	for line := range strings.Lines(out.String()) {
		if present.Width(line) > 50 {
			t.Errorf("wider than the screen: %q", line)
		}
	}
	if !strings.Contains(out.String(), "end") {
		t.Errorf("the end is missing:\n%s", out.String())
	}
}

func TestColoursOnlyWhereThereAreAny(t *testing.T) {
	s := screen(&bytes.Buffer{})
	if got := s.State("running"); got != "running" {
		t.Errorf("without colour: %q", got)
	}
	s.Colour = true
	if got := s.State("running"); got != "\x1b[32mrunning\x1b[0m" {
		t.Errorf("with colour: %q", got)
	}
	if got := s.State("whatever"); got != "whatever" {
		t.Errorf("unknown state: %q", got)
	}
}

func TestProgressInPlainLines(t *testing.T) {
	var out bytes.Buffer
	progress := present.NewProgress(screen(&out))
	progress.Show(present.Step{Name: "web-1", State: "creating", Done: 2, Of: 4})
	progress.Show(present.Step{Name: "web-1", State: "creating", Done: 2, Of: 4})
	progress.Show(present.Step{Name: "web-1", State: "running", Done: 4, Of: 4, Note: "127.0.0.2"})
	want := "web-1     creating\nweb-1     running    127.0.0.2\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestProgressIsDrawnAgainInItsOwnLines(t *testing.T) {
	var out bytes.Buffer
	s := screen(&out)
	s.Live, s.Width = true, 40
	progress := present.NewProgress(s)
	progress.Show(present.Step{Name: "web-1", State: "creating", Done: 2, Of: 4})
	progress.Show(present.Step{Name: "web-2", State: "requested", Done: 1, Of: 4})
	out.Reset()
	progress.Show(present.Step{Name: "web-1", State: "running", Done: 4, Of: 4, Note: strings.Repeat("long ", 20)})
	if !strings.HasPrefix(out.String(), "\x1b[2A\r") {
		t.Errorf("does not go back to its first line: %q", out.String())
	}
	if got := strings.Count(out.String(), "\n"); got != 2 {
		t.Errorf("draws %d lines, want 2: %q", got, out.String())
	}
	for line := range strings.Lines(out.String()) {
		if present.Width(strings.TrimRight(line, "\n")) > 40 {
			t.Errorf("wraps: %q", line)
		}
	}
}

type document struct {
	Name  string            `json:"name"`
	Count int               `json:"count"`
	Texts map[string]string `json:"texts"`
	None  []string          `json:"none"`
}

func TestDocumentSaysTheSameInJSONAndYAML(t *testing.T) {
	value := document{"<web>", 2, map[string]string{"number": "1", "truth": "yes", "time": "2026-05-04", "plain": "a b"}, []string{}}
	var asJSON, asYAML bytes.Buffer
	if err := present.Document(&asJSON, present.FormatJSON, value); err != nil {
		t.Fatal(err)
	}
	if err := present.Document(&asYAML, present.FormatYAML, value); err != nil {
		t.Fatal(err)
	}
	if want := "name: <web>\ncount: 2\ntexts:\n  number: \"1\"\n  plain: a b\n"; !strings.HasPrefix(asYAML.String(), want) {
		t.Errorf("YAML:\n%s", asYAML.String())
	}
	var fromJSON, fromYAML map[string]any
	if err := yaml.Unmarshal(asJSON.Bytes(), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(asYAML.Bytes(), &fromYAML); err != nil {
		t.Fatal(err)
	}
	texts, is := fromYAML["texts"].(map[string]any)
	if !is || len(texts) != 4 {
		t.Fatalf("texts: %v", fromYAML["texts"])
	}
	for name, text := range value.Texts {
		if texts[name] != text {
			t.Errorf("%s: %v (%T) in YAML, want the text %q", name, texts[name], texts[name], text)
		}
	}
}

func TestWrapKeepsWhatLinesUp(t *testing.T) {
	if got := present.Wrap("  a    -  some words", 12, 6); got != "  a    -\n      some\n      words" {
		t.Errorf("got %q", got)
	}
}

func TestWrapHangs(t *testing.T) {
	got := present.Wrap("one two three four five six seven", 20, 4)
	for i, line := range strings.Split(got, "\n") {
		if present.Width(line) > 20 || i > 0 && !strings.HasPrefix(line, "    ") {
			t.Errorf("line %d: %q", i, line)
		}
	}
}

func TestTableGivesUpColumnsBeforeItBreaksWords(t *testing.T) {
	var out bytes.Buffer
	s := screen(&out)
	s.Width = 40
	at := "2026-11-21T08:15:54Z"
	gap := s.Table(present.Columns("NAME", "?FLAVOR", "UNTIL"), [][]string{{"ptc-athens", "load-balancer", at}})
	want := "  NAME        UNTIL\n  ptc-athens  " + at + "\n"
	if out.String() != want || gap != "  " {
		t.Errorf("got\n%swant\n%swith the gap %q", out.String(), want, gap)
	}
	out.Reset()
	s.Width = 20
	s.Table(present.Columns("NAME", "UNTIL"), [][]string{{"ptc-athens", at}})
	if !strings.Contains(out.String(), at) {
		t.Errorf("a word is broken:\n%s", out.String())
	}
}

func TestSentencesOfAgentsAreRounded(t *testing.T) {
	if got := present.Sentence("1 needs 30GiB memory, 24684096KiB are free"); got != "1 needs 30 GiB memory, 23.5 GiB are free" {
		t.Errorf("got %q", got)
	}
}

func TestPlainProgressTellsAStateOnce(t *testing.T) {
	var out bytes.Buffer
	progress := present.NewProgress(screen(&out))
	progress.Show(present.Step{Name: "web-1", State: "running", Note: "127.0.0.2"})
	progress.Show(present.Step{Name: "web-1", State: "running", Note: "127.0.0.2 again"})
	progress.Show(present.Step{Name: "web-1", State: "gone"}, present.Step{Name: "web-1", State: "gone"})
	if want := "web-1     running    127.0.0.2\nweb-1     gone\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
