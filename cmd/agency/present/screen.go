package present

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// DefaultWidth is how many columns a screen has that is no terminal, and at most those that are.
const DefaultWidth = 100

// NoLimit is the width of a screen on which nothing is wrapped or left out.
const NoLimit = 1 << 20

// Screen is where text for people goes.
type Screen struct {
	writer io.Writer
	// Width in columns.
	Width int
	// Live screens are terminals: lines on them can be drawn again.
	Live bool
	// Colour says whether escape sequences for colours may be used.
	Colour bool
	// Now is the clock that times are told from.
	Now func() time.Time
}

// NewScreen makes a screen of a writer. It is live if the writer is a terminal that can move its cursor, and has colour
// if it is live and plain is false.
func NewScreen(writer io.Writer, plain bool, now func() time.Time) *Screen {
	screen := &Screen{writer: writer, Width: DefaultWidth, Now: now}
	file, isFile := writer.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return screen
	}
	screen.Live, screen.Colour = true, !plain
	if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
		screen.Width = min(width, DefaultWidth)
	}
	return screen
}

// Height is how many lines a live screen has, 0 if that is not known.
func (s *Screen) Height() int {
	file, isFile := s.writer.(*os.File)
	if !s.Live || !isFile {
		return 0
	}
	_, height, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return height
}

// Write implements io.Writer.
func (s *Screen) Write(data []byte) (int, error) { return s.writer.Write(data) }

// Line writes a line. A screen that cannot be written to any more is nothing that a command could act on.
func (s *Screen) Line(format string, arguments ...any) {
	_, _ = fmt.Fprintf(s.writer, format+"\n", arguments...)
}

// Tone is what a colour underlines.
type Tone string

// The tones.
const (
	Good  Tone = "32"
	Watch Tone = "33"
	Bad   Tone = "31"
	Faint Tone = "2"
	Bold  Tone = "1"
)

// Paint gives text a tone where the screen has colour.
func (s *Screen) Paint(tone Tone, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + string(tone) + "m" + text + "\x1b[0m"
}

// tones of the states that things are in; a state without one is shown plain.
func toneOf(state string) Tone {
	switch state {
	case "running", "observed", "committed", "present", "fulfilled", "inform":
		return Good
	case "requested", "creating", "provisioning", "planned", "pending", "accepting", "deleting", "removing", "undoing",
		"cancelling", "stopped", "degraded":
		return Watch
	case "error", "failed", "rejected", "refused", "violated", "abandoned", "absent", "quarantined":
		return Bad
	case "gone", "removed", "closed", "expired", "terminated", "complete", "undone", "cancelled":
		return Faint
	}
	return ""
}

// State paints the name of a state in its tone.
func (s *Screen) State(state string) string {
	if tone := toneOf(state); tone != "" {
		return s.Paint(tone, state)
	}
	return state
}
