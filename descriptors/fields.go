package descriptors

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// maxListed is how many names a message lists when none is near to the one that was written.
const maxListed = 12

// fields are what a struct is written as: the names of its yaml tags, those of inline structs among its own.
type fields struct {
	names []string
	index map[string][]int
}

func fieldsOf(structure reflect.Type) fields {
	result := fields{index: map[string][]int{}}
	for _, field := range reflect.VisibleFields(structure) {
		name, inline := yamlName(field)
		if name == "" || inline || !field.IsExported() || !reachable(structure, field) {
			continue
		}
		result.names = append(result.names, name)
		result.index[name] = field.Index
	}
	return result
}

func hasFields(structure reflect.Type) bool { return len(fieldsOf(structure).names) > 0 }

// yamlName is the name that a field is written as, empty if it is not written.
func yamlName(field reflect.StructField) (name string, inline bool) {
	tag, tagged := field.Tag.Lookup("yaml")
	name, options, _ := strings.Cut(tag, ",")
	switch {
	case slices.Contains(strings.Split(options, ","), "inline"):
		return "", true
	case !tagged || name == "-":
		return "", false
	}
	return name, false
}

// reachable says whether a promoted field is promoted through inline structs alone.
func reachable(structure reflect.Type, field reflect.StructField) bool {
	for _, index := range field.Index[:len(field.Index)-1] {
		parent := structure.Field(index)
		if _, inline := yamlName(parent); !inline {
			return false
		}
		structure = parent.Type
	}
	return true
}

// expected says how a value of a type is written.
func expected(kind reflect.Type) string {
	switch kind {
	case namesType:
		return "a name or a list of names"
	case timeType:
		return "a time such as 2026-03-29T12:00:00Z"
	case reflect.TypeFor[Selection]():
		return "a selection such as cheapest or {price: 0.7, availability: 0.3}"
	case reflect.TypeFor[quantity.Bytes]():
		return "a size such as 4GiB"
	case reflect.TypeFor[quantity.Percent]():
		return "a percentage such as 99.9%"
	case reflect.TypeFor[quantity.Duration]():
		return "a duration such as 200ms"
	case reflect.TypeFor[quantity.Range]():
		return "a count such as 3 or 2..6"
	case reflect.TypeFor[PortRange]():
		return "a range of ports such as 5432 or 8000..8010"
	case reflect.TypeFor[quantity.Rate]():
		return "a rate such as 120 EUR/month"
	case reflect.TypeFor[quantity.Currency]():
		return "a currency such as EUR"
	}
	return expectedKind(kind)
}

func expectedKind(kind reflect.Type) string {
	switch zero := reflect.Zero(kind); {
	case kind.Kind() == reflect.Pointer:
		return expected(kind.Elem())
	case kind.Kind() == reflect.Struct:
		return "a mapping of fields"
	case kind.Kind() == reflect.Map:
		return "a mapping"
	case kind.Kind() == reflect.Slice:
		return "a list"
	case kind.Kind() == reflect.Bool:
		return "true or false"
	case zero.CanFloat():
		return "a number"
	case zero.CanInt() || zero.CanUint():
		return "a whole number"
	}
	return "text"
}

// describe names a node in a message about its kind.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", node.Value)
}
