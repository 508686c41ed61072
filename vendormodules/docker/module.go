package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	"github.com/cloud-agency/agency/vendormodules/services"
)

const kindName = "docker"

// version of the module, and the oldest of the API that it needs.
const version = "1 (Engine API 1.41)"

// Kind is the module's kind.
func Kind() vendormodules.Kind {
	return vendormodules.Kind{
		Name: kindName,
		Check: func(node *yaml.Node) error {
			_, err := configure(node)
			return err
		},
		New: func(_ context.Context, node *yaml.Node, environment vendormodules.Environment) (vendormodules.Module, error) {
			return New(node, environment)
		},
		Open: func(ctx context.Context, node *yaml.Node, environment vendormodules.Environment) (vendormodules.Module, error) {
			return Open(ctx, node, environment)
		},
	}
}

// Module is the engines of one vendor.
type Module struct {
	configuration configuration
	environment   vendormodules.Environment
	hosts         []*host
	program       program
	// shelves are the hosts' images and capacities, as they were a moment ago.
	shelves *catalogue.Cache[[]shelf]
	// placing holds a token while nobody gives out addresses and room.
	placing chan struct{}
	// tuning holds one while nobody changes a balancer.
	tuning chan struct{}
	copies copies
	closed atomic.Bool
	// fixed says that an engine cannot change the size of a container, as far as was asked.
	fixed bool
}

// New makes a module of a configuration. It speaks to no engine before the first call.
func New(node *yaml.Node, environment vendormodules.Environment) (*Module, error) {
	configuration, err := configure(node)
	if err != nil {
		return nil, err
	}
	if environment.Now == nil {
		environment.Now = time.Now
	}
	m := &Module{
		configuration: configuration, environment: environment, placing: make(chan struct{}, 1), tuning: make(chan struct{}, 1),
	}
	m.placing <- struct{}{}
	m.tuning <- struct{}{}
	m.program.path = configuration.Program
	if m.program.path == "" {
		m.program.path = environment.Program
	}
	for _, one := range configuration.Hosts {
		m.hosts = append(m.hosts, newHost(one, m.credentialFor(one), environment.Now))
	}
	m.shelves = catalogue.NewCache(m.fetchShelves, catalogue.CacheOptions{Keep: shelfAge, Now: environment.Now})
	return m, nil
}

// credentialFor is how a host's credential is found: none for a socket of this machine.
func (m *Module) credentialFor(of hostConfiguration) func(context.Context) (services.Credential, error) {
	if scheme(of.Endpoint) == "unix" {
		return func(context.Context) (services.Credential, error) { return nil, nil }
	}
	return func(ctx context.Context) (services.Credential, error) {
		return m.credential(ctx, services.Scope{Vendor: m.environment.Vendor})
	}
}

func (m *Module) credential(ctx context.Context, scope services.Scope) (services.Credential, error) {
	if m.environment.Credentials == nil {
		return nil, services.ErrNoCredential
	}
	credential, err := m.environment.Credentials.Credential(ctx, scope)
	if errors.Is(err, services.ErrNoCredential) {
		err = fmt.Errorf("%w: %w", vendormodules.ErrAuthentication, err)
	}
	return credential, err
}

// Describe implements vendormodules.Module.
func (m *Module) Describe() vendormodules.Description {
	c := m.configuration
	description := vendormodules.Description{
		Kind: kindName, Version: version, Region: c.Region, Country: c.Country, Types: slices.Clone(c.Types), Images: c.Images.Names(),
		// Of one engine's resources no two have one name. Of several engines two might both be asked.
		CreateToken: len(m.hosts) == 1, Public: c.public(),
		Notes: []string{
			"isolation: containers share their host's kernel, and those in no network see each other",
			"no rules: whoever reaches a machine reaches all of its ports; a private network lets nobody in from outside",
			"the size of a volume is not enforced",
			"attach: a volume cannot be attached to a container that exists, nor detached from it",
			"user data lies in the file /user-data; keys, in /root/.ssh/authorized_keys: only an image with cloud-init or an SSH server uses them",
		},
	}
	if fields := c.credentialFields(); len(fields) > 0 {
		description.Credentials = map[descriptors.ResourceType][]vendormodules.CredentialField{}
		for _, kind := range c.Types {
			description.Credentials[kind] = fields
		}
	}
	if m.fixed {
		description.Notes = append(description.Notes, "resize: an engine has no call to update a container")
	}
	if len(m.hosts) > 1 {
		description.Notes = append(description.Notes,
			"several hosts: a network is at one of them, and so are the machines in it, also where they should be apart")
	}
	return description
}

var (
	_ vendormodules.Module      = (*Module)(nil)
	_ vendormodules.Wrapper     = (*Module)(nil)
	_ vendormodules.Power       = (*Module)(nil)
	_ vendormodules.Balancer    = (*Module)(nil)
	_ vendormodules.Meter       = (*Module)(nil)
	_ vendormodules.Console     = (*Module)(nil)
	_ vendormodules.Executor    = (*Module)(nil)
	_ vendormodules.Files       = (*Module)(nil)
	_ vendormodules.Snapshotter = (*Module)(nil)
	_ vendormodules.Imager      = (*Module)(nil)
	_ vendormodules.Resizer     = (*Module)(nil)
	_ vendormodules.Catalogue   = (*Module)(nil)

	_ vendormodules.CredentialChecker = (*Module)(nil)
)

var errClosed = errors.New("docker: the module is closed")

// begin refuses calls whose context has ended, or that come after Close.
func (m *Module) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.closed.Load() {
		return errClosed
	}
	return nil
}

// Close implements vendormodules.Module.
func (m *Module) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	var all error
	for _, one := range m.hosts {
		all = errors.Join(all, one.Close())
	}
	return all
}
