package ec2

import (
	"maps"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// young is what a create said.
type young struct {
	resource vendormodules.Resource
	until    time.Time
}

// remember keeps what a create said until listings show it.
func (m *Module) remember(resource vendormodules.Resource) vendormodules.Resource {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	now := m.environment.Now()
	for id, one := range m.young {
		if now.After(one.until) {
			delete(m.young, id)
		}
	}
	m.young[resource.ID] = young{resource, now.Add(time.Duration(m.configuration.Settle))}
	return resource
}

// youngOnes are what creates said not long ago.
func (m *Module) youngOnes() []vendormodules.Resource {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var all []vendormodules.Resource
	for _, one := range m.young {
		if m.environment.Now().Before(one.until) {
			all = append(all, one.resource)
		}
	}
	return all
}

// leave lets a balancer be gone, whatever listings show. Unlike other things it has no state that says so.
func (m *Module) leave(id string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	now := m.environment.Now()
	maps.DeleteFunc(m.left, func(_ string, until time.Time) bool { return now.After(until) })
	m.left[id] = now.Add(time.Duration(m.configuration.Settle))
}

// leaving says whether a balancer was deleted not long ago.
func (m *Module) leaving(id string) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	until, left := m.left[id]
	return left && m.environment.Now().Before(until)
}

// recalled is what a create said of a resource not long ago.
func (m *Module) recalled(id string) (vendormodules.Resource, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	one, found := m.young[id]
	return one.resource, found && m.environment.Now().Before(one.until)
}

// seen lets a resource be as the cloud shows it from now on.
func (m *Module) seen(id string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.young, id)
}
