package main

import (
	"context"
	"fmt"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// goodsVerb is what flavors and images have in common.
type goodsVerb struct {
	Vendor string `arg:"" optional:"" help:"Name of a vendor; all by default."`
	reading
	target
}

type goodsDocument struct {
	Vendors []client.Goods `json:"vendors"`
}

// show asks for goods, and shows rows of those of all vendors under the titles.
func (v goodsVerb) show(
	ctx context.Context, s *session, ask func(*client.Client) ([]client.Goods, error), titles []string,
	rows func(client.Goods) [][]string,
) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	goods, err := ask(agency)
	if err != nil {
		return err
	}
	return s.print(v.Output, goodsDocument{goods}, func() {
		var all [][]string
		for _, one := range goods {
			all = append(all, rows(one)...)
		}
		if len(all) > 0 {
			s.screen.Table(present.Columns(titles...), all)
		}
		for _, one := range goods {
			switch {
			case one.Fault != "":
				s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("%s does not tell: %s", one.Vendor, one.Fault), 2))
			case len(rows(one)) == 0:
				s.screen.Line("%s lists none of its own; it takes what a class asks for, or refuses with what would do.", one.Vendor)
			}
		}
	})
}

type flavorsVerb struct{ goodsVerb }

// Help implements kong.HelpProvider.
func (flavorsVerb) Help() string {
	return example("agency flavors", "agency flavors openstack-berlin -o json")
}

// Run lists flavors.
func (v flavorsVerb) Run(ctx context.Context, s *session) error {
	ask := func(agency *client.Client) ([]client.Goods, error) { return agency.Flavors(ctx, v.Vendor) }
	titles := []string{"VENDOR", "FLAVOR", ">CORES", ">MEMORY", ">DISK", "?ARCHITECTURE", ">PRICE/H"}
	return v.show(ctx, s, ask, titles, func(goods client.Goods) (rows [][]string) {
		for _, one := range goods.Flavors {
			rows = append(rows, []string{
				goods.Vendor, one.Name, fmt.Sprint(one.Cores), present.Size(one.Memory), sizeOrNone(one.Disk),
				orNone(one.Architecture), present.Rate(one.Price),
			})
		}
		return rows
	})
}

type imagesVerb struct{ goodsVerb }

// Help implements kong.HelpProvider.
func (imagesVerb) Help() string {
	return example("agency images", "agency images openstack-berlin -o json")
}

// Run lists images.
func (v imagesVerb) Run(ctx context.Context, s *session) error {
	ask := func(agency *client.Client) ([]client.Goods, error) { return agency.Images(ctx, v.Vendor) }
	titles := []string{"VENDOR", "IMAGE", "?ARCHITECTURE", ">DISK", "?CREATED"}
	if s.wide {
		titles = append(titles, "ID")
	}
	return v.show(ctx, s, ask, titles, func(goods client.Goods) (rows [][]string) {
		for _, one := range goods.Images {
			row := []string{goods.Vendor, one.Name, orNone(one.Architecture), sizeOrNone(one.MinDisk), s.screen.Ago(one.Created)}
			if s.wide {
				row = append(row, one.ID)
			}
			rows = append(rows, row)
		}
		return rows
	})
}

func sizeOrNone(size quantity.Bytes) string {
	if size == 0 {
		return present.None
	}
	return present.Size(size)
}
