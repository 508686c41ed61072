package vendormodules

import (
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/lifecycle"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Resource is something that exists at a cloud, as the cloud shows it now.
type Resource struct {
	// ID is the cloud's own.
	ID   string                   `json:"id" yaml:"id"`
	Key  string                   `json:"key" yaml:"key"`
	Name string                   `json:"name" yaml:"name"`
	Type descriptors.ResourceType `json:"type" yaml:"type"`
	Tags Tags                     `json:"tags,omitzero" yaml:"tags,omitempty"`
	// State is one of creating, running, stopped, error, deleting; what is gone is not shown.
	State ResourceState `json:"state" yaml:"state"`
	// Fault says what is wrong in state error.
	Fault     string    `json:"fault,omitempty" yaml:"fault,omitempty"`
	Addresses []Address `json:"addresses,omitempty" yaml:"addresses,omitempty"`
	// Warnings say what works otherwise than asked for.
	Warnings []string  `json:"warnings,omitempty" yaml:"warnings,omitempty"`
	Created  time.Time `json:"created,omitzero" yaml:"created,omitempty"`
	// Size of a volume, a snapshot or an image: of a snapshot what a volume made of it must have at least. Zero where the
	// cloud does not tell, and for all else.
	Size quantity.Bytes `json:"size,omitempty" yaml:"size,omitempty"`
}

// Address is where a resource can be reached. That of a network is the range of its addresses: 10.20.0.0/24.
type Address struct {
	Address string `json:"address" yaml:"address"`
	// Network is the cloud's id of the network that the address is on; empty for none of the agency's.
	Network string `json:"network,omitempty" yaml:"network,omitempty"`
	// Public addresses can be reached from anywhere the cloud's users are.
	Public bool `json:"public" yaml:"public"`
}

// Tags say whose a resource is. Clouds keep them as labels, metadata or tags of these names.
type Tags struct {
	// Agency is the id of the agency that created the resource.
	Agency     string `json:"agency" yaml:"agency"`
	Deployment string `json:"deployment" yaml:"deployment"`
	Class      string `json:"class" yaml:"class"`
	Agreement  string `json:"agreement" yaml:"agreement"`
}

// ResourceState is where a resource stands.
type ResourceState string

// The states of a resource.
const (
	ResourceRequested ResourceState = "requested"
	ResourceCreating  ResourceState = "creating"
	ResourceRunning   ResourceState = "running"
	ResourceStopped   ResourceState = "stopped"
	ResourceError     ResourceState = "error"
	ResourceDeleting  ResourceState = "deleting"
	ResourceGone      ResourceState = "gone"
)

// ResourceStates is the state machine of a resource.
var ResourceStates = lifecycle.Table[ResourceState]{
	ResourceRequested: {ResourceCreating, ResourceDeleting, ResourceError},
	ResourceCreating:  {ResourceRunning, ResourceDeleting, ResourceError},
	ResourceRunning:   {ResourceStopped, ResourceDeleting, ResourceError},
	ResourceStopped:   {ResourceRunning, ResourceDeleting, ResourceError},
	ResourceError:     {ResourceDeleting},
	ResourceDeleting:  {ResourceGone, ResourceError},
}
