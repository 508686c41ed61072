package docker

import (
	"context"
	"strconv"
	"time"

	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// shelfAge is how long what a host has is taken to be as it was.
const shelfAge = 5 * time.Second

// shelf is what a host has to offer.
type shelf struct {
	images []catalogue.Image
	// largest is the most that one container can have, capacity what all can have together.
	largest, capacity vendormodules.Usage
	architecture      string
}

// Where the configuration says nothing, cores are given out several times over, for machines are mostly idle.
const (
	defaultMachines = 64
	coresOvercommit = 4
)

func (m *Module) fetchShelves(ctx context.Context) ([]shelf, error) {
	return each(ctx, m.hosts, func(ctx context.Context, at *host) (shelf, error) { return at.shelf(ctx) })
}

func (h *host) shelf(ctx context.Context) (shelf, error) {
	engine, err := h.connect(ctx)
	if err != nil {
		return shelf{}, err
	}
	about, err := engine.Info(ctx, client.InfoOptions{})
	if err != nil {
		return shelf{}, failed(err, "ask %s what it has", h.Endpoint)
	}
	images, err := engine.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return shelf{}, failed(err, "list the images at %s", h.Endpoint)
	}
	filled := shelf{
		architecture: catalogue.Architecture(about.Info.Architecture),
		largest:      vendormodules.Usage{Cores: about.Info.NCPU, Memory: quantity.Bytes(about.Info.MemTotal)},
		capacity: vendormodules.Usage{
			Instances: h.Capacity.Machines, Cores: h.Capacity.Cores, Memory: h.Capacity.Memory, Storage: h.Capacity.Storage,
		},
	}
	if filled.capacity.Instances == 0 {
		filled.capacity.Instances = defaultMachines
	}
	if filled.capacity.Cores == 0 {
		filled.capacity.Cores = coresOvercommit * about.Info.NCPU
	}
	if filled.capacity.Memory == 0 {
		filled.capacity.Memory = filled.largest.Memory
	}
	for _, one := range images.Items {
		for _, tag := range one.RepoTags {
			if one.Labels[labelType] == "" { // ours are found by their id alone
				filled.images = append(filled.images, catalogue.Image{
					ID: tag, Name: plainName(tag), Architecture: filled.architecture, Created: time.Unix(one.Created, 0),
				})
			}
		}
	}
	return filled, nil
}

// stock is what the hosts have, for a call of the contract.
func (m *Module) stock(ctx context.Context, call string) ([]shelf, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	shelves, _, err := m.shelves.Get(ctx)
	return shelves, failed(err, "%s", call)
}

// Capacity implements vendormodules.Module: that of all hosts together.
func (m *Module) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	shelves, err := m.stock(ctx, "capacity")
	if err != nil {
		return vendormodules.Usage{}, err
	}
	var sum vendormodules.Usage
	unlimited := false
	for _, one := range shelves {
		sum = sum.Plus(one.capacity)
		unlimited = unlimited || one.capacity.Storage == 0
	}
	if unlimited {
		sum.Storage = 0
	}
	return sum, nil
}

// Quote implements vendormodules.Module.
func (m *Module) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	if err := m.begin(ctx); err != nil {
		return vendormodules.Quote{}, err
	}
	if refusal := m.configuration.Refuse(class, false); refusal != nil {
		return vendormodules.Quote{}, *refusal
	}
	class = class.WithDefaults()
	switch {
	case class.Type == descriptors.LoadBalancer:
		if err := m.program.check(); err != nil {
			return vendormodules.Quote{}, sla.Refusal{Code: sla.RefusedUnsupported, Message: err.Error()}
		}
	case class.Type.RunsMachines():
		if err := m.refuseMachine(ctx, class); err != nil {
			return vendormodules.Quote{}, err
		}
	}
	return m.configuration.Quote(class, catalogue.Sized(class.Cores, class.Memory))
}

// refuseMachine says why no host serves a class; nil if one does.
func (m *Module) refuseMachine(ctx context.Context, class descriptors.Class) error {
	shelves, _, err := m.shelves.Get(ctx)
	if err != nil {
		return failed(err, "quote")
	}
	if _, err := m.resolve(class, shelves); err != nil {
		return err
	}
	var refusal *sla.Refusal
	for _, one := range shelves {
		switch {
		case class.Architecture != "" && class.Architecture != one.architecture:
			refusal = catalogue.Unsupported("architecture", class.Architecture, []string{one.architecture})
		case class.Cores > one.largest.Cores:
			refusal = catalogue.TooLarge("cores", strconv.Itoa(class.Cores), strconv.Itoa(one.largest.Cores))
		case class.Memory > one.largest.Memory:
			refusal = catalogue.TooLarge("memory", class.Memory.String(), one.largest.Memory.String())
		default:
			return nil
		}
	}
	return *refusal
}
