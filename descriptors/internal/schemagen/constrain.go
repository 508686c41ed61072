package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// maxName is the longest name of an application, deployment or class.
const maxName uint64 = 40

// constrain puts what the validate tags of a struct say into its schema, and those of the structs within into theirs.
func constrain(schema *jsonschema.Schema, definitions jsonschema.Definitions, structure reflect.Type) {
	for _, field := range reflect.VisibleFields(structure) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		property, written := schema.Properties.Get(name)
		if !written {
			continue
		}
		if rest, found := strings.CutPrefix(property.Description, field.Name+" "); found {
			property.Description = name + " " + rest
		}
		for tag := range strings.SplitSeq(field.Tag.Get("validate"), ",") {
			if tag == "required" && !slices.Contains(schema.Required, name) {
				schema.Required = append(schema.Required, name)
			}
			if tag == "dive" {
				property = property.Items
			}
			apply(property, field.Type, tag)
		}
		inner := field.Type
		if inner.Kind() == reflect.Map || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if definition, found := definitions[inner.Name()]; found {
			constrain(definition, definitions, inner)
		}
	}
}

// apply puts one tag into the schema of a field.
func apply(property *jsonschema.Schema, field reflect.Type, tag string) {
	rule, value, _ := strings.Cut(tag, "=")
	switch {
	case rule == "name":
		restrictName(property)
	case rule == "oneof":
		property.Enum = nil
		for word := range strings.FieldsSeq(value) {
			property.Enum = append(property.Enum, word)
		}
	case rule == "min" && field.Kind() == reflect.Map:
		one := uint64(1)
		property.MinProperties = &one
		property.PropertyNames = &jsonschema.Schema{}
		restrictName(property.PropertyNames)
	case rule == "min":
		property.Minimum = json.Number(value)
	case rule == "max":
		property.Maximum = json.Number(value)
	}
}

func restrictName(schema *jsonschema.Schema) {
	longest := maxName
	schema.Pattern, schema.MaxLength = namePattern, &longest
}
