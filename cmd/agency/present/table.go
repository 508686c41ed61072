package present

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Column of a table.
type Column struct {
	Title string
	// Right aligns the cells at the right, for numbers.
	Right bool
	// Least is the smallest width in columns.
	Least int
	// Optional columns are left out where there is no room for all, the last one first.
	Optional bool
}

// Columns makes columns of titles; one that begins with "?" is optional, one with ">" is aligned at the right.
func Columns(titles ...string) []Column {
	columns := make([]Column, len(titles))
	for i, title := range titles {
		title, optional := strings.CutPrefix(title, "?")
		plain, right := strings.CutPrefix(title, ">")
		columns[i] = Column{Title: plain, Right: right, Optional: optional}
	}
	return columns
}

const (
	indent    = "  "
	narrowGap = "  "
)

// Gap is what separates columns where there is room for it.
const Gap = "   "

// Table writes rows under the columns' titles, indented by two. Where a row would be wider than the screen, columns move
// closer together; then optional columns are left out; then the widest are wrapped, between words only. It
// returns the gap between columns, for lines that go with the table.
func (s *Screen) Table(columns []Column, rows [][]string) (gap string) {
	gap = Gap
	if s.excess(columns, rows, gap) > 0 {
		gap = narrowGap
	}
	for s.excess(columns, rows, gap) > 0 {
		at := lastOptional(columns)
		if at < 0 {
			break
		}
		columns, rows = without(columns, rows, at)
	}
	writer := table.NewWriter()
	writer.SetStyle(bareStyle(gap))
	titles := make(table.Row, len(columns))
	for i, column := range columns {
		titles[i] = s.Paint(Faint, column.Title)
	}
	writer.AppendHeader(titles)
	for _, cells := range rows {
		row := make(table.Row, len(cells))
		for i, cell := range cells {
			row[i] = cell
		}
		writer.AppendRow(row)
	}
	writer.SetColumnConfigs(configs(columns, s.fit(columns, rows, gap)))
	for line := range strings.SplitSeq(writer.Render(), "\n") {
		s.Line("%s", strings.TrimRight(indent+line, " "))
	}
	return gap
}

func lastOptional(columns []Column) int {
	for i, column := range slices.Backward(columns) {
		if column.Optional {
			return i
		}
	}
	return -1
}

// without copies a table but for one column.
func without(columns []Column, rows [][]string, at int) ([]Column, [][]string) {
	left := make([][]string, len(rows))
	for i, row := range rows {
		left[i] = slices.Delete(slices.Clone(row), at, at+1)
	}
	return slices.Delete(slices.Clone(columns), at, at+1), left
}

func bareStyle(gap string) table.Style {
	return table.Style{
		Name:    "bare",
		Box:     table.BoxStyle{PaddingRight: gap},
		Format:  table.FormatOptions{Header: text.FormatDefault, Row: text.FormatDefault},
		Options: table.OptionsNoBordersAndSeparators,
	}
}

func configs(columns []Column, widths []int) []table.ColumnConfig {
	result := make([]table.ColumnConfig, len(columns))
	for i, column := range columns {
		align := text.AlignLeft
		if column.Right {
			align = text.AlignRight
		}
		result[i] = table.ColumnConfig{
			Number: i + 1, Align: align, AlignHeader: align, WidthMin: column.Least,
			WidthMax: widths[i], WidthMaxEnforcer: text.WrapSoft,
		}
	}
	return result
}

// excess is by how much a row is wider than the screen while nothing is wrapped.
func (s *Screen) excess(columns []Column, rows [][]string, gap string) int {
	return sum(widths(columns, rows, Width)) + len(indent) + len(gap)*(len(columns)-1) - s.Width
}

// fit gives each column its natural width, and takes from the widest until a row fits the screen or nothing but words
// is left.
func (s *Screen) fit(columns []Column, rows [][]string, gap string) []int {
	fitting, words := widths(columns, rows, Width), widths(columns, rows, longestWord)
	for excess := s.excess(columns, rows, gap); excess > 0; excess-- {
		widest := -1
		for i, width := range fitting {
			if width > words[i] && (widest < 0 || width > fitting[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		fitting[widest]--
	}
	return fitting
}

// widths are the columns' widths if each cell is as wide as measure says.
func widths(columns []Column, rows [][]string, measure func(string) int) []int {
	found := make([]int, len(columns))
	for i, column := range columns {
		found[i] = max(Width(column.Title), column.Least)
		for _, row := range rows {
			if i < len(row) {
				found[i] = max(found[i], measure(row[i]))
			}
		}
	}
	return found
}

func longestWord(content string) int {
	longest := 0
	for word := range strings.FieldsSeq(content) {
		longest = max(longest, Width(word))
	}
	return longest
}

func sum(values []int) int {
	total := 0
	for _, value := range values {
		total += value
	}
	return total
}

// Width is how many columns a text takes, without its escape sequences.
func Width(content string) int { return text.LongestLineLen(content) }

// Pad fills a text up to a width at its right.
func Pad(content string, width int) string {
	if missing := width - Width(content); missing > 0 {
		return content + strings.Repeat(" ", missing)
	}
	return content
}

// Wrap breaks a text at blanks into lines of at most width columns, each but the first indented by hang. The blanks that
// are kept are kept as they are, and words that are longer than a line are not broken.
func Wrap(content string, width, hang int) string {
	var out strings.Builder
	column := 0
	for len(content) > 0 {
		word := strings.TrimLeft(content, " ")
		blanks := content[:len(content)-len(word)]
		if end := strings.IndexByte(word, ' '); end >= 0 {
			word = word[:end]
		}
		content = content[len(blanks)+len(word):]
		switch needed := Width(word); {
		case word == "":
		case out.Len() > 0 && column > hang && column+len(blanks)+needed > width:
			out.WriteString("\n" + strings.Repeat(" ", hang) + word)
			column = hang + needed
		default:
			out.WriteString(blanks + word)
			column += len(blanks) + needed
		}
	}
	return out.String()
}

// Prose wraps a text to the screen.
func (s *Screen) Prose(content string, hang int) string { return Wrap(content, s.Width, hang) }

// Record wraps a text to the screen if it is live. Elsewhere it stays one line, for whoever sorts and searches them.
func (s *Screen) Record(content string, hang int) string {
	if !s.Live {
		return content
	}
	return Wrap(content, s.Width, hang)
}

// Count writes a number and its noun, which gets an s unless the number is one.
func Count(number int, noun string) string {
	if number == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", number, noun)
}
