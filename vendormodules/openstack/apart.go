package openstack

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// spread is Nova's policy for machines that are to be on different hosts as far as there are hosts, and spreading the
// first version of its API that has it.
const (
	spread    = "soft-anti-affinity"
	spreading = "2.15"
)

// apart says where a machine may not be: with others of its class, if that is to be spread over hosts. Their server group
// is called as their security group, and goes with it.
func (m *Module) apart(ctx context.Context, s *session, request vendormodules.Request) (servers.SchedulerHintOpts, error) {
	if !slices.Contains(request.Class.Place.Apart, descriptors.ApartMachine) || !*m.configuration.SecurityGroups || s.network == nil {
		return servers.SchedulerHintOpts{}, nil
	}
	if err := m.holdGroups(ctx); err != nil {
		return servers.SchedulerHintOpts{}, err
	}
	defer m.releaseGroups()
	name := groupName(request.Tags, request.Tags.Class)
	existing, err := serverGroups(ctx, s)
	if err != nil {
		return servers.SchedulerHintOpts{}, err
	}
	for _, one := range existing {
		if one.Name == name {
			return servers.SchedulerHintOpts{Group: one.ID}, nil
		}
	}
	client := *s.compute
	client.Microversion = spreading
	made, err := servergroups.Create(ctx, &client, servergroups.CreateOpts{Name: name, Policies: []string{spread}}).Extract()
	if err != nil {
		return servers.SchedulerHintOpts{}, err
	}
	return servers.SchedulerHintOpts{Group: made.ID}, nil
}

// serverGroups lists those of the project, page by page, which the SDK does not.
func serverGroups(ctx context.Context, s *session) ([]servergroups.ServerGroup, error) {
	var all []servergroups.ServerGroup
	for {
		pages, err := allPages(ctx, servergroups.List(s.compute, servergroups.ListOpts{Offset: len(all)}))
		if err != nil {
			return nil, err
		}
		page, err := servergroups.ExtractServerGroups(pages)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
	}
}

// sweepServerGroups deletes those of these names.
func sweepServerGroups(ctx context.Context, s *session, names map[string]bool) error {
	existing, err := serverGroups(ctx, s)
	if err != nil {
		return err
	}
	for _, one := range existing {
		if !names[one.Name] {
			continue
		}
		if err := gone(servergroups.Delete(ctx, s.compute, one.ID).ExtractErr()); err != nil {
			return err
		}
	}
	return nil
}
