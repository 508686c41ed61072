package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

type vendorsVerb struct {
	reading
	target
}

// Help implements kong.HelpProvider.
func (vendorsVerb) Help() string { return example("agency vendors", "agency vendors -o json") }

// Run lists the vendors.
func (v vendorsVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	vendors, err := agency.Vendors(ctx)
	if err != nil {
		return err
	}
	if vendors == nil {
		vendors = []proto.VendorStatus{}
	}
	return s.print(v.Output, proto.VendorList{Vendors: vendors}, func() { s.showVendors(vendors) })
}

func (s *session) showVendors(vendors []proto.VendorStatus) {
	if len(vendors) == 0 {
		s.screen.Line("No vendors are enrolled; `agency enrol vendor NAME` enrols one.")
		return
	}
	rows := make([][]string, len(vendors))
	for i, vendor := range vendors {
		rows[i] = s.vendorRow(vendor)
	}
	s.screen.Table(present.Columns("VENDOR", "KIND", "WHERE", "STATE", ">MACHINES", ">CORES", ">MEMORY", ">STORAGE"), rows)
	for _, vendor := range vendors {
		if vendor.Fault != "" {
			s.screen.Line("%s", s.screen.Prose(vendor.Name+": "+vendor.Fault, 2))
		}
		if vendor.Quarantined > 0 {
			s.screen.Line("%s holds %s of ours in no record; `agency resources` shows them.",
				vendor.Name, present.Count(vendor.Quarantined, "resource"))
		}
	}
}

func (s *session) vendorRow(vendor proto.VendorStatus) []string {
	state := "present"
	if !vendor.Present {
		state = "absent"
	}
	kind, where := present.None, present.None
	if vendor.Description != nil {
		kind = vendor.Description.Kind
		where = strings.TrimSpace(vendor.Description.Region + " " + vendor.Description.Country)
	}
	taken, all := vendor.Held.Plus(vendor.Used), vendor.Capacity
	return []string{
		vendor.Name, kind, where, s.screen.State(state), share(taken.Instances, all.Instances), share(taken.Cores, all.Cores),
		sizeShare(taken, all, func(u vendormodules.Usage) quantity.Bytes { return u.Memory }),
		sizeShare(taken, all, func(u vendormodules.Usage) quantity.Bytes { return u.Storage }),
	}
}

// share writes how much is taken of how much there is; a capacity of zero has no limit.
func share(taken, all int) string {
	if all == 0 {
		return fmt.Sprint(taken)
	}
	return fmt.Sprintf("%d of %d", taken, all)
}

func sizeShare(taken, all vendormodules.Usage, of func(vendormodules.Usage) quantity.Bytes) string {
	if of(all) == 0 {
		return present.Size(of(taken))
	}
	return present.Size(of(taken)) + " of " + present.Size(of(all))
}
