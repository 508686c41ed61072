package present

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Onto is a screen like this one whose text goes elsewhere.
func (s *Screen) Onto(writer io.Writer) *Screen {
	other := *s
	other.writer = writer
	return &other
}

// Region is text at the end of a live screen that is drawn again whenever it changes.
type Region struct {
	screen *Screen
	// Height of the screen in lines; what does not fit is left out, since lines that have scrolled away cannot be drawn
	// again. 0 for no bound.
	height int
	drawn  int
	shown  string
}

// NewRegion makes a region of at most so many lines.
func NewRegion(screen *Screen, height int) *Region { return &Region{screen: screen, height: height} }

// Draw puts a text in the place of what was drawn before.
func (r *Region) Draw(content string) {
	if content == r.shown {
		return
	}
	r.shown = content
	lines := strings.Split(strings.TrimRight(content, "\n"), "\n")
	if r.height > 1 && len(lines) > r.height-1 {
		lines = append(lines[:r.height-2], "...")
	}
	var out strings.Builder
	if r.drawn > 0 {
		out.WriteString(text.CursorUp.Sprintn(r.drawn))
	}
	for _, line := range lines {
		out.WriteString("\r" + text.EraseLine.Sprint() + text.Trim(line, r.screen.Width) + "\n")
	}
	for range r.drawn - len(lines) {
		out.WriteString("\r" + text.EraseLine.Sprint() + "\n")
	}
	if surplus := r.drawn - len(lines); surplus > 0 {
		out.WriteString(text.CursorUp.Sprintn(surplus))
	}
	r.drawn = len(lines)
	_, _ = r.screen.Write([]byte(out.String()))
}
