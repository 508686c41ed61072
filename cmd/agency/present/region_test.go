package present_test

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/cmd/agency/present"
)

var escape = regexp.MustCompile(`^\x1b\[(\d*)([AK])`)

// display is what a terminal shows after it was written to: lines, with the cursor moved up and lines erased.
func display(written string) []string {
	lines, at := []string{""}, 0
	for len(written) > 0 {
		if sequence := escape.FindStringSubmatch(written); sequence != nil {
			if sequence[2] == "A" {
				up, _ := strconv.Atoi(sequence[1]) // digits
				at -= up
			} else {
				lines[at] = ""
			}
			written = written[len(sequence[0]):]
			continue
		}
		switch written[0] {
		case '\r':
		case '\n':
			if at++; at == len(lines) {
				lines = append(lines, "")
			}
		default:
			lines[at] += written[:1]
		}
		written = written[1:]
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func TestARegionShowsWhatWasDrawnLast(t *testing.T) {
	var written bytes.Buffer
	screen := present.NewScreen(&written, true, time.Now)
	screen.Live = true
	region := present.NewRegion(screen, 5)
	for _, step := range []struct{ drawn, shown string }{
		{"one\ntwo\nthree\n", "one|two|three"},
		{"one\n", "one"},
		{"one\n2\n", "one|2"},
		{"a\nb\nc\nd\ne\nf\n", "a|b|c|..."},
		{"a\n", "a"},
	} {
		region.Draw(step.drawn)
		if got := strings.Join(display(written.String()), "|"); got != step.shown {
			t.Errorf("after %q the screen shows %q, want %q\n%q", step.drawn, got, step.shown, written.String())
		}
	}
	before := written.Len()
	if region.Draw("a\n"); written.Len() != before {
		t.Error("what is shown already was drawn again")
	}
}
