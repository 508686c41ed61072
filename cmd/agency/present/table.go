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
}

// Columns makes columns of titles; one that begins with ">" is aligned at the right.
func Columns(titles ...string) []Column {
	columns := make([]Column, len(titles))
	for i, title := range titles {
		plain, right := strings.CutPrefix(title, ">")
		columns[i] = Column{Title: plain, Right: right}
	}
	return columns
}

const (
	indent = "  "
	gap    = "   "
	// narrowest is the least that a column is wrapped to.
	narrowest = 12
)

// Table writes rows under the columns' titles, indented by two. Where a row would be wider than the screen, the widest
// columns are wrapped.
func (s *Screen) Table(columns []Column, rows [][]string) {
	writer := table.NewWriter()
	writer.SetStyle(bareStyle())
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
	writer.SetColumnConfigs(configs(columns, s.fit(columns, rows)))
	for line := range strings.SplitSeq(writer.Render(), "\n") {
		s.Line("%s", strings.TrimRight(indent+line, " "))
	}
}

func bareStyle() table.Style {
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

// fit gives each column its natural width, and takes from the widest until a row fits the screen.
func (s *Screen) fit(columns []Column, rows [][]string) []int {
	widths := make([]int, len(columns))
	for i, column := range columns {
		widths[i] = max(Width(column.Title), column.Least)
		for _, row := range rows {
			if i < len(row) {
				widths[i] = max(widths[i], Width(row[i]))
			}
		}
	}
	room := s.Width - len(indent) - len(gap)*(len(columns)-1)
	for excess := sum(widths) - room; excess > 0; excess-- {
		widest := slices.Index(widths, slices.Max(widths))
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
	}
	return widths
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

// Prose wraps a text to the screen if it is live. Elsewhere lines are left whole: programs look for words in them.
func (s *Screen) Prose(content string, hang int) string {
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
