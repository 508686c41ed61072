package keeper

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// systemPath is where a machine finds the system's programs, after its own.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is what a machine's commands see. The class may set what it likes except what the machine is told about
// itself; nothing of the agency's own environment gets in.
func environment(directory record.Directory, of record.Record) []string {
	root := directory.Root()
	values := map[string]string{
		"PATH":   filepath.Join(root, "bin") + ":" + systemPath,
		"HOME":   root,
		"TMPDIR": filepath.Join(root, "tmp"),
		"LANG":   "C.UTF-8",
	}
	maps.Copy(values, of.Class.Environment)
	values["NAME"], values["ROOT"] = of.Name, root
	values[Marker] = string(directory)
	for index, address := range of.Addresses {
		if index == 0 {
			values["ADDRESS"] = address.Address.Address
		}
		if address.NetworkName != "" {
			values["ADDRESS_"+variable(address.NetworkName)] = address.Address.Address
		}
	}
	list := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, name+"="+values[name])
	}
	return list
}

// variable makes a name one of an environment variable: capital letters, digits and underscores.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}
