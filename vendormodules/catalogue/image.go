package catalogue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Image is a machine's disk that a cloud has to make others of.
type Image = vendormodules.Image

// Images are what a configuration says of them. A module embeds them inline.
type Images struct {
	// Aliases lead from names that descriptors use to ids or names at the cloud.
	Aliases map[string]string `yaml:"images"`
	// Default is the image of a class that names none.
	Default string `yaml:"default-image"`
}

// Names are those that the configuration says, sorted, for a description.
func (i Images) Names() []string {
	var names []string
	for name := range i.Aliases {
		names = append(names, name)
	}
	if i.Default != "" && !slices.Contains(names, i.Default) {
		names = append(names, i.Default)
	}
	slices.Sort(names)
	return names
}

// Check finds what can be read and makes no sense.
func (i Images) Check(fault vendormodules.Fault) {
	for name, image := range i.Aliases {
		if image == "" {
			fault("images."+name, "write an id or a name at the cloud")
		}
	}
}

// Resolve finds the image of a class among those of a cloud: what the configuration calls so, else what has exactly that
// id, else that name, else the plain image of that distribution and version, as "debian-12" is "Debian 12 (bookworm)
// genericcloud amd64". Of several it is the newest. An image must be of the class's architecture. The error is an
// sla.Refusal that names the nearest.
func (i Images) Resolve(class descriptors.Class, images []Image) (Image, error) {
	name, architecture := cmp.Or(class.Image, i.Default), cmp.Or(class.Architecture, descriptors.DefaultArchitecture)
	if name == "" {
		return Image{}, sla.Refusal{
			Code: sla.RefusedUnsupported, Message: "the class names no image, and there is no default here", Hint: "write image: debian-12",
		}
	}
	wanted := name
	if alias, found := i.Aliases[name]; found {
		wanted = alias
	}
	suits := func(one Image) bool { return one.Architecture == "" || one.Architecture == architecture }
	var elsewhere error
	for _, same := range matchers(wanted) {
		matching := slices.DeleteFunc(slices.Clone(images), func(one Image) bool { return !same(one) })
		if len(matching) == 0 {
			continue
		}
		suited := slices.DeleteFunc(slices.Clone(matching), func(one Image) bool { return !suits(one) })
		if len(suited) > 0 {
			return slices.MaxFunc(suited, newer), nil
		}
		elsewhere = cmp.Or(elsewhere, error(sla.Refusal{
			Code: sla.RefusedUnsupported, Message: fmt.Sprintf("image %q is not there for %s", name, architecture),
			Hint: fmt.Sprintf("it is for %s: %s", matching[0].Architecture, matching[0].Name),
		}))
	}
	if elsewhere != nil {
		return Image{}, elsewhere
	}
	return Image{}, i.unknown(name, architecture, images)
}

// matchers are the ways in which an image may be meant by a name, the surest first.
func matchers(wanted string) []func(Image) bool {
	meant := identify(wanted)
	return []func(Image) bool{
		func(one Image) bool { return one.ID == wanted },
		func(one Image) bool { return one.Name == wanted && !one.Deprecated },
		func(one Image) bool { return !one.Deprecated && meant.means(identify(one.Name)) },
	}
}

// newer compares two images that are meant by one name: by the first part of their versions, then by age, then by the
// rest.
func newer(one, other Image) int {
	first, second := identify(one.Name), identify(other.Name)
	return cmp.Or(
		cmp.Compare(first.major(), second.major()), one.Created.Compare(other.Created),
		slices.Compare(first.version, second.version), strings.Compare(first.date, second.date),
		strings.Compare(one.Name, other.Name), strings.Compare(one.ID, other.ID),
	)
}

// unknown refuses an image that is not there. The nearest is one that says as much of the name as possible.
func (i Images) unknown(name, architecture string, images []Image) error {
	meant, best, most := identify(name), "", 0
	for _, one := range images {
		if one.Deprecated || one.Architecture != "" && one.Architecture != architecture {
			continue
		}
		shared := meant.shared(identify(one.Name))
		if shared > most || shared == most && shared > 0 && one.Name < best {
			best, most = one.Name, shared
		}
	}
	offered := i.Names()
	for _, one := range images {
		if one.Name != "" && !one.Deprecated {
			offered = append(offered, one.Name)
		}
	}
	alias, configured := i.Aliases[name]
	offered = slices.DeleteFunc(offered, func(one string) bool { return one == name })
	slices.Sort(offered)
	refusal := Unsupported("image", name, slices.Compact(offered))
	if configured {
		refusal.Message = fmt.Sprintf("no image %q here, which the vendor's configuration has in the place of %q", alias, name)
	}
	if most > 0 && !strings.HasPrefix(refusal.Hint, "the nearest") {
		refusal.Hint = fmt.Sprintf("the nearest is %q", best)
	}
	return *refusal
}
