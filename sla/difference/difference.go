package difference

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Need is what a change takes. They are ordered: who needs the one needs all that is less, too.
type Need string

// The needs, from the least to the greatest.
const (
	// InPlace: under the agreements that stand, and what runs goes on.
	InPlace Need = "in-place"
	// NewResources: under the agreements that stand; resources are made anew, since this is given to them at creation.
	NewResources Need = "new-resources"
	// NewCall: the agreements do not cover it; the vendors have to be asked again.
	NewCall Need = "new-call"
)

// Exceeds says whether a need is greater than another. None at all is the least.
func (n Need) Exceeds(other Need) bool { return n.rank() > other.rank() }

func (n Need) rank() int { return slices.Index([]Need{"", InPlace, NewResources, NewCall}, n) }

func greatest(fields []Field) Need {
	var need Need
	for _, field := range fields {
		if field.Need.Exceeds(need) {
			need = field.Need
		}
	}
	return need
}

// Change is what becomes of a class.
type Change string

// The changes.
const (
	Added   Change = "added"
	Removed Change = "removed"
	Changed Change = "changed"
)

// Field is one field that differs.
type Field struct {
	// Path of the field within the class or the application: memory, files.site/, check.every.
	Path string `json:"path"`
	// Old and New as descriptors write them; empty where there is none.
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	Need Need   `json:"need"`
	// Why it takes that, in a few words.
	Why string `json:"why,omitempty"`
}

// Class is one class that differs.
type Class struct {
	Class  string                   `json:"class"`
	Type   descriptors.ResourceType `json:"type"`
	Change Change                   `json:"change"`
	// Vendor that serves the class now; empty for one that is added.
	Vendor string `json:"vendor,omitempty"`
	// Need is the greatest of the fields' needs.
	Need Need `json:"need"`
	// Resources is what becomes of the class's resources that stand; empty for one that is added or removed.
	Resources Fate    `json:"resources,omitempty"`
	Fields    []Field `json:"fields,omitempty"`
}

// Difference is all that differs; both lists are sorted.
type Difference struct {
	// Application holds the fields of the application that belong to no class.
	Application []Field `json:"application,omitempty"`
	Classes     []Class `json:"classes,omitempty"`
}

// Empty says whether nothing differs.
func (d Difference) Empty() bool { return len(d.Application) == 0 && len(d.Classes) == 0 }

// Need is the greatest need of all; empty if nothing differs.
func (d Difference) Need() Need {
	need := greatest(d.Application)
	for _, class := range d.Classes {
		if class.Need.Exceeds(need) {
			need = class.Need
		}
	}
	return need
}

// Standing is what runs.
type Standing struct {
	// Application as it was agreed on; only what belongs to no class is read.
	Application descriptors.Application
	Deployment  descriptors.Deployment
	// Counts are how many instances of a class are wanted just now; without one it is the least of the class's range.
	Counts map[string]int
}

// Wanted is what is to run.
type Wanted struct {
	// Application with its defaults filled in.
	Application descriptors.Application
	// Uploads are the names of the archives of the classes' files, which tell whether a file's content is another. Nil
	// when that is not to be compared.
	Uploads map[string]string
}

// Between compares what runs with what is wanted.
func Between(standing Standing, wanted Wanted) Difference {
	var found Difference
	found.Application = applicationFields(standing, wanted.Application)
	names := map[string]bool{}
	for name := range standing.Deployment.Resources {
		names[name] = true
	}
	for name := range wanted.Application.Resources {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if class, differs := compareClass(standing, wanted, name); differs {
			found.Classes = append(found.Classes, class)
		}
	}
	return found
}

func compareClass(standing Standing, wanted Wanted, name string) (Class, bool) {
	bound, stands := standing.Deployment.Resources[name]
	class, isWanted := wanted.Application.Resources[name]
	result := Class{Class: name, Type: class.Type, Vendor: bound.Vendor}
	switch {
	case !stands:
		result.Change, result.Need = Added, NewCall
		return result, true
	case !isWanted:
		result.Type, result.Change, result.Need = bound.Type, Removed, InPlace
		return result, true
	}
	result.Change = Changed
	result.Fields = classFields(bound, class)
	if field, differs := contentField(bound, wanted.Uploads, name, result.Fields); differs {
		result.Fields = append(result.Fields, field)
	}
	if field, differs := instancesField(bound, class, standing.Counts, name); differs {
		result.Fields = append(result.Fields, field)
	}
	if field, differs := networksField(standing.Deployment.Classes(), wanted.Application.Resources, name, result.Fields); differs {
		result.Fields = append(result.Fields, field)
	}
	if field, differs := volumesField(standing.Deployment.Classes(), wanted.Application.Resources, name); differs {
		result.Fields = append(result.Fields, field)
	}
	result.Need, result.Resources = greatest(result.Fields), worst(result.Fields)
	return result, len(result.Fields) > 0
}

// contentField tells of files that have the same names and another content.
func contentField(bound descriptors.BoundClass, uploads map[string]string, name string, fields []Field) (Field, bool) {
	named := func(field Field) bool { return head(field.Path) == "files" }
	if uploads == nil || bound.Upload == uploads[name] || slices.ContainsFunc(fields, named) {
		return Field{}, false
	}
	return Field{
		Path: "files", Old: bound.Upload, New: uploads[name], Need: NewResources, Why: "another content; files are uploaded before a machine starts",
	}, true
}

// instancesField tells of a number of instances that the new range does not allow.
func instancesField(bound descriptors.BoundClass, class descriptors.Class, counts map[string]int, name string) (Field, bool) {
	if !class.Type.RunsMachines() || !bound.Type.RunsMachines() {
		return Field{}, false
	}
	stands, counted := counts[name]
	if !counted {
		stands = bound.Count.Min
	}
	fitting := min(max(stands, class.Count.Min), class.Count.Max)
	if fitting == stands {
		return Field{}, false
	}
	field := Field{Path: "instances", Old: fmt.Sprint(stands), New: fmt.Sprint(fitting), Need: InPlace, Why: "scaled within what was agreed on"}
	if !within(quantity.Range{Min: fitting, Max: fitting}, bound.Count) {
		field.Need, field.Why = NewCall, "only "+bound.Count.String()+" were agreed on"
	}
	return field, true
}

func within(inner, outer quantity.Range) bool {
	return inner.Min >= outer.Min && inner.Max <= outer.Max
}
