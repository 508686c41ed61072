package conformance

import (
	"cmp"
	"slices"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Result is how a check came out.
type Result string

// The results. A check is not applicable when the vendor has no such thing, or the run no means to look.
const (
	Passed        Result = "pass"
	Failed        Result = "fail"
	NotApplicable Result = "not-applicable"
)

// Check is one thing that was looked at.
type Check struct {
	Name string `json:"name" yaml:"name"`
	// Section is the heading of docs/protocol.md that asks for it.
	Section string `json:"section" yaml:"section"`
	Result  Result `json:"result" yaml:"result"`
	// Reason why it failed or does not apply.
	Reason string            `json:"reason,omitempty" yaml:"reason,omitempty"`
	Took   quantity.Duration `json:"took" yaml:"took"`
}

// Report is everything that was looked at.
type Report struct {
	Vendor string  `json:"vendor" yaml:"vendor"`
	Checks []Check `json:"checks" yaml:"checks"`
	// Counts of the results.
	Passed        int `json:"passed" yaml:"passed"`
	Failed        int `json:"failed" yaml:"failed"`
	NotApplicable int `json:"not-applicable" yaml:"not-applicable"`
	// Partial says that not all checks were run.
	Partial bool `json:"partial,omitempty" yaml:"partial,omitempty"`
}

// Conforms says whether nothing failed.
func (r Report) Conforms() bool { return r.Failed == 0 && len(r.Checks) > 0 }

func (r *Report) add(check Check) {
	r.Checks = append(r.Checks, check)
	switch check.Result {
	case Passed:
		r.Passed++
	case Failed:
		r.Failed++
	case NotApplicable:
		r.NotApplicable++
	}
}

// Names lists every check, in the order in which they are run.
func Names() []string {
	var names []string
	for _, one := range checks() {
		names = append(names, one.name)
	}
	return names
}

// Sections lists the headings of docs/protocol.md that there are checks for, sorted.
func Sections() []string {
	var sections []string
	for _, one := range checks() {
		sections = append(sections, one.section)
	}
	slices.SortFunc(sections, cmp.Compare)
	return slices.Compact(sections)
}
