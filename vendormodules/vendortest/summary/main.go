// Command summary reads what `go test -json` says of the conformance suite, prints the lines that go test would have
// printed, and then a table: each module, what it was tested against, how many of the suite's tests passed, and how long
// they took. It fails where a test does, and where there was none.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// event is a line of `go test -json` (cmd/test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64
	Output  string
}

// run is the suite's run on one module at one provider.
type run struct {
	module, against string
	passed, failed  int
	elapsed         time.Duration
}

func main() {
	ok, err := summarize(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// summarize says whether everything passed, and anything ran.
func summarize(input io.Reader, output io.Writer) (bool, error) {
	var order []string
	runs := map[string]*run{}
	failed := false
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var told event
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			fmt.Fprintln(output, lines.Text()) // what does not compile is told in plain words
			failed = true
			continue
		}
		fmt.Fprint(output, shown(told))
		failed = failed || told.Action == "fail"
		root, test, nested := strings.Cut(told.Test, "/")
		if !strings.Contains(root, "Conformance") {
			continue
		}
		key := told.Package + " " + root
		if runs[key] == nil {
			runs[key] = &run{module: path.Base(told.Package)}
			order = append(order, key)
		}
		runs[key].hear(told, test, nested)
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("read the tests' output: %w", err)
	}
	writer := table.NewWriter()
	writer.SetOutputMirror(output)
	writer.AppendHeader(table.Row{"module", "tested against", "passed", "failed", "time"})
	for _, key := range order {
		one := runs[key]
		writer.AppendRow(table.Row{one.module, one.against, one.passed, one.failed, one.elapsed.Round(time.Millisecond * 100)})
	}
	writer.Render()
	return !failed && len(order) > 0, nil
}

// hear takes in what is told of a test of the suite, or of the suite as a whole.
func (r *run) hear(told event, test string, nested bool) {
	_, against, found := strings.Cut(told.Output, "tested against ")
	switch {
	case found && told.Action == "output":
		r.against = strings.TrimSpace(against)
	case !nested && (told.Action == "pass" || told.Action == "fail"):
		r.elapsed = time.Duration(told.Elapsed * float64(time.Second))
	case nested && told.Action == "pass" && test != "":
		r.passed++
	case nested && told.Action == "fail":
		r.failed++
	}
}

// shown is what people see of a line: failures as they come, and how each test ended.
func shown(told event) string {
	line := strings.TrimSpace(told.Output)
	if told.Action != "output" || strings.HasPrefix(line, "=== ") {
		return ""
	}
	return told.Output
}
