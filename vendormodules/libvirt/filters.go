package libvirt

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalocean/go-libvirt"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/vendormodules"
)

// busyFilters is what whoever changes filters locks: each is made of all machines that there are.
const busyFilters = "filters"

// filterName is that of the filter which keeps the rules of a class of a deployment. It is of what libvirt's schema lets
// names be of; tags are told apart by a full stop, which stands in none of them.
func filterName(tags vendormodules.Tags) string {
	return filterPrefix(tags.Agency) + filterPart(tags.Deployment) + "." + filterPart(tags.Class)
}

// filterPrefix is how the names of all filters of an agency begin.
func filterPrefix(agency string) string { return "cloud-agency." + filterPart(agency) + "." }

func filterPart(tag string) string {
	var part strings.Builder
	for _, one := range []byte(tag) {
		if one == '-' || '0' <= one && one <= '9' || 'a' <= one && one <= 'z' || 'A' <= one && one <= 'Z' {
			part.WriteByte(one)
		} else {
			fmt.Fprintf(&part, ":%02x", one)
		}
	}
	return part.String()
}

// letIn makes the filters of a deployment let in what the rules of its classes say, at all hosts: those of a class are the
// rules of its newest machine. Machines of a class that may come in do so by the hardware addresses of their cards, so that
// each new machine changes the filters of those that let its class in.
func (m *Module) letIn(ctx context.Context, deployment string) error {
	unlock, err := m.busy.lock(ctx, busyFilters)
	if err != nil {
		return err
	}
	defer unlock()
	here := make([][]machine, len(m.hosts))
	group, groupCtx := errgroup.WithContext(ctx)
	for index, one := range m.hosts {
		group.Go(func() (err error) {
			here[index], err = one.domains(groupCtx)
			here[index] = slices.DeleteFunc(here[index], func(found machine) bool {
				return found.metadata.Key == "" || found.metadata.Deployment != deployment
			})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	members, newest := map[string][]string{}, map[string]machine{}
	for _, one := range slices.Concat(here...) {
		class := one.metadata.Class
		members[class] = append(members[class], one.cards()...)
		if known, has := newest[class]; !has || one.younger(known) {
			newest[class] = one
		}
	}
	for _, cards := range members {
		slices.Sort(cards) // for a filter that says the same in another order is another
	}
	for index, one := range m.hosts {
		for _, class := range classesOf(here[index]) {
			if err := one.defineFilter(ctx, newest[class].metadata, members); err != nil {
				return err
			}
		}
	}
	return nil
}

// classesOf are the classes of machines, each once.
func classesOf(machines []machine) []string {
	var classes []string
	for _, one := range machines {
		classes = append(classes, one.metadata.Class)
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// cards are the hardware addresses of a machine's network cards, but for that on the network where machines see none of
// each other.
func (m machine) cards() []string {
	var addresses []string
	if m.definition.Devices == nil {
		return nil
	}
	for _, card := range m.definition.Devices.Interfaces {
		if card.MAC != nil && (card.PortOptions == nil || card.PortOptions.Isolated != "yes") {
			addresses = append(addresses, card.MAC.Address)
		}
	}
	return addresses
}

// younger says whether a machine was made after another.
func (m machine) younger(other machine) bool {
	return cmp.Or(m.metadata.Created.Compare(other.metadata.Created), strings.Compare(m.metadata.Key, other.metadata.Key)) > 0
}

// defineFilter defines the filter of a class, or changes it, also for the machines that run. One that is the same already
// the daemon leaves as it is.
func (h *host) defineFilter(ctx context.Context, of metadata, members map[string][]string) error {
	text, err := filterDefinition(filterName(of.label().Tags), of.rules(), members)
	if err != nil {
		return err
	}
	return h.call(ctx, func(daemon *libvirt.Libvirt) error {
		if _, err := daemon.NwfilterDefineXML(text); err != nil {
			return fmt.Errorf("keep the rules of %s (a host that cannot wants \"rules: false\"): %w", of.Class, err)
		}
		return nil
	})
}

// sweepFilters removes the agency's filters at a host that no machine is behind any more.
func (m *Module) sweepFilters(ctx context.Context, where *host) error {
	unlock, err := m.busy.lock(ctx, busyFilters)
	if err != nil {
		return err
	}
	defer unlock()
	machines, err := where.domains(ctx)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, one := range machines {
		used[filterName(one.metadata.label().Tags)] = true
	}
	return where.call(ctx, func(daemon *libvirt.Libvirt) error {
		filters, _, err := daemon.ConnectListAllNwfilters(1, 0)
		if answers(err, libvirt.ErrNoSupport) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, one := range filters {
			if used[one.Name] || !strings.HasPrefix(one.Name, filterPrefix(where.agency)) {
				continue
			}
			err := daemon.NwfilterUndefine(one)
			if err != nil && !answers(err, libvirt.ErrNoNwfilter, libvirt.ErrOperationInvalid) { // gone, or used by others
				return err
			}
		}
		return nil
	})
}
