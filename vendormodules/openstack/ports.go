package openstack

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// wiring is what connects machines and balancers.
type wiring struct {
	// joined are the networks of a machine that is being made, and ports its ports on them, in the same order.
	joined   []place
	ports    []ports.Port
	floating []floatingips.FloatingIP
}

// portQuery is what ports are listed by.
type portQuery struct{ device, key, network string }

// listPorts lists ports of the project; all of them without a query.
func (m *Module) listPorts(ctx context.Context, s *session, query *portQuery) ([]ports.Port, error) {
	options := ports.ListOpts{}
	if query != nil {
		options = ports.ListOpts{DeviceID: query.device, Name: query.key, NetworkID: query.network}
	}
	pages, err := allPages(ctx, ports.List(s.network, options))
	if err != nil {
		return nil, err
	}
	return ports.ExtractPorts(pages)
}

func listFloating(ctx context.Context, s *session) ([]floatingips.FloatingIP, error) {
	pages, err := allPages(ctx, floatingips.List(s.network, floatingips.ListOpts{}))
	if err != nil {
		return nil, err
	}
	return floatingips.ExtractFloatingIPs(pages)
}

// wiringFor is what a query finds, with all of the project's floating addresses, which are few.
func (m *Module) wiringFor(ctx context.Context, s *session, query portQuery) (wiring, error) {
	var wired wiring
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		wired.ports, err = m.listPorts(ctx, s, &query)
		return err
	})
	group.Go(func() (err error) {
		wired.floating, err = listFloating(ctx, s)
		return err
	})
	return wired, group.Wait()
}

// own is without the floating addresses of others' ports.
func (w wiring) own() wiring {
	w.floating = slices.DeleteFunc(w.floating, func(one floatingips.FloatingIP) bool {
		return !slices.ContainsFunc(w.ports, func(port ports.Port) bool { return port.ID == one.PortID })
	})
	return w
}

// addresses of those ports that are meant, public ones first.
func (w wiring) addresses(meant func(device, name string) bool) []vendormodules.Address {
	var found []vendormodules.Address
	for _, port := range w.ports {
		if !meant(port.DeviceID, port.Name) {
			continue
		}
		on := readDescription(port.Name, port.Description).On
		for _, fixed := range port.FixedIPs {
			address := vendormodules.Address{Address: fixed.IPAddress, Public: on == onPublic}
			if on == onMember {
				address.Network = port.NetworkID
			}
			found = append(found, address)
		}
		for _, floating := range w.floating {
			if floating.PortID == port.ID {
				found = append(found, vendormodules.Address{Address: floating.FloatingIP, Public: true})
			}
		}
	}
	slices.SortStableFunc(found, publicFirst)
	return found
}

// wire makes the ports of a machine, in the group of its class, and its floating address. Those that an earlier try made
// are taken.
func (m *Module) wire(ctx context.Context, s *session, request vendormodules.Request) (wiring, error) {
	joined, err := m.joined(ctx, s, request.Networks)
	if err != nil {
		return wiring{}, err
	}
	wired := wiring{joined: joined}
	err = m.inGroup(ctx, s, request, func(groups []string) (err error) {
		wired.ports, err = m.makePorts(ctx, s, request, joined, groups)
		return err
	})
	if err != nil || !m.wantsFloating(request) {
		return wired, err
	}
	one, err := m.makeFloating(ctx, s, identityOf(request), wired.ports[0])
	if err == nil && one != nil {
		wired.floating = append(wired.floating, *one)
	}
	return wired, err
}

func (m *Module) makePorts(ctx context.Context, s *session, request vendormodules.Request, joined []place, groups []string) ([]ports.Port, error) {
	existing, err := m.listPorts(ctx, s, &portQuery{key: request.Key})
	if err != nil {
		return nil, err
	}
	made := make([]ports.Port, 0, len(joined))
	for _, on := range joined {
		index := slices.IndexFunc(existing, func(one ports.Port) bool { return one.NetworkID == on.id })
		if index >= 0 {
			made = append(made, existing[index])
			continue
		}
		of := identityOf(request)
		of.On = on.on
		options := ports.CreateOpts{NetworkID: on.id, Name: request.Key, Description: of.describe()}
		if groups != nil {
			options.SecurityGroups = &groups
		}
		port, err := ports.Create(ctx, s.network, options).Extract()
		if err != nil {
			return made, err
		}
		made = append(made, *port)
	}
	return made, nil
}

// public is when a machine may have a public address: in no network of the agency's it has that of the project's network,
// which may be an external one.
func (f floating) public() []sla.Public {
	switch f {
	case floatingAlways:
		return []sla.Public{sla.PublicAlways}
	case floatingNever:
		return []sla.Public{sla.PublicAlone}
	}
	return []sla.Public{sla.PublicAlone, sla.PublicAsked}
}

// wantsFloating says whether a machine is to be reached from outside.
func (m *Module) wantsFloating(request vendormodules.Request) bool {
	switch m.configuration.FloatingAddresses {
	case floatingAlways:
		return true
	case floatingNever:
		return false
	}
	asked := func(rule vendormodules.Rule) bool { return rule.From.IsValid() }
	return len(request.Class.Ports) > 0 || slices.ContainsFunc(request.Rules, asked)
}

// makeFloating gives a port a floating address, unless it has one or is on the outside anyway. It is nil where there is no
// network to take one from.
func (m *Module) makeFloating(ctx context.Context, s *session, of identity, port ports.Port) (*floatingips.FloatingIP, error) {
	known, _, err := m.places.Get(ctx)
	if err != nil || known.external.id == "" || known.external.id == port.NetworkID {
		return nil, err
	}
	existing, err := listFloating(ctx, s)
	if err != nil {
		return nil, err
	}
	if index := slices.IndexFunc(existing, func(one floatingips.FloatingIP) bool { return one.PortID == port.ID }); index >= 0 {
		return &existing[index], nil
	}
	return floatingips.Create(ctx, s.network, floatingips.CreateOpts{
		FloatingNetworkID: known.external.id, PortID: port.ID, Description: of.describeKey(),
	}).Extract()
}

// unwire removes what was made for a machine or balancer beside itself, all of which bears its key.
func (m *Module) unwire(ctx context.Context, s *session, of identity) error {
	if s.network == nil {
		return nil
	}
	wired, err := m.wiringFor(ctx, s, portQuery{key: of.Key})
	if err != nil {
		return err
	}
	for _, one := range wired.floating {
		if its := readDescription("", one.Description); m.ours(its) && its.Key == of.Key {
			err = errors.Join(err, gone(floatingips.Delete(ctx, s.network, one.ID).ExtractErr()))
		}
	}
	for _, port := range wired.ports {
		if m.ours(readDescription(port.Name, port.Description)) {
			err = errors.Join(err, gone(ports.Delete(ctx, s.network, port.ID).ExtractErr()))
		}
	}
	return err
}

// leftPrefix begins the id of what an interrupted create left of a machine; the key follows.
const leftPrefix = "left-"

// leftAfter is how long after it was made a port may wait for its server.
const leftAfter = 2 * time.Minute

// left shows what belongs to a key that nothing was made for in the end.
func (m *Module) left(wired wiring, owned map[string]bool) []vendormodules.Resource {
	found := map[string]vendormodules.Resource{}
	note := func(of identity, created time.Time) {
		if !m.ours(of) || owned[of.Key] || m.environment.Now().Sub(created) < leftAfter {
			return
		}
		resource := of.resource(leftPrefix + of.Key)
		resource.Type, resource.State, resource.Created = descriptors.Compute, vendormodules.ResourceError, created.UTC()
		resource.Fault = "its creation was cut short: there are ports or addresses, and no server"
		if _, noted := found[of.Key]; !noted {
			found[of.Key] = resource
		}
	}
	for _, port := range wired.ports {
		if of := readDescription(port.Name, port.Description); of.On != "" {
			note(of, port.CreatedAt)
		}
	}
	for _, one := range wired.floating {
		note(readDescription("", one.Description), one.CreatedAt)
	}
	var all []vendormodules.Resource
	for _, resource := range found {
		all = append(all, resource)
	}
	return all
}

// showLeft shows what is left of a key.
func (m *Module) showLeft(ctx context.Context, s *session, key string) (vendormodules.Resource, error) {
	listed, err := m.list(ctx, s)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	index := slices.IndexFunc(listed, func(one vendormodules.Resource) bool { return one.ID == leftPrefix+key })
	if index < 0 {
		return vendormodules.Resource{}, vendormodules.ErrNotFound
	}
	return listed[index], nil
}

// removeLeft removes what is left of a key.
func (m *Module) removeLeft(ctx context.Context, s *session, key string) error {
	if _, err := m.showLeft(ctx, s, key); err != nil {
		return err
	}
	if err := m.unwire(ctx, s, identity{Key: key}); err != nil {
		return err
	}
	if err := gone(keypairs.Delete(ctx, s.compute, key, nil).ExtractErr()); err != nil {
		return err
	}
	return m.sweepGroups(ctx, s)
}
