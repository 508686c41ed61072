package difference

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
)

// classFields are the fields in which a class differs from the one that stands, with what each takes.
func classFields(bound descriptors.BoundClass, class descriptors.Class) []Field {
	fields := compare(flatten(bound.Class), flatten(class))
	for i := range fields {
		fields[i].Need, fields[i].Why = needOf(head(fields[i].Path), bound, class)
	}
	return fields
}

// needOf says what a change of a field takes. What vendors were not asked about needs no new call; what a resource gets
// at its creation needs a new one. Every field that is not named here was agreed on.
func needOf(field string, bound descriptors.BoundClass, class descriptors.Class) (Need, string) {
	switch field {
	case "type":
		return NewCall, "another type is another resource"
	case "count":
		if within(class.Count, bound.Count) {
			return InPlace, "within the " + bound.Count.String() + " agreed on"
		}
		return NewCall, "only " + bound.Count.String() + " were agreed on"
	case "targets":
		return InPlace, "a balancer's targets change while it runs"
	case "run", "files", "environment", "user-data", "keys":
		return NewResources, "machines get it when they are made"
	case "members":
		return InPlace, "a network goes on, whoever joins it"
	case "ports", "allow", "networks", "volumes", "rules":
		return NewResources, "resources are joined when they are made"
	case "listen", "target-port", "protocol", "check":
		return NewResources, "a balancer gets it when it is made"
	case "place":
		return placeNeed(bound, class)
	}
	return NewCall, "price and quality were agreed on for what it was"
}

// placeNeed says whether the vendor that serves a class now still may. Where it is, and what it is apart from, only a new
// call can tell.
func placeNeed(bound descriptors.BoundClass, class descriptors.Class) (Need, string) {
	elsewhere := class.Place
	elsewhere.Vendors = bound.Place.Vendors
	same := len(compare(flatten(bound.Place), flatten(elsewhere))) == 0
	switch {
	case !class.Place.Vendors.Admits(bound.Vendor):
		return NewCall, bound.Vendor + " may not serve it any more"
	case same:
		return InPlace, bound.Vendor + " still may serve it"
	}
	return NewCall, "another place was agreed on"
}

// applicationFields compares what belongs to no class.
func applicationFields(standing Standing, wanted descriptors.Application) []Field {
	fields := compare(flatten(withoutClasses(standing.Application)), flatten(withoutClasses(wanted)))
	for i := range fields {
		switch head(fields[i].Path) {
		case "select", "on-failure":
			fields[i].Need, fields[i].Why = InPlace, "counts from the next time on"
		case "budget":
			fields[i].Need, fields[i].Why = budgetNeed(standing.Deployment, wanted)
		default:
			fields[i].Need, fields[i].Why = NewCall, "the plan was chosen by it"
		}
	}
	return fields
}

// withoutClasses leaves out the classes and what only says something to people. The name is the deployment's matter.
func withoutClasses(application descriptors.Application) descriptors.Application {
	application.Name, application.Description, application.Resources = "", "", nil
	return application
}

// budgetNeed says whether what was agreed on still fits the budget, at the most of every range.
func budgetNeed(deployment descriptors.Deployment, wanted descriptors.Application) (Need, string) {
	if wanted.Budget.PerHour.Micros == 0 {
		return InPlace, "no bound any more"
	}
	total, known := mostExpensive(deployment)
	if !known || total.PerHour.Currency != "" && total.PerHour.Currency != wanted.Budget.PerHour.Currency {
		return NewCall, "not comparable with the prices agreed on"
	}
	if total.PerHour.Micros <= wanted.Budget.PerHour.Micros {
		return InPlace, "what was agreed on stays within it"
	}
	return NewCall, "what was agreed on may come to " + total.String()
}

func head(path string) string {
	name, _, _ := strings.Cut(path, ".")
	return name
}

// compare pairs two sets of fields; paths come sorted.
func compare(old, wanted map[string]string) []Field {
	var fields []Field
	for path, text := range old {
		if other, both := wanted[path]; !both || other != text {
			fields = append(fields, Field{Path: path, Old: text, New: wanted[path]})
		}
	}
	for path, text := range wanted {
		if _, both := old[path]; !both {
			fields = append(fields, Field{Path: path, New: text})
		}
	}
	slices.SortFunc(fields, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	return fields
}

// flatten is every field of a descriptor, as descriptors are written, by its path. A list is one field.
func flatten(value any) map[string]string {
	fields := map[string]string{}
	text, err := descriptors.EncodeBytes(value)
	var document yaml.Node
	if err != nil || yaml.Unmarshal(text, &document) != nil || len(document.Content) != 1 {
		return fields // a descriptor that cannot be written was never read
	}
	collect(document.Content[0], "", fields)
	return fields
}

func collect(node *yaml.Node, path string, into map[string]string) {
	if node.Kind != yaml.MappingNode {
		if path != "" {
			into[path] = written(node)
		}
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		below := node.Content[i].Value
		if path != "" {
			below = path + "." + below
		}
		collect(node.Content[i+1], below, into)
	}
}

// written is a value on one line.
func written(node *yaml.Node) string {
	if node.Kind != yaml.SequenceNode {
		return node.Value
	}
	parts := make([]string, len(node.Content))
	for i, entry := range node.Content {
		parts[i] = written(entry)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
