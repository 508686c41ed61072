package descriptors

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"
)

// maxName is the longest name, in characters.
const maxName = 40

var namePattern = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)

func isName(name string) bool { return len(name) <= maxName && namePattern.MatchString(name) }

func notName(name string) string {
	if len(name) > maxName {
		return fmt.Sprintf("%q is longer than %d characters", name, maxName)
	}
	return fmt.Sprintf("%q is not a name; write lower-case letters, digits and hyphens, beginning with a letter", name)
}

// tagValidator checks validate tags. It is made once: it remembers the tags of each type.
var tagValidator = sync.OnceValue(func() *validator.Validate {
	validate := validator.New(validator.WithRequiredStructEnabled())
	validate.RegisterTagNameFunc(func(field reflect.StructField) string {
		name, _ := yamlName(field)
		return name
	})
	if err := validate.RegisterValidation("name", func(level validator.FieldLevel) bool {
		return isName(level.Field().String())
	}); err != nil {
		panic(err) // the tag is a constant, and a good one
	}
	return validate
})

// structure reports what the validate tags of a struct refuse.
func (j *judge) structure(path string, value any) {
	refused, _ := tagValidator().Struct(value).(validator.ValidationErrors) //nolint:errorlint // never wrapped
	for _, refusal := range refused {
		_, within, _ := strings.Cut(refusal.Namespace(), ".")
		at := strings.TrimPrefix(within, "Class.") // the embedded class of a bound one
		if path != "" {
			at = path + "." + at
		}
		j.fault(at, "%s", j.explain(at, refusal))
	}
}

func (j *judge) explain(path string, refusal validator.FieldError) string {
	switch refusal.Tag() {
	case "name":
		return notName(fmt.Sprint(refusal.Value()))
	case "oneof":
		return notOneOf(fmt.Sprint(refusal.Value()), strings.Fields(refusal.Param()))
	case "min":
		if refusal.Kind() == reflect.Map {
			break
		}
		if refusal.Param() == "0" {
			return fmt.Sprintf("%v is below 0", refusal.Value())
		}
		return fmt.Sprintf("%v is too small; at least %s", refusal.Value(), refusal.Param())
	case "max":
		return fmt.Sprintf("%v is too large; at most %s", refusal.Value(), refusal.Param())
	}
	if j.positions.Has(path) {
		return "empty"
	}
	return "missing"
}

func notOneOf(value string, words []string) string {
	if near, found := nearest(value, words); found {
		return fmt.Sprintf("%q is not one of %s; did you mean %q?", value, strings.Join(words, ", "), near)
	}
	return fmt.Sprintf("%q is not one of %s", value, strings.Join(words, ", "))
}
