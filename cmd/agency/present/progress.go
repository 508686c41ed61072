package present

import (
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Step is how far one thing has come.
type Step struct {
	// Name of the thing; lines of progress stand in the order in which names first came.
	Name string
	// State it is in, in one word.
	State string
	// Done of Of parts are done.
	Done, Of int
	// Note tells more: an address, a fault.
	Note string
}

// Progress shows how far things have come. On a live screen each has a line with a bar that is drawn again whenever it
// moves; elsewhere a plain line is written for each change of state. It may be used from several goroutines.
type Progress struct {
	screen *Screen
	mutex  sync.Mutex
	steps  []Step
	drawn  int
}

// NewProgress shows progress on a screen.
func NewProgress(screen *Screen) *Progress { return &Progress{screen: screen} }

// Show takes in where things stand now. What was shown already is not shown again.
func (p *Progress) Show(steps ...Step) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	moved := false
	for _, step := range steps {
		former, news := p.take(step)
		if !news {
			continue
		}
		moved = true
		if !p.screen.Live && former.State != step.State {
			line := Pad(step.Name, p.nameWidth()) + "  " + Pad(step.State, stateWidth) + "  " + step.Note
			p.screen.Line("%s", strings.TrimRight(line, " "))
		}
	}
	if moved && p.screen.Live {
		p.draw()
	}
}

// take says whether a step is news, and what was known before.
func (p *Progress) take(step Step) (former Step, news bool) {
	at := p.find(step.Name)
	if at == len(p.steps) {
		p.steps = append(p.steps, step)
		return former, true
	}
	former, p.steps[at] = p.steps[at], step
	return former, former != step
}

func (p *Progress) find(name string) int {
	for i := range p.steps {
		if p.steps[i].Name == name {
			return i
		}
	}
	return len(p.steps)
}

const (
	barWidth   = 20
	stateWidth = 9
	leastName  = 8
)

func (p *Progress) nameWidth() int {
	width := leastName
	for _, step := range p.steps {
		width = max(width, Width(step.Name))
	}
	return width
}

// draw goes back to the first line and writes all of them again, each cut to the screen so that none wraps.
func (p *Progress) draw() {
	var out strings.Builder
	if p.drawn > 0 {
		out.WriteString(text.CursorUp.Sprintn(p.drawn))
	}
	for _, step := range p.steps {
		line := Pad(step.Name, p.nameWidth()) + "  " + p.bar(step) + "  " + Pad(p.screen.State(step.State), stateWidth) +
			"  " + step.Note
		out.WriteString("\r" + text.EraseLine.Sprint() + text.Trim(strings.TrimRight(line, " "), p.screen.Width) + "\n")
	}
	p.drawn = len(p.steps)
	_, _ = p.screen.Write([]byte(out.String()))
}

func (p *Progress) bar(step Step) string {
	filled := 0
	if step.Of > 0 {
		filled = min(max(barWidth*step.Done/step.Of, 0), barWidth)
	}
	tone := toneOf(step.State)
	if tone == "" {
		tone = Bold
	}
	return p.screen.Paint(tone, strings.Repeat("━", filled)) + p.screen.Paint(Faint, strings.Repeat("╌", barWidth-filled))
}
