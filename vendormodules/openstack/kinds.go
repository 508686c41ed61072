package openstack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// kind is how resources of one type are shown and removed. A snapshot is a volume to the cloud.
type kind struct {
	of     descriptors.ResourceType
	show   func(ctx context.Context, s *session, id string) (vendormodules.Resource, error)
	remove func(ctx context.Context, s *session, id string) error
}

// kinds of resources, whose services a session has.
func (m *Module) kinds(s *session) []kind {
	all := []kind{{descriptors.Compute, m.showMachine, m.removeMachine}}
	if s.volume != nil {
		all = append(all, kind{descriptors.Volume, m.showVolume, m.removeVolume})
	}
	if s.network != nil {
		all = append(all, kind{descriptors.Network, m.showNetwork, m.removeNetwork})
	}
	if s.balancer != nil {
		all = append(all, kind{descriptors.LoadBalancer, m.showBalancer, m.removeBalancer})
	}
	if s.image != nil {
		all = append(all, kind{descriptors.Image, m.showImage, m.removeImage})
	}
	return all
}

// memory knows of which type an id is, which the cloud's own ids do not say, and how a machine was last seen to be wired.
// What it does not know is asked for.
type memory struct {
	mutex sync.Mutex
	types map[string]descriptors.ResourceType
	wired map[string]wiring
}

func (m *memory) keepWiring(id string, wired wiring) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.wired == nil {
		m.wired = map[string]wiring{}
	}
	m.wired[id] = wired
}

func (m *memory) wiring(id string) (wiring, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	wired, has := m.wired[id]
	return wired, has
}

func (m *memory) keep(resources ...vendormodules.Resource) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.types == nil {
		m.types = map[string]descriptors.ResourceType{}
	}
	for _, one := range resources {
		if one.Type == descriptors.Snapshot {
			one.Type = descriptors.Volume
		}
		m.types[one.ID] = one.Type
	}
}

func (m *memory) forget(id string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.types, id)
	delete(m.wired, id)
}

func (m *memory) of(id string) descriptors.ResourceType {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.types[id]
}

// find shows a resource, and says how its kind is dealt with.
func (m *Module) find(ctx context.Context, s *session, id string) (vendormodules.Resource, kind, error) {
	known := m.memory.of(id)
	var candidates []kind
	for _, one := range m.kinds(s) {
		if known == "" || one.of == known {
			candidates = append(candidates, one)
		}
	}
	found := make([]vendormodules.Resource, len(candidates))
	failures := make([]error, len(candidates))
	var group sync.WaitGroup
	for index, one := range candidates {
		group.Go(func() {
			found[index], failures[index] = one.show(ctx, s, id)
			if errors.Is(translate(failures[index]), vendormodules.ErrInvalid) {
				failures[index] = vendormodules.ErrNotFound // an id of a form that the service has none of
			}
		})
	}
	group.Wait()
	var failure error
	for index, one := range candidates {
		switch err := translate(failures[index]); {
		case err == nil:
			m.memory.keep(found[index])
			return found[index], one, nil
		case !errors.Is(err, vendormodules.ErrNotFound) && !(known == "" && errors.Is(err, vendormodules.ErrAuthentication)):
			failure = errors.Join(failure, err)
		}
	}
	if failure == nil {
		m.memory.forget(id)
		failure = vendormodules.ErrNotFound
	}
	return vendormodules.Resource{}, kind{}, failure
}

// kindOf says how a resource is dealt with, and asks the cloud only if that is not known.
func (m *Module) kindOf(ctx context.Context, s *session, id string) (kind, error) {
	known := m.memory.of(id)
	for _, one := range m.kinds(s) {
		if one.of == known {
			return one, nil
		}
	}
	_, kind, err := m.find(ctx, s, id)
	return kind, err
}

// Get implements vendormodules.Module.
func (m *Module) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	var shown vendormodules.Resource
	err := m.do(ctx, agency.Scope{}, "show "+id, func(s *session) (err error) {
		if key, left := strings.CutPrefix(id, leftPrefix); left {
			shown, err = m.showLeft(ctx, s, key)
			return err
		}
		shown, _, err = m.find(ctx, s, id)
		return err
	})
	return shown, err
}

// Delete implements vendormodules.Module.
func (m *Module) Delete(ctx context.Context, id string) error {
	return m.do(ctx, agency.Scope{}, "delete "+id, func(s *session) error {
		if key, left := strings.CutPrefix(id, leftPrefix); left {
			return m.removeLeft(ctx, s, key)
		}
		kind, err := m.kindOf(ctx, s, id)
		if err != nil {
			return err
		}
		err = kind.remove(ctx, s, id)
		if errors.Is(translate(err), vendormodules.ErrNotFound) {
			m.memory.forget(id)
		}
		return err
	})
}

// List implements vendormodules.Module.
func (m *Module) List(ctx context.Context) ([]vendormodules.Resource, error) {
	var listed []vendormodules.Resource
	err := m.do(ctx, agency.Scope{}, "list", func(s *session) (err error) {
		listed, err = m.list(ctx, s)
		return err
	})
	m.memory.keep(listed...)
	return listed, err
}

// list asks all services at the same time. What one of them cannot tell fails the whole.
func (m *Module) list(ctx context.Context, s *session) ([]vendormodules.Resource, error) {
	var parts [5][]vendormodules.Resource
	var wired wiring
	group, ctx := errgroup.WithContext(ctx)
	fetch := func(what string, has bool, work func() error) {
		if !has {
			return
		}
		group.Go(func() error {
			if err := work(); err != nil {
				return fmt.Errorf("%s: %w", what, translate(err))
			}
			return nil
		})
	}
	var machines []servers.Server
	var balancers []loadbalancers.LoadBalancer
	fetch("servers", true, func() (err error) { machines, err = m.listMachines(ctx, s); return err })
	fetch("ports", s.network != nil, func() (err error) { wired.ports, err = m.listPorts(ctx, s, nil); return err })
	fetch("floating addresses", s.network != nil, func() (err error) { wired.floating, err = listFloating(ctx, s); return err })
	fetch("networks", s.network != nil, func() (err error) { parts[0], err = m.listNetworks(ctx, s); return err })
	fetch("volumes", s.volume != nil, func() (err error) { parts[1], err = m.listVolumes(ctx, s); return err })
	fetch("balancers", s.balancer != nil, func() (err error) { balancers, err = m.listBalancers(ctx, s); return err })
	fetch("images", s.image != nil, func() (err error) { parts[2], err = m.listImages(ctx, s); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	owned := map[string]bool{}
	for _, one := range machines {
		owned[one.Name] = true
		parts[3] = append(parts[3], m.machineResource(one, wired))
	}
	for _, one := range balancers {
		owned[one.Name] = true
		parts[3] = append(parts[3], m.balancerResource(one, wired))
	}
	parts[4] = m.left(wired, owned)
	var all []vendormodules.Resource
	for _, part := range parts {
		all = append(all, part...)
	}
	return all, nil
}
