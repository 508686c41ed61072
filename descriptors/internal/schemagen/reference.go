package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/invopop/jsonschema"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// example is a descriptor that uses every field.
//
//go:embed example.yaml
var example []byte

//go:embed reference.md.tmpl
var referenceText string

// section is a table of fields and what is said above it.
type section struct {
	Title, Anchor, Text string
	Fields              []field
}

// field is one line of a table; all but its name may be empty.
type field struct {
	Name, Written, Default, Range, Example, Text string
	Required                                     bool
}

// attributes are what references may ask of classes of some types.
type attributes struct{ Types, Names string }

// writer makes the sections of a schema.
type writer struct {
	schema   *jsonschema.Schema
	examples map[string]string
	missing  []error
}

// reference makes the page about application descriptors of their schema.
func reference(schema []byte) ([]byte, error) {
	w := &writer{schema: &jsonschema.Schema{}}
	if err := json.Unmarshal(schema, w.schema); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	var err error
	if w.examples, err = readExamples(); err != nil {
		return nil, err
	}
	page, err := template.New("reference").Parse(referenceText)
	if err != nil {
		return nil, fmt.Errorf("parse the template: %w", err)
	}
	class := w.schema.Definitions["Class"]
	types := resourceTypes(class)
	root := section{Fields: w.fields(w.schema, "", defaultsOf(descriptors.Application{}.WithDefaults()))}
	var written bytes.Buffer
	err = page.Execute(&written, map[string]any{
		"Application": root, "Shared": w.shared(class, types), "Types": w.types(class, types), "Definitions": w.definitions(),
		"Attributes": attributesOf(types), "Example": string(example),
		"MaxCount": quantity.MaxCount, "MaxClasses": descriptors.MaxClasses,
	})
	if err = errors.Join(append(w.missing, err)...); err != nil {
		return nil, fmt.Errorf("write the reference: %w", err)
	}
	return written.Bytes(), nil
}

func resourceTypes(class *jsonschema.Schema) []descriptors.ResourceType {
	kind, _ := class.Properties.Get("type")
	var types []descriptors.ResourceType
	for _, word := range kind.Enum {
		types = append(types, descriptors.ResourceType(fmt.Sprint(word)))
	}
	return types
}

// shared are the fields that every type has.
func (w *writer) shared(class *jsonschema.Schema, types []descriptors.ResourceType) section {
	return section{Fields: slices.DeleteFunc(w.fields(class, "Class.", nil), func(f field) bool { return !ofAll(types, f.Name) })}
}

func ofAll(types []descriptors.ResourceType, field string) bool {
	return !slices.ContainsFunc(types, func(kind descriptors.ResourceType) bool {
		return !slices.Contains(kind.Fields(), field)
	})
}

// types are the fields of each type alone; types that have the same share a section.
func (w *writer) types(class *jsonschema.Schema, types []descriptors.ResourceType) []section {
	var sections []section
	for i, kind := range types {
		own, same := kind.Fields(), []string{}
		for j, other := range types {
			if slices.Equal(other.Fields(), own) {
				if j < i {
					own = nil // told of already
				}
				same = append(same, string(other))
			}
		}
		if own == nil {
			continue
		}
		fields := w.fields(class, "Class.", defaultsOf(descriptors.Class{Type: kind}.WithDefaults()))
		for j, needed := 0, neededBy(kind); j < len(fields); j++ {
			fields[j].Required = slices.Contains(needed, fields[j].Name)
		}
		title := strings.Join(same, " and ")
		sections = append(sections, section{
			Title: title, Anchor: strings.ReplaceAll(title, " ", "-"), Text: typeText(kind),
			Fields: slices.DeleteFunc(fields, func(f field) bool { return ofAll(types, f.Name) || !slices.Contains(own, f.Name) }),
		})
	}
	return sections
}

// neededBy are the fields without which a class of a type is at fault.
func neededBy(kind descriptors.ResourceType) []string {
	const class = "resources.x."
	_, err := descriptors.ReadApplication("", fmt.Appendf(nil, "name: a\nresources: { x: { type: %s } }", kind))
	var faults descriptors.Faults
	if !errors.As(err, &faults) {
		return nil
	}
	var needed []string
	for _, fault := range faults {
		if name, of := strings.CutPrefix(fault.Path, class); of && strings.HasPrefix(fault.Message, "missing") {
			needed = append(needed, name)
		}
	}
	return needed
}

func typeText(kind descriptors.ResourceType) string {
	switch kind {
	case descriptors.Compute:
		return "Machines that run an image and commands. A cluster is a set of equal machines that is scaled as one; so is a " +
			"compute\nwith a count."
	case descriptors.Volume:
		return "Storage that outlives the machine it is attached to, by the `volumes` of that machine's class."
	case descriptors.Network:
		return "What machines and balancers are connected by."
	case descriptors.LoadBalancer:
		return "One address for the instances of a class, as many as there are at the time."
	case descriptors.MapReduce:
		return "One job over one input, worked through by machines: see [map-reduce.md](map-reduce.md)."
	}
	return "Resources of type " + string(kind) + "."
}

// definitions are the structs within, in the order of their names.
func (w *writer) definitions() []section {
	balancer := defaultsOf(descriptors.Class{Type: descriptors.LoadBalancer}.WithDefaults())
	check, _ := balancer["check"].(map[string]any)
	var sections []section
	for name, definition := range sortedDefinitions(w.schema.Definitions) {
		if name == "Class" {
			continue
		}
		defaults := map[string]any{}
		switch name {
		case "Check":
			defaults = check
		case "NetworkRule":
			defaults["protocol"] = descriptors.DefaultRuleProtocol
		}
		title := titleOf(name)
		sections = append(sections, section{
			Title: title, Anchor: strings.ReplaceAll(strings.ToLower(title), " ", "-"), Text: title + strings.TrimPrefix(definition.Description, name),
			Fields: w.fields(definition, name+".", defaults),
		})
	}
	return sections
}

// defaultsOf are the fields of a value as they are written.
func defaultsOf(value any) map[string]any {
	text, err := yaml.Marshal(value)
	if err != nil {
		panic(err) // our own types
	}
	var fields map[string]any
	if err := yaml.Unmarshal(text, &fields); err != nil {
		panic(err)
	}
	return fields
}

func attributesOf(types []descriptors.ResourceType) []attributes {
	var rows []attributes
	for _, kind := range types {
		names := "`" + strings.Join(kind.Attributes(), "`, `") + "`"
		at := slices.IndexFunc(rows, func(row attributes) bool { return row.Names == names })
		if at < 0 {
			rows = append(rows, attributes{string(kind), names})
			continue
		}
		rows[at].Types += ", " + string(kind)
	}
	return rows
}
