package descriptors

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a file, and where.
type Fault struct {
	File string `json:"file" yaml:"file"`
	// Line and Column count from 1, in characters; both are 0 if the place is unknown.
	Line   int `json:"line" yaml:"line"`
	Column int `json:"column" yaml:"column"`
	// Path of the field, such as resources.web.memory; empty for the file as a whole.
	Path    string `json:"path,omitempty" yaml:"path,omitempty"`
	Message string `json:"message" yaml:"message"`
}

// String writes "shop.yaml:9:5  resources.web.memroy: no such field".
func (f Fault) String() string {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	}
	if f.Path == "" {
		return place + "  " + f.Message
	}
	return place + "  " + f.Path + ": " + f.Message
}

// Faults is everything wrong with a file, in the order of its lines. It is an error if it is not empty.
type Faults []Fault

// Error writes one line for each fault, without a newline after the last.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// Err is the faults as an error, nil if there are none.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// sort orders the faults by position, then path; equal faults become one.
func (f Faults) sort() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return slices.Compact(f)
}
