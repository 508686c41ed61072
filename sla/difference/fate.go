package difference

import (
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
)

// Fate is what becomes of the resources of a class that stand. What its vendor can do, and whether it stays with its
// vendor at all, may still make it worse.
type Fate string

// The fates, from the mildest to the worst.
const (
	// Kept: they go on as they are, also where there are to be more or fewer of them.
	Kept Fate = "kept"
	// Resized: they are given another size, and go on.
	Resized Fate = "resized"
	// Replaced: others are made in their place.
	Replaced Fate = "replaced"
)

// Exceeds says whether a fate is worse than another.
func (f Fate) Exceeds(other Fate) bool { return f.rank() > other.rank() }

func (f Fate) rank() int { return slices.Index([]Fate{"", Kept, Resized, Replaced}, f) }

// FateOf is what becomes of the resources of a class that are as one deployment has it, when they are to be as another has
// it. Both have the class.
func FateOf(standing, wanted descriptors.Deployment, class string) Fate {
	if standing.Resources[class].Vendor != wanted.Resources[class].Vendor {
		return Replaced
	}
	uploads := make(map[string]string, len(wanted.Resources))
	for name, bound := range wanted.Resources {
		uploads[name] = bound.Upload
	}
	changed, differs := compareClass(Standing{Deployment: standing}, Wanted{
		Application: descriptors.Application{Resources: wanted.Classes()}, Uploads: uploads,
	}, class)
	if !differs {
		return Kept
	}
	return changed.Resources
}

func worst(fields []Field) Fate {
	fate := Kept
	for _, field := range fields {
		if of := fateOf(field); of.Exceeds(fate) {
			fate = of
		}
	}
	return fate
}

// fateOf says what a change of a field does to resources that stand. Every field that is not named here is given to them
// when they are made.
func fateOf(field Field) Fate {
	switch head(field.Path) {
	case "count", "instances", "targets", "members", "place":
		return Kept
	case "cores", "memory", "size":
		return Resized
	}
	if field.Need == InPlace {
		return Kept
	}
	return Replaced
}

// networksField tells of networks that a class joins or leaves by their members, which its own fields do not show.
func networksField(standing, wanted map[string]descriptors.Class, name string, fields []Field) (Field, bool) {
	before, after := descriptors.Networks(standing, name), descriptors.Networks(wanted, name)
	named := slices.IndexFunc(fields, func(field Field) bool { return field.Path == "networks" })
	switch {
	case named >= 0 && slices.Equal(before, after):
		fields[named].Need, fields[named].Why = InPlace, "it is on the same networks"
		return Field{}, false
	case named >= 0 || slices.Equal(before, after):
		return Field{}, false
	}
	return Field{
		Path: "networks", Old: strings.Join(before, ", "), New: strings.Join(after, ", "), Need: NewResources,
		Why: "resources are joined when they are made",
	}, true
}

// volumesField tells of volumes that are to be more than was agreed on, because the machines that they belong to are.
func volumesField(standing, wanted map[string]descriptors.Class, name string) (Field, bool) {
	if standing[name].Type != descriptors.Volume || wanted[name].Type != descriptors.Volume {
		return Field{}, false
	}
	before, after := sla.Instances(standing, name), sla.Instances(wanted, name)
	if within(after, before) {
		return Field{}, false
	}
	return Field{
		Path: "instances", Old: before.String(), New: after.String(), Need: NewCall, Why: "each machine has its own",
	}, true
}
