package openstack

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	"github.com/cloud-agency/agency/vendormodules/remote"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

const (
	kindName = "openstack"
	// version of the module, and of the APIs it speaks: those of Zed, and older ones as far as they go.
	version = "1"
)

// settle is how long a listing may miss what was just created: Nova's API answers from one database, which replicas of it
// and its cells follow.
const settle = quantity.Duration(10 * time.Second)

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
	}
}

var (
	_ vendormodules.Module            = (*Module)(nil)
	_ vendormodules.Wrapper           = (*Module)(nil)
	_ vendormodules.Power             = (*Module)(nil)
	_ vendormodules.Attacher          = (*Module)(nil)
	_ vendormodules.Balancer          = (*Module)(nil)
	_ vendormodules.Meter             = (*Module)(nil)
	_ vendormodules.Console           = (*Module)(nil)
	_ vendormodules.Snapshotter       = (*Module)(nil)
	_ vendormodules.Imager            = (*Module)(nil)
	_ vendormodules.Resizer           = (*Module)(nil)
	_ vendormodules.Catalogue         = (*Module)(nil)
	_ vendormodules.CredentialChecker = (*Module)(nil)
)

// Module is one project of an OpenStack.
type Module struct {
	configuration configuration
	environment   vendormodules.Environment
	sessions      *sessions
	closed        atomic.Bool

	flavors *catalogue.Cache[[]vendormodules.Flavor]
	images  *catalogue.Cache[[]vendormodules.Image]
	places  *catalogue.Cache[places]
	quotas  *catalogue.Cache[vendormodules.Usage]
	// grouping is held by whoever changes security groups, or makes a port in one: a group of no use is deleted.
	grouping chan struct{}
	memory   memory
	// access is the way into machines.
	access *remote.Access
}

// How long what seldom changes at a cloud is remembered.
const (
	keepFlavors = 5 * time.Minute
	keepImages  = time.Minute
	keepPlaces  = 5 * time.Minute
	keepQuotas  = time.Minute
)

// New makes a module. It asks the cloud nothing yet.
func New(node *yaml.Node, environment vendormodules.Environment) (*Module, error) {
	configuration, err := configure(node)
	if err != nil {
		return nil, err
	}
	if environment.Now == nil {
		environment.Now = time.Now
	}
	m := &Module{
		configuration: configuration, environment: environment, sessions: newSessions(), grouping: make(chan struct{}, 1),
	}
	m.access = remote.Open(environment.Directory, remote.Shown(m.Get))
	keep := func(length time.Duration) catalogue.CacheOptions {
		return catalogue.CacheOptions{Keep: length, Now: environment.Now}
	}
	m.flavors = catalogue.NewCache(m.fetchFlavors, keep(keepFlavors))
	m.images = catalogue.NewCache(m.fetchImages, keep(keepImages))
	m.places = catalogue.NewCache(m.fetchPlaces, keep(keepPlaces))
	m.quotas = catalogue.NewCache(m.fetchQuotas, keep(keepQuotas))
	return m, nil
}

// Describe implements vendormodules.Module.
func (m *Module) Describe() vendormodules.Description {
	c := m.configuration
	description := vendormodules.Description{
		Kind: kindName, Version: version, Region: c.Region, Country: c.Country, Types: slices.Clone(c.Types),
		Isolation: *c.SecurityGroups, Settle: settle,
		Public: map[descriptors.ResourceType][]sla.Public{descriptors.Compute: c.FloatingAddresses.public()},
		Notes: []string{
			"machines that are to be apart are on different hosts as far as there are hosts",
			"a snapshot is a volume of its own, and costs as much",
		},
	}
	if !c.SSH {
		description.Notes = append(description.Notes, remote.Closed)
	}
	if !*c.SecurityGroups {
		description.Notes = append(description.Notes, "no rules: the cloud is said to have no security groups")
	}
	if fields := c.credentialFields(); len(fields) > 0 {
		description.Credentials = map[descriptors.ResourceType][]vendormodules.CredentialField{}
		for _, kind := range c.Types {
			description.Credentials[kind] = slices.Clone(fields)
		}
	}
	return description
}

// Abilities implements vendormodules.Wrapper: what the configuration offers no type for, the module is not able to do.
func (m *Module) Abilities() vendormodules.Abilities {
	all := vendormodules.Abilities{Meter: m, Credentials: m, Resizer: m}
	machines := m.configuration.offers(descriptors.Compute)
	if machines {
		all.Power, all.Console, all.Imager, all.Catalogue = m, m, m, m
	}
	if machines && m.configuration.SSH {
		all.Executor, all.Files = m.access, m.access
	}
	if m.configuration.offers(descriptors.Volume) {
		all.Snapshotter = m
		if machines {
			all.Attacher = m
		}
	}
	if m.configuration.offers(descriptors.LoadBalancer) {
		all.Balancer = m
	}
	return all
}

// Close implements vendormodules.Module.
func (m *Module) Close() error {
	m.closed.Store(true)
	return nil
}

// whole is the session of the vendor's own credential.
func (m *Module) whole(ctx context.Context) (*session, error) {
	return m.session(ctx, agency.Scope{Vendor: m.environment.Vendor})
}

// do runs one call of the contract with a session of its scope, and says what was being done where that fails.
func (m *Module) do(ctx context.Context, scope agency.Scope, what string, work func(*session) error) error {
	scope.Vendor = m.environment.Vendor
	session, err := m.session(ctx, scope)
	if err == nil {
		err = work(session)
	}
	if err != nil {
		return fmt.Errorf("openstack: %s: %w", what, translate(err))
	}
	return nil
}

// Create implements vendormodules.Module.
func (m *Module) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	var made vendormodules.Resource
	scope := agency.Scope{Class: request.Tags.Class, Agreement: request.Tags.Agreement}
	err := m.do(ctx, scope, fmt.Sprintf("create %s %s", request.Class.Type, request.Key), func(s *session) (err error) {
		request.Class = request.Class.WithDefaults()
		switch request.Class.Type {
		case descriptors.Compute, descriptors.Cluster:
			made, err = m.createMachine(ctx, s, request)
		case descriptors.Volume:
			made, err = m.createVolume(ctx, s, request)
		case descriptors.Network:
			made, err = m.createNetwork(ctx, s, request)
		case descriptors.LoadBalancer:
			made, err = m.createBalancer(ctx, s, request)
		default:
			err = fmt.Errorf("nothing here is of type %q: %w", request.Class.Type, vendormodules.ErrUnsupported)
		}
		return err
	})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	m.memory.keep(made)
	return made, nil
}

// needs says that the cloud lacks a service.
func needs(found bool, name service) error {
	if found {
		return nil
	}
	return fmt.Errorf("the cloud has no %s service here: %w", name, vendormodules.ErrUnsupported)
}

// ours says whether a thing is this agency's. What is not is never shown, and so never deleted.
func (m *Module) ours(of identity) bool {
	return of.Tags.Agency != "" && of.Tags.Agency == m.environment.Agency
}
