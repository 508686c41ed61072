package libvirt

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/libvirt/link"
	"github.com/cloud-agency/agency/vendormodules/remote"
	"github.com/cloud-agency/agency/vendormodules/services"
)

const (
	kindName = "libvirt"
	// version of the module.
	version = "1"
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
		Open: func(ctx context.Context, node *yaml.Node, environment vendormodules.Environment) (vendormodules.Module, error) {
			return Open(ctx, node, environment)
		},
	}
}

var (
	_ vendormodules.Module            = (*Module)(nil)
	_ vendormodules.Wrapper           = (*Module)(nil)
	_ vendormodules.Power             = (*Module)(nil)
	_ vendormodules.Attacher          = (*Module)(nil)
	_ vendormodules.Meter             = (*Module)(nil)
	_ vendormodules.Console           = (*Module)(nil)
	_ vendormodules.Snapshotter       = (*Module)(nil)
	_ vendormodules.Imager            = (*Module)(nil)
	_ vendormodules.Resizer           = (*Module)(nil)
	_ vendormodules.Catalogue         = (*Module)(nil)
	_ vendormodules.CredentialChecker = (*Module)(nil)
)

// Module is a handful of hosts. All of its calls to a host share one connection.
type Module struct {
	configuration configuration
	agency        string
	vendor        string
	credentials   services.Credentials
	now           func() time.Time
	// directory is where seeds are made.
	directory string
	hosts     []*host // in the order of their names
	lacks     lacking
	// access is the way into machines.
	access *remote.Access

	// busy lets one thing at a time happen to a key, and one search at a time for what must be free.
	busy locks
	// stops are the machines that were asked to power off, and will be made to.
	stops stops
	// tasks are copies in the making.
	tasks *tasks
	// since is when a machine was first seen without an address.
	since sightings

	closed sync.Once
}

// New makes a module. It connects to nothing before its first call.
func New(node *yaml.Node, environment vendormodules.Environment) (*Module, error) {
	configuration, err := configure(node)
	if err != nil {
		return nil, err
	}
	if environment.Now == nil {
		environment.Now = time.Now
	}
	m := &Module{
		configuration: configuration, agency: environment.Agency, vendor: environment.Vendor,
		credentials: environment.Credentials, now: environment.Now, directory: environment.Directory,
		tasks: newTasks(),
	}
	m.access = remote.Open(environment.Directory, remote.Shown(m.Get))
	for _, name := range slices.Sorted(maps.Keys(configuration.Hosts)) {
		address, err := link.ParseAddress(configuration.Hosts[name])
		if err != nil {
			return nil, err
		}
		m.hosts = append(m.hosts, newHost(name, address, m))
	}
	return m, nil
}

// Describe implements vendormodules.Module.
func (m *Module) Describe() vendormodules.Description {
	c, public := m.configuration, sla.PublicNever
	if c.Public {
		public = sla.PublicAlways
	}
	return vendormodules.Description{
		Kind: kindName, Version: version, Region: c.Region, Country: c.Country, Types: slices.Clone(c.Types),
		Images: c.imageNames(), Isolation: !c.Public, Credentials: m.credentialFields(),
		// Names are unique at one host; of several hosts each could have one.
		CreateToken: len(m.hosts) == 1,
		Public:      map[descriptors.ResourceType][]sla.Public{descriptors.Compute: {public}},
		Notes:       m.notes(),
	}
}

func (m *Module) notes() []string {
	notes := append(m.lacks.notes(),
		"load-balancer: libvirt has none",
		"a machine finds a volume that is attached while it runs as /dev/disk/by-id/virtio-SERIAL, and mounts it itself",
	)
	if !m.configuration.Rules {
		notes = append(notes, "no rules: whoever reaches a machine's network reaches all of its ports")
	} else if m.filters() {
		notes = append(notes, "rules are for what comes by a network of machines: the host itself reaches all of their ports")
	}
	if !m.entered() {
		notes = append(notes, remote.Closed)
	}
	if len(m.hosts) == 1 {
		notes = append(notes, "all machines share one host, so that none is apart from another")
	} else {
		notes = append(notes, "machines that join a network or have a volume are on its host, also those that are to be apart")
	}
	return notes
}

// entered says whether the agency has a way into machines: they must be told of it.
func (m *Module) entered() bool { return m.configuration.SSH && m.lacks.has(seedCapability) }

// filters says whether rules are kept, by filters.
func (m *Module) filters() bool { return m.configuration.Rules && m.lacks.has(rulesCapability) }

// Close implements vendormodules.Module.
func (m *Module) Close() error {
	m.closed.Do(func() {
		m.stops.close()
		m.tasks.close()
		for _, one := range m.hosts {
			one.link.Close()
		}
	})
	return nil
}

// host by its name.
func (m *Module) host(name string) (*host, bool) {
	index := slices.IndexFunc(m.hosts, func(one *host) bool { return one.name == name })
	if index < 0 {
		return nil, false
	}
	return m.hosts[index], true
}

// locate finds out where a resource is, and of what kind.
func (m *Module) locate(text string) (*host, id, error) {
	read, err := parseID(text)
	if err != nil {
		return nil, id{}, err
	}
	where, found := m.host(read.host)
	if !found {
		return nil, id{}, errors.Join(errors.New("there is no host "+read.host), vendormodules.ErrNotFound)
	}
	return where, read, nil
}

// locateMachine is locate of a machine.
func (m *Module) locateMachine(text string) (*host, id, error) {
	where, read, err := m.locate(text)
	if err == nil && read.kind != descriptors.Compute {
		err = errors.Join(errors.New("it is a "+string(read.kind)), vendormodules.ErrNotFound)
	}
	return where, read, err
}
