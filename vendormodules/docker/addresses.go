package docker

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// public is when a container has a public address. A balancer is on the engine's own network whatever others it is on, and
// so is a machine in none of the agency's. At a host that publishes, an image alone may bring ports to be reached at.
func (c configuration) public() map[descriptors.ResourceType][]sla.Public {
	machines := []sla.Public{sla.PublicAlone, sla.PublicOpen}
	if slices.ContainsFunc(c.Hosts, func(host hostConfiguration) bool { return host.Publish.IsValid() }) {
		machines = []sla.Public{sla.PublicAlways}
	}
	return map[descriptors.ResourceType][]sla.Public{
		descriptors.Compute: machines, descriptors.LoadBalancer: {sla.PublicAlways},
	}
}

// grant gives a new container an address in each network, with the token of placing held. They are fixed, so that a machine
// has them whenever it starts, and knows them before.
func grant(ctx context.Context, at *host, engine *client.Client, networks []string) ([]address, error) {
	if len(networks) == 0 {
		return nil, nil
	}
	taken := map[string]map[string]bool{}
	for _, kind := range []descriptors.ResourceType{descriptors.Compute, descriptors.LoadBalancer} {
		others, err := at.list(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, other := range others {
			for _, one := range addressesOf(other.labels) {
				if taken[one.Network] == nil {
					taken[one.Network] = map[string]bool{}
				}
				taken[one.Network][one.Address.Address] = true
			}
		}
	}
	var granted []address
	for _, id := range networks {
		inspected, err := engine.NetworkInspect(ctx, id, client.NetworkInspectOptions{})
		if err != nil {
			return nil, failed(err, "network %s", id)
		}
		of := inspected.Network
		free, err := firstFree(of.IPAM.Config, taken[id])
		if err != nil {
			return nil, fmt.Errorf("network %s: %w", id, err)
		}
		granted = append(granted, address{
			Address: vendormodules.Address{Address: free.String(), Network: id, Public: of.Labels[labelPrivate] == ""},
			Name:    of.Labels[labelName],
		})
	}
	return granted, nil
}

// firstFree is the first address of a network behind its gateway that is not taken. The last is for broadcasts.
func firstFree(of []network.IPAMConfig, taken map[string]bool) (netip.Addr, error) {
	for _, config := range of {
		for one := config.Gateway.Next(); config.Subnet.Contains(one) && config.Subnet.Contains(one.Next()); one = one.Next() {
			if !taken[one.String()] {
				return one, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("all of its addresses are in use: %w", vendormodules.ErrNoCapacity)
}

// endpoint is a container's place in a network, at its address there.
func endpoint(at address) *network.EndpointSettings {
	fixed, err := netip.ParseAddr(at.Address.Address)
	if err != nil {
		return &network.EndpointSettings{} // of a label that somebody else wrote
	}
	return &network.EndpointSettings{IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: fixed}}
}

// join brings a container that does not run yet into the networks of its addresses that it is not in.
func join(ctx context.Context, engine *client.Client, one found) error {
	inspected, err := engine.ContainerInspect(ctx, one.ID, client.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	for _, at := range addressesOf(one.labels) {
		if in(inspected.Container, at.Network) {
			continue
		}
		if _, err := engine.NetworkConnect(ctx, at.Network, client.NetworkConnectOptions{
			Container: one.ID, EndpointConfig: endpoint(at),
		}); err != nil {
			return failed(err, "join network %s", at.Network)
		}
	}
	return nil
}

func in(of container.InspectResponse, network string) bool {
	if of.NetworkSettings == nil {
		return false
	}
	_, joined := of.NetworkSettings.Networks[network]
	return joined
}
