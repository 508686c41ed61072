package vsphere

import (
	"context"
	"sync"
	"sync/atomic"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

const (
	kindName = "vsphere"
	// version of the module, and of the API that it speaks.
	version = "1, vSphere API 7.0"
)

// The fields of the credential.
const (
	fieldUser     = "user"
	fieldPassword = "password"
)

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
	_ vendormodules.Power             = (*Module)(nil)
	_ vendormodules.Attacher          = (*Module)(nil)
	_ vendormodules.Meter             = (*Module)(nil)
	_ vendormodules.Snapshotter       = (*Module)(nil)
	_ vendormodules.Imager            = (*Module)(nil)
	_ vendormodules.Resizer           = (*Module)(nil)
	_ vendormodules.Catalogue         = (*Module)(nil)
	_ vendormodules.CredentialChecker = (*Module)(nil)
)

// Module is one vCenter's datacenter.
type Module struct {
	configuration configuration
	environment   vendormodules.Environment
	sessions      *catalogue.Cache[*connection]
	current       atomic.Pointer[connection]
	templates     *catalogue.Cache[[]vendormodules.Image]
	capacity      *catalogue.Cache[vendormodules.Usage]

	mutex sync.Mutex // guards what follows
	// keys that are being worked on, each with what is closed when that ends.
	keys map[string]chan struct{}
	// promised addresses and VLANs, to resources that no listing shows yet, by key.
	promised map[string]promise
}

// New makes a module. It does no I/O.
func New(node *yaml.Node, environment vendormodules.Environment) (*Module, error) {
	configuration, err := configure(node)
	if err != nil {
		return nil, err
	}
	m := &Module{
		configuration: configuration, environment: environment,
		keys: map[string]chan struct{}{}, promised: map[string]promise{},
	}
	m.sessions = catalogue.NewCache(m.open, catalogue.CacheOptions{Keep: lifetime, Now: environment.Now})
	m.templates = catalogue.NewCache(m.findTemplates, catalogue.CacheOptions{Keep: goodsLast, Stale: goodsStale, Now: environment.Now})
	m.capacity = catalogue.NewCache(m.findCapacity, catalogue.CacheOptions{Keep: goodsLast, Now: environment.Now})
	return m, nil
}

// acquire waits until nobody else works on a key.
func (m *Module) acquire(ctx context.Context, key string) (release func(), err error) {
	for {
		m.mutex.Lock()
		busy, taken := m.keys[key]
		if !taken {
			mine := make(chan struct{})
			m.keys[key] = mine
			m.mutex.Unlock()
			return func() {
				m.mutex.Lock()
				delete(m.keys, key)
				m.mutex.Unlock()
				close(mine)
			}, nil
		}
		m.mutex.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Describe implements vendormodules.Module.
func (m *Module) Describe() vendormodules.Description {
	credential := []vendormodules.CredentialField{
		{Name: fieldUser, Help: "user at vCenter, such as agency@vsphere.local"},
		{Name: fieldPassword, Help: "its password", Secret: true},
	}
	needs := map[descriptors.ResourceType][]vendormodules.CredentialField{}
	for _, kind := range m.configuration.Types {
		if kind != descriptors.Cluster {
			needs[kind] = credential
		}
	}
	notes := []string{
		"no rules: port groups let everything through; who may reach what is left to a firewall",
		"a volume attached to a machine that runs appears as a disk; the machine mounts it itself",
		"no console, no execute and no files but those that fit user data: nothing is asked of the machine's own tools",
	}
	if !m.separates() {
		notes = append(notes, "networks without a VLAN are not kept apart from others on the same switch")
	}
	return vendormodules.Description{
		Kind: kindName, Version: version, Region: m.configuration.Region, Country: m.configuration.Country,
		Types: append([]descriptors.ResourceType(nil), m.configuration.Types...), Isolation: m.separates(),
		Credentials: needs, CreateToken: true, Notes: notes,
		Public: map[descriptors.ResourceType][]sla.Public{descriptors.Compute: {sla.PublicAlone}},
	}
}

// separates says whether networks are kept apart.
func (m *Module) separates() bool { return m.configuration.VLANs.Max > 0 }
