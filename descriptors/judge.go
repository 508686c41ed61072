package descriptors

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// MaxClasses is how many resource classes a descriptor may hold.
const MaxClasses = 1000

// judge says what makes no sense in a descriptor that could be read. It goes on after every fault.
type judge struct {
	positions Positions
	faults    Faults
	// spoiled are the paths that the decoder reported: what it could not read there is not judged.
	spoiled map[string]bool
	// root is the path of the classes.
	root string
	// closed says that no files lie beside what is judged, directory is where they lie; with neither they are not read.
	closed    bool
	directory fs.FS
	// silent says that it is not told what runs: a call does not tell vendors.
	silent bool
	// given are the classes as they are written, classes the same with their defaults.
	given, classes map[string]Class
}

func newJudge(decoder *decoder, root string, given, classes map[string]Class) *judge {
	return &judge{
		positions: decoder.positions, faults: decoder.faults, spoiled: decoder.spoiled,
		root: root, given: given, classes: classes,
	}
}

func (j *judge) err() error { return j.faults.sort().Err() }

// fault reports the value at a path.
func (j *judge) fault(path, format string, arguments ...any) {
	j.faultAt(path, path, format, arguments...)
}

// faultAt reports a path at the position of another, usually that of one element of what is at the path.
func (j *judge) faultAt(position, path, format string, arguments ...any) {
	j.report(position, j.positions.Fault(path, "%s", fmt.Sprintf(format, arguments...)), j.positions.ofValue(position))
}

// keyFault reports a path at the key of an entry.
func (j *judge) keyFault(position, path, format string, arguments ...any) {
	j.report(position, j.positions.Fault(path, "%s", fmt.Sprintf(format, arguments...)), j.positions.ofKey(position))
}

func (j *judge) report(path string, fault Fault, position Position) {
	for ; ; path = parentPath(path) {
		if j.spoiled[path] {
			return
		}
		if path == "" {
			break
		}
	}
	fault.Line, fault.Column = position.Line, position.Column
	j.faults = append(j.faults, fault)
}

func (j *judge) application(given, application Application) {
	j.structure("", given)
	if given.Select != (Selection{}) || j.positions.Has("select") {
		j.selection(given.Select)
	}
	j.objectives(application.Objectives)
	j.money(application.Currency, application.Budget)
	j.allClasses()
}

func (j *judge) selection(selection Selection) {
	if fault := selection.fault(); fault != "" {
		j.fault("select", "%s", fault)
	}
}

func (j *judge) call(call CallForProposals) {
	j.silent = true
	j.structure("", call)
	j.objectives(call.Objectives)
	j.allClasses()
}

func (j *judge) deployment(given, deployment Deployment) {
	j.structure("", given)
	j.money(deployment.Currency, deployment.Budget)
	if policies := []string{string(RollBack), string(Keep)}; !slices.Contains(policies, string(deployment.OnFailure)) {
		j.fault("on-failure", "%s", notOneOf(string(deployment.OnFailure), policies))
	}
	for name, bound := range given.Resources {
		j.structure(fieldPath(j.root, name), bound)
		if code := bound.Price.PerHour.Currency; code != "" && code != deployment.Currency {
			j.fault(fieldPath(j.root, name)+".price", "in %s, and the deployment in %s", code, deployment.Currency)
		}
	}
	j.allClasses()
}

func (j *judge) money(currency quantity.Currency, budget quantity.Rate) {
	amount := budget.PerHour
	switch {
	case amount.Currency != "" && amount.Currency != currency:
		j.fault("currency", "%s, but the budget is in %s; amounts of two currencies are never compared",
			currency, amount.Currency)
	case amount.Currency != "" && amount.Micros <= 0:
		j.fault("budget", "not above 0; leave it out if the price does not matter")
	}
}

func (j *judge) objectives(objectives Objectives) {
	times := objectives.ResponseTime
	bounds := []struct {
		name  string
		bound quantity.Duration
	}{{"p50", times.P50}, {"p95", times.P95}, {"p99", times.P99}}
	var lower quantity.Duration
	for _, percentile := range bounds {
		switch path := "objectives.response-time." + percentile.name; {
		case percentile.bound == 0 && j.positions.Has(path):
			j.fault(path, "not above 0")
		case percentile.bound != 0 && percentile.bound < lower:
			j.fault(path, "%s is below %s, which bounds a lower percentile", percentile.bound, lower)
		}
		lower = max(lower, percentile.bound)
	}
	if objectives.Availability == 0 && j.positions.Has("objectives.availability") {
		j.fault("objectives.availability", "not above 0%%")
	}
}

func (j *judge) allClasses() {
	if count := len(j.classes) + len(jobs(j.classes)); count > MaxClasses {
		j.fault(j.root, "%d classes; at most %d", count, MaxClasses)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(j.classes)) {
		path := fieldPath(j.root, name)
		switch {
		case !isName(name):
			j.keyFault(path, path, "%s", notName(name))
		case name == ApartMachine:
			j.keyFault(path, path, "%q has a meaning of its own in place.apart; choose another name", name)
		case name == FromAnyone:
			j.keyFault(path, path, "%q has a meaning of its own in rules; choose another name", name)
		}
		j.class(path, name)
	}
	j.ranges()
	j.cycles()
	j.placements()
}

// cycles reports one cycle for each group of classes that need each other.
func (j *judge) cycles() {
	dependencies := Dependencies(j.classes)
	for found := cycle(dependencies); found != nil; found = cycle(dependencies) {
		path := fieldPath(j.root, found[0])
		j.keyFault(path, path, "%s: each needs the next to exist before it", strings.Join(found, " -> "))
		for _, class := range found {
			delete(dependencies, class)
		}
	}
}
