package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/invopop/jsonschema"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// fields are the lines of a table about a schema's properties. The path of their examples begins with a prefix.
func (w *writer) fields(schema *jsonschema.Schema, prefix string, defaults map[string]any) []field {
	var lines []field
	names := map[string]string{}
	for pair := schema.Properties.Oldest(); pair != nil; pair = pair.Next() {
		names[goName(pair.Key)] = pair.Key
	}
	for pair := schema.Properties.Oldest(); pair != nil; pair = pair.Next() {
		name, property := pair.Key, pair.Value
		line := field{
			Name: name, Written: w.written(property), Range: rangeOf(property), Text: sentence(property.Description, name, names),
			Required: slices.Contains(schema.Required, name), Example: w.examples[prefix+name],
		}
		if value, has := defaults[name]; has && property.Ref == "" && !line.Required {
			line.Default = code(fmt.Sprint(value))
		}
		if line.Example == "" {
			w.missing = append(w.missing, fmt.Errorf("example.yaml does not use %s%s", prefix, name))
		}
		lines = append(lines, line)
	}
	return lines
}

// sentence is a description without the name that it begins with, and with fields named as they are written.
func sentence(description, name string, names map[string]string) string {
	for _, beginning := range []string{name, "is", "are"} {
		description = strings.TrimPrefix(description, beginning+" ")
	}
	words := strings.Split(description, " ")
	for i, word := range words {
		bare := strings.TrimRight(word, ".,;:'")
		if written, is := names[bare]; is && i > 0 && !strings.HasSuffix(words[i-1], ".") {
			words[i] = code(written) + word[len(bare):]
		}
	}
	return strings.ReplaceAll(strings.Join(words, " "), "|", `\|`)
}

// goName is the name of the Go field that is written as a name.
func goName(name string) string {
	var joined strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		joined.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return joined.String()
}

// titleOf is a Go name as words: "Response time".
func titleOf(name string) string {
	var title strings.Builder
	for i, letter := range name {
		if i > 0 && unicode.IsUpper(letter) {
			title.WriteByte(' ')
			letter = unicode.ToLower(letter)
		}
		title.WriteRune(letter)
	}
	return title.String()
}

func code(text string) string { return "`" + text + "`" }

// written says how a value is written.
func (w *writer) written(property *jsonschema.Schema) string {
	if property.Items != nil && property.Items.Ref != "" {
		return "list of " + w.written(property.Items)
	}
	if name, is := strings.CutPrefix(property.Ref, "#/$defs/"); is {
		title := titleOf(name)
		return "[" + strings.ToLower(title) + "](#" + strings.ReplaceAll(strings.ToLower(title), " ", "-") + ")"
	}
	for kind, word := range map[reflect.Type]string{
		reflect.TypeFor[quantity.Bytes](): "size", reflect.TypeFor[quantity.Percent](): "percentage",
		reflect.TypeFor[quantity.Duration](): "duration", reflect.TypeFor[quantity.Rate](): "rate",
		reflect.TypeFor[quantity.Currency](): "currency", reflect.TypeFor[quantity.Range](): "count", reflect.TypeFor[descriptors.PortRange](): "ports",
		reflect.TypeFor[descriptors.Names](): "names", reflect.TypeFor[map[string]string](): "mapping of text to text",
		reflect.TypeFor[descriptors.Selection](): "`cheapest`, `most-available`, `balanced`, or weights that sum to 1",
	} {
		if alike(property, written(kind)) {
			return word
		}
	}
	return w.plain(property)
}

func (w *writer) plain(property *jsonschema.Schema) string {
	switch {
	case len(property.Enum) > 0:
		words := make([]string, len(property.Enum))
		for i, word := range property.Enum {
			words[i] = code(fmt.Sprint(word))
		}
		return strings.Join(words, ", ")
	case property.Pattern == namePattern:
		return "name"
	case property.Items != nil:
		return "list of " + w.plain(property.Items)
	case len(property.PatternProperties) > 0:
		return "mapping of port to names"
	case property.PropertyNames != nil:
		return "mapping of name to class"
	case property.Type == "integer":
		return "whole number"
	case property.Type == "boolean":
		return "`true` or `false`"
	}
	return "text"
}

// alike says whether two schemas admit the same, whatever they say about it.
func alike(one, other *jsonschema.Schema) bool {
	texts := make([]string, 2)
	for i, schema := range []*jsonschema.Schema{one, other} {
		bare := *schema
		bare.Description, bare.Examples = "", nil
		text, err := json.Marshal(&bare)
		if err != nil {
			return false
		}
		var value any
		if json.Unmarshal(text, &value) != nil {
			return false
		}
		if text, err = json.Marshal(value); err != nil {
			return false
		}
		texts[i] = string(text)
	}
	return texts[0] == texts[1]
}

// rangeOf says between what a number is. Where the least is 0 it is what is left out, and not written.
func rangeOf(property *jsonschema.Schema) string {
	if property.Items != nil {
		property = property.Items
	}
	least := string(property.Minimum)
	switch {
	case property.Maximum == "" && property.MaxLength != nil:
		return fmt.Sprintf("at most %d characters", *property.MaxLength)
	case property.Maximum == "" && property.MinProperties != nil:
		return "1 or more"
	case property.Maximum == "":
		return ""
	case least == "0" && property.Type == "integer":
		least = "1"
	}
	return least + " to " + string(property.Maximum)
}

func sortedDefinitions(definitions jsonschema.Definitions) iter.Seq2[string, *jsonschema.Schema] {
	return func(yield func(string, *jsonschema.Schema) bool) {
		for _, name := range slices.Sorted(maps.Keys(definitions)) {
			if !yield(name, definitions[name]) {
				return
			}
		}
	}
}

// readExamples finds in the example how each field is written, by "Type.field", or "field" of the application.
func readExamples() (map[string]string, error) {
	if _, err := descriptors.ReadApplication("example.yaml", example); err != nil {
		return nil, fmt.Errorf("the example is not right: %w", err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(example, &node); err != nil {
		return nil, fmt.Errorf("read the example: %w", err)
	}
	examples := map[string]string{}
	err := collect(examples, "", reflect.TypeFor[descriptors.Application](), node.Content[0])
	return examples, err
}

// collect adds the first example of each field of a struct, and of the structs within.
func collect(examples map[string]string, prefix string, structure reflect.Type, node *yaml.Node) error {
	var failures []error
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i].Value, node.Content[i+1]
		kind, found := structure.FieldByName(goName(name))
		if !found {
			return fmt.Errorf("%s has no field for %s", structure, name)
		}
		inner := kind.Type
		if inner.Kind() == reflect.Map && inner.Elem().Kind() == reflect.Struct {
			inner = inner.Elem()
			for j := 1; j < len(value.Content); j += 2 {
				failures = append(failures, collect(examples, inner.Name()+".", inner, value.Content[j]))
			}
			examples[prefix+name] = code("{ " + value.Content[0].Value + ": … }")
			continue
		}
		if _, known := examples[prefix+name]; !known {
			examples[prefix+name] = flow(value)
		}
		if inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct {
			for _, item := range value.Content {
				failures = append(failures, collect(examples, inner.Elem().Name()+".", inner.Elem(), item))
			}
		}
		if inner.Kind() == reflect.Struct && value.Kind == yaml.MappingNode && written(inner) == nil {
			failures = append(failures, collect(examples, inner.Name()+".", inner, value))
		}
	}
	return errors.Join(failures...)
}

// flow writes a value on one line. A long one is cut short.
func flow(node *yaml.Node) string {
	const longest = 64
	text := one(node)
	if letters := []rune(text); len(letters) > longest {
		text = string(letters[:longest-2]) + " …"
	}
	return code(strings.ReplaceAll(text, "|", `\|`))
}

func one(node *yaml.Node) string {
	var parts []string
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			parts = append(parts, one(node.Content[i])+": "+one(node.Content[i+1]))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case yaml.SequenceNode:
		for _, item := range node.Content {
			parts = append(parts, one(item))
		}
		return "[ " + strings.Join(parts, ", ") + " ]"
	case yaml.ScalarNode:
		if node.Style&yaml.DoubleQuotedStyle != 0 {
			return `"` + node.Value + `"`
		}
	}
	return node.Value
}
