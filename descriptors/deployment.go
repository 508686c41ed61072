package descriptors

import (
	"time"

	"github.com/cloud-agency/agency/descriptors/lifecycle"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Deployment binds every class of an application to the vendor and the agreement that serve it. It is all that
// provisioning needs to know.
type Deployment struct {
	// ID is unique for ever; Name is unique among the deployments that stand.
	ID   string `json:"id" yaml:"id" validate:"required"`
	Name string `json:"name" yaml:"name" validate:"required,name"`
	// Revision counts the changes of the deployment that were agreed on, 0 before the first.
	Revision int `json:"revision,omitempty" yaml:"revision,omitempty"`
	// Application and Call say where the deployment came from.
	Application string            `json:"application" yaml:"application"`
	Call        string            `json:"call" yaml:"call"`
	Created     time.Time         `json:"created" yaml:"created"`
	Currency    quantity.Currency `json:"currency" yaml:"currency"`
	Budget      quantity.Rate     `json:"budget,omitzero" yaml:"budget,omitempty"`
	OnFailure   FailurePolicy     `json:"on-failure" yaml:"on-failure"`
	// Resources are the resource classes by name.
	Resources map[string]BoundClass `json:"resources" yaml:"resources" validate:"required,min=1"`
}

// BoundClass is a resource class together with who provides it on what terms.
type BoundClass struct {
	Class `yaml:",inline"`

	Vendor    string `json:"vendor" yaml:"vendor" validate:"required"`
	Agreement string `json:"agreement" yaml:"agreement" validate:"required"`
	// Price of one instance.
	Price quantity.Rate `json:"price" yaml:"price"`
	// Upload names the archive of the class's files in the deployer's object store; empty without files.
	Upload string `json:"upload,omitempty" yaml:"upload,omitempty"`
}

// DeploymentState is where a deployment stands.
type DeploymentState string

// The states of a deployment.
const (
	DeploymentPlanned      DeploymentState = "planned"
	DeploymentProvisioning DeploymentState = "provisioning"
	DeploymentRunning      DeploymentState = "running"
	DeploymentDegraded     DeploymentState = "degraded"
	DeploymentFailed       DeploymentState = "failed"
	DeploymentRemoving     DeploymentState = "removing"
	DeploymentRemoved      DeploymentState = "removed"
)

// DeploymentStates is the deployment's state machine.
var DeploymentStates = lifecycle.Table[DeploymentState]{
	DeploymentPlanned:      {DeploymentProvisioning, DeploymentRemoving},
	DeploymentProvisioning: {DeploymentRunning, DeploymentFailed, DeploymentRemoving},
	DeploymentFailed:       {DeploymentProvisioning, DeploymentRemoving},
	DeploymentRunning:      {DeploymentDegraded, DeploymentRemoving},
	DeploymentDegraded:     {DeploymentRunning, DeploymentRemoving},
	DeploymentRemoving:     {DeploymentRemoved},
}
