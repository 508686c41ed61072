package main

import (
	"encoding/json"
	"reflect"
	"strconv"

	"github.com/invopop/jsonschema"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

const namePattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$"

// written is the schema of a type that is written otherwise than its Go fields are, nil for all others.
func written(kind reflect.Type) *jsonschema.Schema {
	switch kind {
	case reflect.TypeFor[quantity.Bytes]():
		return text(`^[0-9]+(\.[0-9]+)? *(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$`, "4GiB", "512MiB")
	case reflect.TypeFor[quantity.Percent]():
		return text(`^[0-9]+(\.[0-9]+)? *%$`, "99.9%")
	case reflect.TypeFor[quantity.Duration]():
		return text(`^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`, "200ms", "1h30m")
	case reflect.TypeFor[quantity.Rate]():
		return text(`^(-?[0-9]+(\.[0-9]{1,6})? +[A-Z]{3} */ *(h|hour|month))?$`, "120 EUR/month", "0.20 EUR/h")
	case reflect.TypeFor[quantity.Currency]():
		return text(`^[A-Z]{3}$`, "EUR")
	case reflect.TypeFor[quantity.Range]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
			{Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(quantity.MaxCount))},
			text(`^[0-9]+(\.\.[0-9]+)?$`, "2..6"),
		}}
	case reflect.TypeFor[descriptors.PortRange]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
			{Type: "integer", Minimum: "1", Maximum: "65535"}, text(`^[0-9]+(\.\.[0-9]+)?$`, "8000..8010"),
		}}
	case reflect.TypeFor[descriptors.Names]():
		name := &jsonschema.Schema{Type: "string"}
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{name, {Type: "array", Items: name}}}
	case reflect.TypeFor[map[string]string]():
		return &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{
			AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}},
		}}
	case reflect.TypeFor[descriptors.Selection]():
		return selection()
	}
	return nil
}

func text(pattern string, examples ...any) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern, Examples: examples}
}

func selection() *jsonschema.Schema {
	weights := jsonschema.NewProperties()
	for _, name := range []string{"price", "availability"} {
		weights.Set(name, &jsonschema.Schema{Type: "number", Minimum: "0", Maximum: "1"})
	}
	words := &jsonschema.Schema{Type: "string", Enum: []any{
		descriptors.Cheapest.Word(), descriptors.MostAvailable.Word(), descriptors.Balanced.Word(),
	}}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		words, {Type: "object", Properties: weights, AdditionalProperties: jsonschema.FalseSchema},
	}}
}
