package libvirt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/digitalocean/go-libvirt"
	"golang.org/x/sync/errgroup"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	"github.com/cloud-agency/agency/vendormodules/libvirt/link"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// host is one of the module's, with its daemon.
type host struct {
	name    string
	address link.Address
	link    *link.Link
	agency  string
	pool    string
	facts   *catalogue.Cache[facts]
}

// factsFor is how long what a host says of itself holds.
const factsFor = time.Minute

func newHost(name string, address link.Address, of *Module) *host {
	h := &host{name: name, address: address, agency: of.agency, pool: of.configuration.Pool}
	h.link = link.New(address, func(ctx context.Context) (link.Identity, error) {
		return of.identity(ctx, address, services.Scope{Vendor: of.vendor})
	})
	h.facts = catalogue.NewCache(h.learn, catalogue.CacheOptions{Keep: factsFor, Now: of.now})
	return h
}

func (h *host) call(ctx context.Context, do func(daemon *libvirt.Libvirt) error) error {
	if err := h.link.Call(ctx, do); err != nil {
		return fmt.Errorf("host %s: %w", h.name, err)
	}
	return nil
}

// facts are what a host has, whether in use or not.
type facts struct {
	capabilities libvirtxml.Caps
	cores        int
	// memory and storage in bytes.
	memory, storage uint64
}

func (h *host) learn(ctx context.Context) (facts, error) {
	var known facts
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		text, err := daemon.ConnectGetCapabilities()
		if err != nil {
			return err
		}
		if err := known.capabilities.Unmarshal(text); err != nil {
			return err
		}
		_, kibibytes, cores, _, _, _, _, _, err := daemon.NodeGetInfo()
		if err != nil {
			return err
		}
		known.cores, known.memory = int(cores), kibibytes*1024
		pool, err := daemon.StoragePoolLookupByName(h.pool)
		if err != nil {
			return err
		}
		_, known.storage, _, _, err = daemon.StoragePoolGetInfo(pool)
		return err
	})
	return known, err
}

// machine is a domain of the agency's.
type machine struct {
	domain     libvirt.Domain
	state      libvirt.DomainState
	definition libvirtxml.Domain
	metadata   metadata
}

func (m machine) active() bool {
	return m.state != libvirt.DomainShutoff && m.state != libvirt.DomainCrashed && m.state != libvirt.DomainNostate
}

// look reads one domain; errNotOurs if it is nobody's or somebody else's.
func (h *host) look(daemon *libvirt.Libvirt, domain libvirt.Domain) (machine, error) {
	found := machine{domain: domain}
	state, _, err := daemon.DomainGetState(domain, 0)
	if err != nil {
		return machine{}, err
	}
	found.state = libvirt.DomainState(state)
	text, err := daemon.DomainGetXMLDesc(domain, 0)
	if err != nil {
		return machine{}, err
	}
	if err := found.definition.Unmarshal(text); err != nil {
		return machine{}, fmt.Errorf("definition of %s: %w", domain.Name, err)
	}
	if found.definition.Metadata == nil {
		return found, errNotOurs
	}
	var ours bool
	if found.metadata, ours = findMetadata(found.definition.Metadata.XML); !ours || found.metadata.Agency != h.agency {
		return found, errNotOurs
	}
	return found, nil
}

// machine finds the machine of a key.
func (h *host) machine(ctx context.Context, key string) (machine, error) {
	var found machine
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		domain, err := daemon.DomainLookupByUUID(uuid(key))
		if err == nil {
			found, err = h.look(daemon, domain)
		}
		return err
	})
	if errors.Is(err, errNotOurs) {
		err = errors.Join(err, vendormodules.ErrNotFound)
	}
	return found, err
}

// atOnce is how many questions a listing asks a host at the same time.
const atOnce = 8

// domains are all that a host has. Those that are not ours have no metadata.
func (h *host) domains(ctx context.Context) ([]machine, error) {
	var all []machine
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		domains, _, err := daemon.ConnectListAllDomains(1, 0)
		if err != nil {
			return err
		}
		var mutex sync.Mutex
		var group errgroup.Group
		group.SetLimit(atOnce)
		for _, one := range domains {
			group.Go(func() error {
				found, err := h.look(daemon, one)
				switch {
				case answers(err, libvirt.ErrNoDomain): // gone meanwhile
					return nil
				case err != nil && !errors.Is(err, errNotOurs):
					return err
				case err != nil:
					found.metadata = metadata{}
				}
				mutex.Lock()
				defer mutex.Unlock()
				all = append(all, found)
				return nil
			})
		}
		return group.Wait()
	})
	return all, err
}

// network is one of libvirt's.
type network struct {
	network    libvirt.Network
	definition libvirtxml.Network
	active     bool
	// metadata is zero where the network is not ours.
	metadata metadata
}

func (h *host) lookNetwork(daemon *libvirt.Libvirt, of libvirt.Network) (network, error) {
	found := network{network: of}
	active, err := daemon.NetworkIsActive(of)
	if err != nil {
		return network{}, err
	}
	found.active = active != 0
	text, err := daemon.NetworkGetXMLDesc(of, 0)
	if err != nil {
		return network{}, err
	}
	if err := xml.Unmarshal([]byte(text), &found.definition); err != nil {
		return network{}, fmt.Errorf("definition of %s: %w", of.Name, err)
	}
	if found.definition.Metadata != nil {
		if read, ours := findMetadata(found.definition.Metadata.XML); ours && read.Agency == h.agency {
			found.metadata = read
		}
	}
	return found, nil
}

// network finds the network of a key.
func (h *host) network(ctx context.Context, key string) (network, error) {
	var found network
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		of, err := daemon.NetworkLookupByUUID(uuid(key))
		if err == nil {
			found, err = h.lookNetwork(daemon, of)
		}
		return err
	})
	if err == nil && found.metadata.Key == "" {
		err = errors.Join(errNotOurs, vendormodules.ErrNotFound)
	}
	return found, err
}

// networks are all that a host has.
func (h *host) networks(ctx context.Context) ([]network, error) {
	var all []network
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		networks, _, err := daemon.ConnectListAllNetworks(1, 0)
		if err != nil {
			return err
		}
		for _, one := range networks {
			found, err := h.lookNetwork(daemon, one)
			if answers(err, libvirt.ErrNoNetwork) { // gone meanwhile
				continue
			}
			if err != nil {
				return err
			}
			all = append(all, found)
		}
		return nil
	})
	return all, err
}
