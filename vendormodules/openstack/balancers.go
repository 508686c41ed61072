package openstack

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/pools"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// listBalancers lists the agency's balancers.
func (m *Module) listBalancers(ctx context.Context, s *session) ([]loadbalancers.LoadBalancer, error) {
	return m.findBalancers(ctx, s, loadbalancers.ListOpts{})
}

func (m *Module) findBalancers(ctx context.Context, s *session, options loadbalancers.ListOpts) ([]loadbalancers.LoadBalancer, error) {
	pages, err := allPages(ctx, loadbalancers.List(s.balancer, options))
	if err != nil {
		return nil, err
	}
	all, err := loadbalancers.ExtractLoadBalancers(pages)
	return slices.DeleteFunc(all, func(one loadbalancers.LoadBalancer) bool {
		return !m.ours(readDescription(one.Name, one.Description)) || one.ProvisioningStatus == "DELETED"
	}), err
}

func (m *Module) balancerOf(ctx context.Context, s *session, id string) (loadbalancers.LoadBalancer, error) {
	if err := needs(s.balancer != nil, balancerService); err != nil {
		return loadbalancers.LoadBalancer{}, err
	}
	found, err := loadbalancers.Get(ctx, s.balancer, id).Extract()
	if err != nil {
		return loadbalancers.LoadBalancer{}, err
	}
	if !m.ours(readDescription(found.Name, found.Description)) || found.ProvisioningStatus == "DELETED" {
		return loadbalancers.LoadBalancer{}, vendormodules.ErrNotFound
	}
	return *found, nil
}

func (m *Module) showBalancer(ctx context.Context, s *session, id string) (vendormodules.Resource, error) {
	found, err := m.balancerOf(ctx, s, id)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	var wired wiring
	if s.network != nil {
		if wired.floating, err = listFloating(ctx, s); err != nil {
			return vendormodules.Resource{}, err
		}
	}
	return m.balancerResource(found, wired), nil
}

// balancerResource is what a balancer shows of itself. Whether its targets answer is measured, not part of its state.
func (m *Module) balancerResource(one loadbalancers.LoadBalancer, wired wiring) vendormodules.Resource {
	of := readDescription(one.Name, one.Description)
	resource := of.resource(one.ID)
	resource.Type, resource.Created = descriptors.LoadBalancer, one.CreatedAt.UTC()
	switch one.ProvisioningStatus {
	case "PENDING_CREATE":
		resource.State = vendormodules.ResourceCreating
	case "PENDING_DELETE":
		resource.State = vendormodules.ResourceDeleting
	case "ERROR":
		resource.State, resource.Fault = vendormodules.ResourceError, "the cloud could not set it up as it was asked to"
	default:
		resource.State = vendormodules.ResourceRunning
	}
	for _, floating := range wired.floating {
		if floating.PortID == one.VipPortID && one.VipPortID != "" {
			resource.Addresses = append(resource.Addresses, vendormodules.Address{Address: floating.FloatingIP, Public: true})
		}
	}
	inside := vendormodules.Address{Address: one.VipAddress, Public: of.On == onPublic}
	if of.On == onMember {
		inside.Network = one.VipNetworkID
	}
	resource.Addresses = append(resource.Addresses, inside)
	return resource
}

// createBalancer asks for a balancer with all that belongs to it in one call; a floating address comes after it.
func (m *Module) createBalancer(ctx context.Context, s *session, request vendormodules.Request) (vendormodules.Resource, error) {
	if err := errors.Join(needs(s.balancer != nil, balancerService), needs(s.network != nil, networkService)); err != nil {
		return vendormodules.Resource{}, err
	}
	earlier, err := m.findBalancers(ctx, s, loadbalancers.ListOpts{Name: request.Key})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	var made *loadbalancers.LoadBalancer
	if len(earlier) > 0 {
		made = &earlier[0]
	} else {
		joined, err := m.joined(ctx, s, request.Networks)
		if err != nil {
			return vendormodules.Resource{}, err
		}
		if made, err = loadbalancers.Create(ctx, s.balancer, m.balancerOptions(request, joined[0])).Extract(); err != nil {
			return vendormodules.Resource{}, err
		}
	}
	var wired wiring
	if m.configuration.FloatingAddresses != floatingNever {
		vip := ports.Port{ID: made.VipPortID, NetworkID: made.VipNetworkID}
		one, err := m.makeFloating(ctx, s, identityOf(request), vip)
		if err != nil {
			if settled(translate(err)) {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
				defer cancel()
				err = errors.Join(translate(err), translate(m.removeBalancer(ctx, s, made.ID)))
			}
			return vendormodules.Resource{}, err
		}
		if one != nil {
			wired.floating = append(wired.floating, *one)
		}
	}
	return m.balancerResource(*made, wired), nil
}

func (m *Module) balancerOptions(request vendormodules.Request, on place) loadbalancers.CreateOpts {
	class, of := request.Class, identityOf(request)
	of.On = on.on
	protocol, check := pools.ProtocolHTTP, monitorOptions(class.Check)
	if class.Protocol == "tcp" {
		protocol = pools.ProtocolTCP
	}
	members := make([]pools.CreateMemberOpts, 0, len(request.Targets))
	for _, target := range request.Targets {
		members = append(members, pools.CreateMemberOpts{Name: target.Name, Address: target.Address, ProtocolPort: target.Port})
	}
	return loadbalancers.CreateOpts{
		Name: request.Key, Description: of.describe(), VipNetworkID: on.id, Provider: m.configuration.BalancerProvider,
		Listeners: []listeners.CreateOpts{{
			Name: request.Key, Protocol: listeners.Protocol(protocol), ProtocolPort: class.Listen,
			DefaultPool: &pools.CreateOpts{
				Name: request.Key, Protocol: protocol, LBMethod: pools.LBMethodRoundRobin, Members: members, Monitor: check,
			},
		}},
	}
}

// monitorOptions are a check in Octavia's words: whole seconds, at least one, and no patience beyond the next check.
func monitorOptions(check descriptors.Check) monitors.CreateOpts {
	options := monitors.CreateOpts{
		Type: monitors.TypeTCP, Delay: seconds(check.Every), Timeout: min(seconds(check.Timeout), seconds(check.Every)), MaxRetries: 1,
		MaxRetriesDown: 2,
	}
	if check.Path != "" {
		options.Type, options.URLPath, options.HTTPMethod, options.ExpectedCodes = monitors.TypeHTTP, check.Path, "GET", "200-299"
	}
	return options
}

func seconds(length quantity.Duration) int {
	return max(1, int((time.Duration(length)+time.Second-1)/time.Second))
}

// removeBalancer removes a balancer with all that belongs to it. Octavia refuses while it is at work on it.
func (m *Module) removeBalancer(ctx context.Context, s *session, id string) error {
	found, err := m.balancerOf(ctx, s, id)
	if err != nil {
		return err
	}
	if err := m.unwire(ctx, s, readDescription(found.Name, found.Description)); err != nil {
		return err
	}
	if found.ProvisioningStatus == "PENDING_DELETE" {
		return nil
	}
	return loadbalancers.Delete(ctx, s.balancer, id, loadbalancers.DeleteOpts{Cascade: true}).ExtractErr()
}

// SetTargets implements vendormodules.Balancer. The members are replaced in one call: Octavia keeps those that stay as
// they are, and its proxies serve the connections of those that go until they end. It returns when Octavia is done, so
// that who stops a machine next stops one that gets no more connections.
func (m *Module) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	return m.do(ctx, agency.Scope{}, "set the targets of "+id, func(s *session) error {
		found, err := m.balancerOf(ctx, s, id)
		if err != nil {
			return err
		}
		if len(found.Pools) == 0 {
			return vendormodules.ErrConflict
		}
		pool := found.Pools[0].ID
		same, err := hasTargets(ctx, s, pool, targets)
		if err != nil || same {
			return err
		}
		members := make([]pools.BatchUpdateMemberOpts, 0, len(targets))
		for _, target := range targets {
			members = append(members, pools.BatchUpdateMemberOpts{Name: &target.Name, Address: target.Address, ProtocolPort: target.Port})
		}
		if err := pools.BatchUpdateMembers(ctx, s.balancer, pool, members).ExtractErr(); err != nil {
			return err
		}
		return until(ctx, "the balancer has its targets", func() (bool, error) {
			found, err := m.balancerOf(ctx, s, id)
			return !strings.HasPrefix(found.ProvisioningStatus, "PENDING_"), err
		})
	})
}

// hasTargets says whether a pool has exactly these members.
func hasTargets(ctx context.Context, s *session, pool string, targets []vendormodules.Target) (bool, error) {
	pages, err := allPages(ctx, pools.ListMembers(s.balancer, pool, pools.ListMembersOpts{}))
	if err != nil {
		return false, err
	}
	members, err := pools.ExtractMembers(pages)
	if err != nil {
		return false, err
	}
	has := map[vendormodules.Target]bool{}
	for _, one := range members {
		if one.ProvisioningStatus != "PENDING_DELETE" {
			has[vendormodules.Target{Name: one.Name, Address: one.Address, Port: one.ProtocolPort}] = true
		}
	}
	same := len(has) == len(targets)
	for _, target := range targets {
		same = same && has[target]
	}
	return same, nil
}
