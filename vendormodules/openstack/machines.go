package openstack

import (
	"context"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// listMachines lists the agency's servers.
func (m *Module) listMachines(ctx context.Context, s *session) ([]servers.Server, error) {
	return m.findServers(ctx, s, servers.ListOpts{})
}

func (m *Module) findServers(ctx context.Context, s *session, options servers.ListOpts) ([]servers.Server, error) {
	pages, err := allPages(ctx, servers.List(s.compute, options))
	if err != nil {
		return nil, err
	}
	all, err := servers.ExtractServers(pages)
	return slices.DeleteFunc(all, func(one servers.Server) bool { return !m.ours(readMetadata(one.Metadata)) || deleted(one) }), err
}

func deleted(one servers.Server) bool { return one.Status == "DELETED" || one.Status == "SOFT_DELETED" }

// server gets one of the agency's servers.
func (m *Module) server(ctx context.Context, s *session, id string) (servers.Server, error) {
	found, err := servers.Get(ctx, s.compute, id).Extract()
	if err != nil {
		return servers.Server{}, err
	}
	if !m.ours(readMetadata(found.Metadata)) || deleted(*found) {
		return servers.Server{}, vendormodules.ErrNotFound
	}
	return *found, nil
}

// known makes sure that a server is one of the agency's. Once it was, it is not asked for again: ids are given once, and
// nobody but the agency marks what is its own.
func (m *Module) known(ctx context.Context, s *session, id string) error {
	if m.memory.of(id) == descriptors.Compute {
		return nil
	}
	_, err := m.server(ctx, s, id)
	return err
}

// serverOf finds the server of a key.
func (m *Module) serverOf(ctx context.Context, s *session, key string) (servers.Server, bool, error) {
	named, err := m.findServers(ctx, s, servers.ListOpts{Name: "^" + key + "$"})
	for _, one := range named {
		if one.Name == key && one.Status != "DELETED" {
			return one, true, nil
		}
	}
	return servers.Server{}, false, err
}

// showMachine shows a server with its addresses. Who waits for one looks often: while it is on its way, it is shown with the
// addresses that are known without a question to Neutron.
func (m *Module) showMachine(ctx context.Context, s *session, id string) (vendormodules.Resource, error) {
	found, err := m.server(ctx, s, id)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	state := machineState(found)
	if s.network == nil || state == vendormodules.ResourceCreating || state == vendormodules.ResourceDeleting {
		return m.machineResource(found, wiring{}), nil
	}
	if known, has := m.memory.wiring(id); has && strings.HasPrefix(found.TaskState, "powering-") {
		return m.machineResource(found, known), nil
	}
	wired, err := m.wiringFor(ctx, s, portQuery{device: id})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	wired = wired.own()
	m.memory.keepWiring(id, wired)
	return m.machineResource(found, wired), nil
}

// machineResource is what a server shows of itself, with the addresses that its ports have.
func (m *Module) machineResource(one servers.Server, wired wiring) vendormodules.Resource {
	resource := readMetadata(one.Metadata).resource(one.ID)
	resource.Type, resource.Created = descriptors.Compute, one.Created.UTC()
	resource.State = machineState(one)
	if resource.State == vendormodules.ResourceError {
		resource.Fault = one.Fault.Message
		if resource.Fault == "" {
			resource.Fault = "the cloud does not say why"
		}
	}
	resource.Addresses = wired.addresses(func(device, name string) bool { return device == one.ID || name == one.Name })
	if len(resource.Addresses) == 0 {
		resource.Addresses = toldAddresses(one)
	}
	return resource
}

// toldAddresses are those that Nova tells of, for clouds whose networks are its own.
func toldAddresses(one servers.Server) []vendormodules.Address {
	var told []vendormodules.Address
	for name, addresses := range one.Addresses {
		list, _ := addresses.([]any)
		for _, entry := range list {
			fields, _ := entry.(map[string]any)
			address, _ := fields["addr"].(string)
			public := fields["OS-EXT-IPS:type"] == "floating" || name == "public"
			if address != "" {
				told = append(told, vendormodules.Address{Address: address, Public: public})
			}
		}
	}
	slices.SortFunc(told, publicFirst)
	return told
}

func publicFirst(one, other vendormodules.Address) int {
	switch {
	case one.Public == other.Public:
		return strings.Compare(one.Address, other.Address)
	case one.Public:
		return -1
	}
	return 1
}

// machineState is Nova's status and what it is doing, in the contract's words. A machine that is being restarted, resized
// or copied is running, for it will be.
func machineState(one servers.Server) vendormodules.ResourceState {
	if one.TaskState == "deleting" || one.TaskState == "soft-deleting" {
		return vendormodules.ResourceDeleting
	}
	switch one.Status {
	case "BUILD", "REBUILD":
		return vendormodules.ResourceCreating
	case "ERROR", "UNKNOWN":
		return vendormodules.ResourceError
	case "SHUTOFF", "SUSPENDED", "PAUSED", "SHELVED", "SHELVED_OFFLOADED":
		return vendormodules.ResourceStopped
	}
	return vendormodules.ResourceRunning
}

// removeMachine removes a server and what was made for it: the addresses first, which cost and are few, the server last,
// so that until then all of it is found again.
func (m *Module) removeMachine(ctx context.Context, s *session, id string) error {
	found, err := m.server(ctx, s, id)
	if err != nil {
		return err
	}
	of := readMetadata(found.Metadata)
	if err := m.unwire(ctx, s, of); err != nil {
		return err
	}
	if machineState(found) == vendormodules.ResourceDeleting {
		return nil
	}
	if found.KeyName == found.Name {
		if err := gone(keypairs.Delete(ctx, s.compute, found.KeyName, nil).ExtractErr()); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return servers.Delete(ctx, s.compute, id).ExtractErr() })
	group.Go(func() error { return m.sweepGroups(ctx, s) }) // whose ports are gone already
	return group.Wait()
}
