package main

import "github.com/cloud-agency/agency/vendormodules/all"

// moduleNames are the names of the kinds of clouds that this program knows.
func moduleNames() []string {
	kinds := all.Kinds()
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = kind.Name
	}
	return names
}
