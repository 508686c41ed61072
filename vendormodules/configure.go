package vendormodules

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
)

// Fault notes that something is wrong with the value at a path of a configuration.
type Fault func(path, format string, arguments ...any)

// Configure reads a module's part of the configuration file strictly over what is in it already, the defaults, and lets
// check say what can be read and makes no sense. The error is descriptors.Faults: all of them, in the order of the file, but
// for what check says of something with a part that cannot be read, from which it may follow.
func Configure(node *yaml.Node, into any, check func(written descriptors.Positions, fault Fault)) error {
	var positions descriptors.Positions
	var faults descriptors.Faults
	if node != nil && node.Kind != 0 && node.Tag != "!!null" {
		positions, faults = descriptors.Decode("", "", node, into)
	}
	unread := slices.Clone(faults)
	check(positions, func(path, format string, arguments ...any) {
		if slices.ContainsFunc(unread, func(one descriptors.Fault) bool { return strings.HasPrefix(one.Path, path+".") }) {
			return
		}
		faults = append(faults, positions.Fault(path, format, arguments...))
	})
	slices.SortStableFunc(faults, func(a, b descriptors.Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return faults.Err()
}
