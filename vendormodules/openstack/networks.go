package openstack

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

func (m *Module) findNetworks(ctx context.Context, s *session, options networks.ListOpts) ([]networks.Network, error) {
	pages, err := allPages(ctx, networks.List(s.network, options))
	if err != nil {
		return nil, err
	}
	all, err := networks.ExtractNetworks(pages)
	return slices.DeleteFunc(all, func(one networks.Network) bool { return !m.ours(readDescription(one.Name, one.Description)) }), err
}

func (m *Module) listNetworks(ctx context.Context, s *session) ([]vendormodules.Resource, error) {
	all, err := m.findNetworks(ctx, s, networks.ListOpts{})
	listed := make([]vendormodules.Resource, 0, len(all))
	for _, one := range all {
		listed = append(listed, m.networkResource(one))
	}
	return listed, err
}

func (m *Module) networkOf(ctx context.Context, s *session, id string) (networks.Network, error) {
	found, err := networks.Get(ctx, s.network, id).Extract()
	if err != nil {
		return networks.Network{}, err
	}
	if !m.ours(readDescription(found.Name, found.Description)) {
		return networks.Network{}, vendormodules.ErrNotFound
	}
	return *found, nil
}

func (m *Module) showNetwork(ctx context.Context, s *session, id string) (vendormodules.Resource, error) {
	found, err := m.networkOf(ctx, s, id)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return m.networkResource(found), nil
}

// networkResource is what a network shows of itself. It is switched on when all that belongs to it is there.
func (m *Module) networkResource(one networks.Network) vendormodules.Resource {
	of := readDescription(one.Name, one.Description)
	resource := of.resource(one.ID)
	resource.Type, resource.Created = descriptors.Network, one.CreatedAt.UTC()
	if of.Range != "" {
		resource.Addresses = []vendormodules.Address{{Address: of.Range}}
	}
	switch {
	case one.Status == "ERROR":
		resource.State, resource.Fault = vendormodules.ResourceError, "the cloud shows it in error"
	case one.AdminStateUp:
		resource.State = vendormodules.ResourceRunning
	case m.environment.Now().Sub(one.CreatedAt) < leftAfter:
		resource.State = vendormodules.ResourceCreating
	default:
		resource.State, resource.Fault = vendormodules.ResourceError, "its creation was cut short, or somebody switched it off"
	}
	return resource
}

// createNetwork makes a network that is switched off, its subnet, its way out, and switches it on: what is found off was
// cut short, and a repeat goes on with it.
func (m *Module) createNetwork(ctx context.Context, s *session, request vendormodules.Request) (vendormodules.Resource, error) {
	if err := needs(s.network != nil, networkService); err != nil {
		return vendormodules.Resource{}, err
	}
	earlier, err := m.findNetworks(ctx, s, networks.ListOpts{Name: request.Key})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	var network networks.Network
	if len(earlier) > 0 {
		network = earlier[0]
	} else {
		off, of := false, identityOf(request)
		of.Range = rangeOf(request)
		made, err := networks.Create(ctx, s.network, networks.CreateOpts{
			Name: request.Key, Description: of.describe(), AdminStateUp: &off,
		}).Extract()
		if err != nil {
			return vendormodules.Resource{}, err
		}
		network = *made
	}
	if network.AdminStateUp {
		return m.networkResource(network), nil
	}
	on, err := m.complete(ctx, s, network, request)
	if err != nil {
		if settled(translate(err)) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
			defer cancel()
			err = errors.Join(translate(err), translate(m.removeNetwork(ctx, s, network.ID)))
		}
		return vendormodules.Resource{}, err
	}
	return m.networkResource(on), nil
}

// complete makes what a network lacks.
func (m *Module) complete(ctx context.Context, s *session, network networks.Network, request vendormodules.Request) (networks.Network, error) {
	var subnet string
	if len(network.Subnets) > 0 {
		subnet = network.Subnets[0]
	} else {
		options := subnets.CreateOpts{
			NetworkID: network.ID, Name: request.Key, CIDR: rangeOf(request), IPVersion: gophercloud.IPv4,
			Description: identityOf(request).describe(),
		}
		for _, server := range m.configuration.NameServers {
			options.DNSNameservers = append(options.DNSNameservers, server.String())
		}
		made, err := subnets.Create(ctx, s.network, options).Extract()
		if err != nil {
			return network, err
		}
		subnet = made.ID
	}
	if err := m.route(ctx, s, network, subnet); err != nil {
		return network, err
	}
	on := true
	switched, err := networks.Update(ctx, s.network, network.ID, networks.UpdateOpts{AdminStateUp: &on}).Extract()
	if err != nil {
		return network, err
	}
	return *switched, nil
}

// rangeOf is the range of a network's addresses: what its class asks for, else one of 16,384 within 10.64.0.0/10, so that
// a machine on two networks finds its way.
func rangeOf(request vendormodules.Request) string {
	if request.Class.Range != "" {
		return request.Class.Range
	}
	hash := fnv.New32a()
	hash.Write([]byte(request.Key))
	sum := hash.Sum32()
	return fmt.Sprintf("10.%d.%d.0/24", 64+sum>>8%64, sum%256)
}

// route gives a subnet a router to the outside, if there is an outside. It bears the network's name.
func (m *Module) route(ctx context.Context, s *session, network networks.Network, subnet string) error {
	known, _, err := m.places.Get(ctx)
	if err != nil || !*m.configuration.Routers || known.external.id == "" {
		return err
	}
	named, err := findRouters(ctx, s, network.Name)
	if err != nil {
		return err
	}
	if len(named) == 0 {
		made, err := routers.Create(ctx, s.network, routers.CreateOpts{
			Name: network.Name, Description: network.Description, GatewayInfo: &routers.GatewayInfo{NetworkID: known.external.id},
		}).Extract()
		if err != nil {
			return err
		}
		named = append(named, *made)
	}
	attached, err := m.listPorts(ctx, s, &portQuery{device: named[0].ID, network: network.ID})
	if err != nil || len(attached) > 0 {
		return err
	}
	_, err = routers.AddInterface(ctx, s.network, named[0].ID, routers.AddInterfaceOpts{SubnetID: subnet}).Extract()
	return err
}

func findRouters(ctx context.Context, s *session, name string) ([]routers.Router, error) {
	pages, err := allPages(ctx, routers.List(s.network, routers.ListOpts{Name: name}))
	if err != nil {
		return nil, err
	}
	return routers.ExtractRouters(pages)
}

// removeNetwork removes the router, the subnet and the network, unless somebody else is still on it.
func (m *Module) removeNetwork(ctx context.Context, s *session, id string) error {
	network, err := m.networkOf(ctx, s, id)
	if err != nil {
		return err
	}
	connected, err := m.listPorts(ctx, s, &portQuery{network: id})
	if err != nil {
		return err
	}
	for _, port := range connected {
		// Neutron's own, such as those of its DHCP servers, go with the network.
		if !strings.HasPrefix(port.DeviceOwner, "network:") {
			return fmt.Errorf("port %s of %q is on it: %w", port.ID, port.Name, vendormodules.ErrConflict)
		}
	}
	named, err := findRouters(ctx, s, network.Name)
	if err != nil {
		return err
	}
	for _, router := range named {
		if err := removeRouter(ctx, s, router, connected); err != nil {
			return err
		}
	}
	return networks.Delete(ctx, s.network, id).ExtractErr()
}

func removeRouter(ctx context.Context, s *session, router routers.Router, connected []ports.Port) error {
	for _, port := range connected {
		if port.DeviceID != router.ID {
			continue
		}
		_, err := routers.RemoveInterface(ctx, s.network, router.ID, routers.RemoveInterfaceOpts{PortID: port.ID}).Extract()
		if err := gone(err); err != nil {
			return err
		}
	}
	return gone(routers.Delete(ctx, s.network, router.ID).ExtractErr())
}
