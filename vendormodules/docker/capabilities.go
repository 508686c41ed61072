package docker

import (
	"context"
	"errors"
	"strings"

	"github.com/moby/moby/client"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules"
)

// Open makes a module like New, connects to its engines, and leaves out what one of them says that it cannot do. A module
// of New has all abilities, and where an engine lacks one, using it is ErrUnsupported.
func Open(ctx context.Context, node *yaml.Node, environment vendormodules.Environment) (*Module, error) {
	m, err := New(node, environment)
	if err != nil {
		return nil, err
	}
	for _, one := range m.hosts {
		fixed, err := one.fixesSizes(ctx)
		if err != nil {
			return nil, errors.Join(failed(err, "ask %s what it can do", one.Endpoint), m.Close())
		}
		m.fixed = m.fixed || fixed
	}
	return m, nil
}

// fixesSizes says whether containers keep the size that they are made with, as Podman's do before it took over Docker's
// call to update them. It is called for one that does not exist, which changes nothing.
func (h *host) fixesSizes(ctx context.Context) (bool, error) {
	engine, err := h.connect(ctx)
	if err != nil {
		return false, err
	}
	_, err = engine.ContainerUpdate(ctx, "agency-no-such-machine", client.ContainerUpdateOptions{})
	return lacksUpdate(err), nil
}

// lacksUpdate says whether it is the call that an engine does not find, and not the container.
func lacksUpdate(err error) bool {
	return err != nil && meaning(err) == vendormodules.ErrNotFound && //nolint:errorlint // a sentinel by itself
		!strings.Contains(strings.ToLower(err.Error()), "no such container")
}

// Abilities implements vendormodules.Wrapper: everything, but for what Open found that an engine lacks.
func (m *Module) Abilities() vendormodules.Abilities {
	abilities := vendormodules.Abilities{
		Power: m, Balancer: m, Meter: m, Console: m, Executor: m, Files: m, Snapshotter: m, Imager: m, Catalogue: m,
		Credentials: m,
	}
	if !m.fixed {
		abilities.Resizer = m
	}
	return abilities
}
