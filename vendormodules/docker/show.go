package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// found is a resource as an engine shows it.
type found struct {
	vendormodules.Resource

	at     *host
	labels map[string]string
	// state of a container; empty of all else.
	state container.ContainerState
}

// kinds are the types of what an engine keeps for us. A machine of a cluster is a compute.
func kinds() []descriptors.ResourceType {
	return []descriptors.ResourceType{
		descriptors.Compute, descriptors.LoadBalancer, descriptors.Volume, descriptors.Snapshot, descriptors.Network, descriptors.Image,
	}
}

// Get implements vendormodules.Module.
func (m *Module) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	if err := m.begin(ctx); err != nil {
		return vendormodules.Resource{}, err
	}
	one, err := m.locate(ctx, id)
	if err != nil {
		return vendormodules.Resource{}, failed(err, "get %s", id)
	}
	return one.Resource, nil
}

// List implements vendormodules.Module.
func (m *Module) List(ctx context.Context) ([]vendormodules.Resource, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	all, err := each(ctx, m.hosts, func(ctx context.Context, at *host) ([]found, error) {
		var listed []found
		for _, kind := range kinds() {
			some, err := at.list(ctx, kind, labelAgency+"="+m.environment.Agency)
			if err != nil {
				return nil, err
			}
			listed = append(listed, some...)
		}
		return listed, nil
	})
	if err != nil {
		return nil, failed(err, "list")
	}
	var resources []vendormodules.Resource
	for _, one := range slices.Concat(all...) {
		resources = append(resources, one.Resource)
	}
	return resources, nil
}

// list shows the resources of a type at a host whose labels are as given.
func (h *host) list(ctx context.Context, kind descriptors.ResourceType, labels ...string) ([]found, error) {
	engine, err := h.connect(ctx)
	if err != nil {
		return nil, err
	}
	wanted := append(labels, labelType+"="+string(kind))
	filters := client.Filters{}.Add("label", wanted...)
	var listed []found
	add := func(labels map[string]string, created time.Time, complete func(one *found)) {
		if !has(labels, wanted) {
			return // Podman shows volumes that have one of the labels
		}
		one := found{Resource: labelled(labels), at: h, labels: labels}
		one.Created = created.UTC()
		complete(&one)
		listed = append(listed, one)
	}
	plain := func(*found) {}
	switch kind {
	case descriptors.Compute, descriptors.LoadBalancer:
		var containers client.ContainerListResult
		containers, err = engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
		for _, one := range containers.Items {
			add(one.Labels, time.Unix(one.Created, 0), func(into *found) { into.contain(one) })
		}
	case descriptors.Volume, descriptors.Snapshot:
		var volumes client.VolumeListResult
		volumes, err = engine.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
		for _, one := range volumes.Items {
			created, _ := time.Parse(time.RFC3339, one.CreatedAt) // shown as unknown
			add(one.Labels, created, plain)
		}
	case descriptors.Network:
		var networks client.NetworkListResult
		networks, err = engine.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
		for _, one := range networks.Items {
			add(one.Labels, one.Created, func(into *found) { into.span(one.IPAM.Config) })
		}
	case descriptors.Image:
		var images client.ImageListResult
		images, err = engine.ImageList(ctx, client.ImageListOptions{Filters: filters})
		for _, one := range images.Items {
			add(one.Labels, time.Unix(one.Created, 0), plain)
		}
	}
	if err != nil {
		return nil, failed(err, "list every %s at %s", kind, h.Endpoint)
	}
	if kind == descriptors.Volume || kind == descriptors.Snapshot {
		err = h.markCopies(ctx, engine, listed)
	}
	return listed, err
}

// has says whether labels have every NAME=VALUE that is wanted.
func has(labels map[string]string, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(one string) bool {
		name, value, _ := strings.Cut(one, "=")
		return labels[name] != value
	})
}

// span completes what is shown of a network: the range of its addresses.
func (f *found) span(of []network.IPAMConfig) {
	for _, one := range of {
		f.Addresses = append(f.Addresses, vendormodules.Address{
			Address: one.Subnet.String(), Network: f.ID, Public: f.labels[labelPrivate] == "",
		})
	}
}

// contain completes what is shown of a container.
func (f *found) contain(of container.Summary) {
	f.state = of.State
	f.State, f.Fault = stateOf(of)
	for _, one := range addressesOf(of.Labels) {
		f.Addresses = append(f.Addresses, one.Address)
	}
	ours := func(network string) bool {
		return slices.ContainsFunc(f.Addresses, func(one vendormodules.Address) bool { return one.Network == network })
	}
	if of.NetworkSettings != nil {
		for name, endpoint := range of.NetworkSettings.Networks {
			if endpoint != nil && endpoint.IPAddress.IsValid() && !ours(name) {
				public := vendormodules.Address{Address: endpoint.IPAddress.String(), Public: true}
				f.Addresses = slices.Insert(f.Addresses, 0, public)
			}
		}
	}
	if f.at.Publish.IsValid() && len(of.Ports) > 0 {
		f.Addresses = slices.Insert(f.Addresses, 0, vendormodules.Address{Address: f.at.Publish.String(), Public: true})
	}
	if of.State == container.StateRestarting {
		f.Warnings = append(f.Warnings, "what its image runs has ended, and is started again: "+of.Status)
	}
	if f.labels[labelApart] != "" {
		f.Warnings = append(f.Warnings, f.labels[labelApart])
	}
}

// stateOf is a container's state in the contract's words. A container that ended by itself is started again by its engine,
// so that one which stays ended was stopped.
func stateOf(of container.Summary) (state vendormodules.ResourceState, fault string) {
	switch of.State {
	case container.StateCreated:
		return vendormodules.ResourceCreating, ""
	case container.StateRunning, container.StateRestarting, container.StatePaused:
		return vendormodules.ResourceRunning, ""
	case container.StateRemoving:
		return vendormodules.ResourceDeleting, ""
	case container.StateDead:
		return vendormodules.ResourceError, "the engine could not remove it: " + of.Status
	}
	return vendormodules.ResourceStopped, ""
}

// steady refuses what can only be done to a resource of one type that is wholly there.
func (f found) steady(kind descriptors.ResourceType) error {
	switch {
	case f.Type != kind:
		return fmt.Errorf("%s is a %s, not a %s: %w", f.ID, f.Type, kind, vendormodules.ErrInvalid)
	case f.State != vendormodules.ResourceRunning && f.State != vendormodules.ResourceStopped:
		return fmt.Errorf("%s is %s: %w", f.ID, f.State, vendormodules.ErrConflict)
	}
	return nil
}
