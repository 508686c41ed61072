package descriptors

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

func sortedKeys[K cmp.Ordered, V any](entries map[K]V) []K { return slices.Sorted(maps.Keys(entries)) }

// reporter is how a fault of a name is reported: by which method, at which position, for which path.
type reporter struct {
	report         func(position, path, format string, arguments ...any)
	position, path string
}

func (r reporter) fault(format string, arguments ...any) {
	r.report(r.position, r.path, format, arguments...)
}

// names judges a list of names of classes, which must be of one of the types; of any without types.
func (j *judge) names(at string, names Names, types ...ResourceType) {
	for i, name := range names {
		j.named(reporter{j.faultAt, elementPath(at, i), at}, name, types...)
	}
}

// named judges one name of a class.
func (j *judge) named(to reporter, name string, types ...ResourceType) {
	class, exists := j.classes[name]
	unknown := len(class.Type.Attributes()) == 0 // and reported as such
	switch {
	case !exists:
		to.fault("%q is not a resource; %s", name, j.offer(name, types))
	case !unknown && len(types) > 0 && !slices.Contains(types, class.Type):
		to.fault("%q is a %s, not a %s; %s", name, class.Type, alternatives(types), j.offer(name, types))
	}
}

func alternatives(types []ResourceType) string {
	return strings.ReplaceAll(joinTypes(types), " and ", " or ")
}

// offer says which classes of the types there are, the nearest alone if one is near.
func (j *judge) offer(name string, types []ResourceType) string {
	var fitting []string
	for _, candidate := range sortedKeys(j.classes) {
		if len(types) == 0 || slices.Contains(types, j.classes[candidate].Type) {
			fitting = append(fitting, candidate)
		}
	}
	what := "resource"
	if len(types) > 0 {
		what = alternatives(types)
	}
	return offerOf(name, what, fitting)
}

// references judges the ${class.attribute} in a machine's run, environment and user-data.
func (j *judge) references(at string, class Class) {
	texts := class.texts()
	for _, field := range sortedKeys(texts) {
		for _, piece := range pieces(texts[field]) {
			switch {
			case piece.fault != "":
				j.fault(at+"."+field, "%s", piece.fault)
			case piece.isReference():
				j.reference(at+"."+field, piece.reference)
			}
		}
	}
}

func (j *judge) reference(at string, reference Reference) {
	class, exists := j.classes[reference.Class]
	attributes := class.Type.Attributes()
	switch {
	case !exists:
		j.fault(at, "%s: %q is not a resource; %s", reference, reference.Class, j.offer(reference.Class, nil))
	case len(attributes) > 0 && !slices.Contains(attributes, reference.Attribute):
		j.fault(at, "%s: a %s has no %s; it has %s",
			reference, class.Type, reference.Attribute, strings.Join(attributes, ", "))
	}
}
