package proto

import (
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Topic is what a question is about.
type Topic string

// The topics, by who answers.
const (
	TopicVendors     Topic = "vendors"      // broker: VendorList
	TopicCalls       Topic = "calls"        // broker: CallList
	TopicOffers      Topic = "offers"       // broker: Offers of the call or name in Subject
	TopicAgreements  Topic = "agreements"   // broker: AgreementList, of the name in Subject or all
	TopicDescriptor  Topic = "descriptor"   // broker: descriptors.Deployment of the name in Subject
	TopicRegister    Topic = "register"     // broker: the signed register
	TopicDeployments Topic = "deployments"  // deployer: DeploymentList, of the name in Subject or all
	TopicSamples     Topic = "samples"      // monitor: SampleList, of the deployment id in Subject or all
	TopicVendor      Topic = "vendor"       // vendor: VendorStatus
	TopicResources   Topic = "resources"    // vendor: ResourceList, of the deployment id in Subject or all
	TopicMeasure     Topic = "measurements" // vendor: SampleList, of the deployment id in Subject or all
	TopicCommand     Topic = "command"      // vendor: Outcome of the command in Subject
	TopicCredentials Topic = "credentials"  // vendor: CredentialReport, after trying what is stored at the cloud
	TopicFlavors     Topic = "flavors"      // vendor: FlavorList
	TopicImages      Topic = "images"       // vendor: ImageList
	TopicOutput      Topic = "output"       // vendor: ConsolePage of the Stream of the errand in Subject
	TopicConsole     Topic = "console"      // vendor: ConsolePage of the machine in Resource, from Offset on
)

// Question asks an agent for what it knows (query-ref). It changes nothing.
type Question struct {
	Topic   Topic  `json:"topic"`
	Subject string `json:"subject,omitempty"`
	// Resource is the machine whose console is asked for.
	Resource *ResourceRef `json:"resource,omitempty"`
	// Stream of an errand.
	Stream string `json:"stream,omitempty"`
	// Offset, in bytes, is where to go on reading: the End of the page before, 0 from the beginning.
	Offset int64 `json:"offset,omitempty"`
	// Seen are the last bytes before the Offset, at most MaxSeen, by which the place is found again in a console that
	// has dropped its beginning.
	Seen []byte `json:"seen,omitempty"`
	// Page of a list that is wanted; without one the whole list is, which fails if it fits no message.
	Page *Page `json:"page,omitempty"`
}

// MaxSeen is the most that a question repeats of what it has seen, in bytes; MaxPage is the most that a page holds,
// of a console or of a list.
const (
	MaxSeen = 256
	MaxPage = 256 << 10
)

// ConsolePage is a part of what a machine has printed (answers TopicConsole).
type ConsolePage struct {
	Text []byte `json:"text,omitempty"`
	// End is the offset behind the Text, at which the next page begins.
	End int64 `json:"end"`
	// More says that there is more already.
	More bool `json:"more,omitempty"`
	// Gap says that what came before the Text was dropped unseen.
	Gap bool `json:"gap,omitempty"`
}

// VendorStatus is what a vendor says of itself, and the broker of the vendors in its register.
type VendorStatus struct {
	Name string `json:"name"`
	// Present says whether the vendor answered when it was last asked.
	Present     bool                       `json:"present"`
	Description *vendormodules.Description `json:"description,omitempty"`
	Capacity    vendormodules.Usage        `json:"capacity,omitzero"`
	// Held by proposals that stand, Used by agreements.
	Held vendormodules.Usage `json:"held,omitzero"`
	Used vendormodules.Usage `json:"used,omitzero"`
	// Sealing is the public curve key to which secrets for the vendor are sealed.
	Sealing     string           `json:"sealing,omitempty"`
	Credentials []services.Scope `json:"credentials,omitempty"`
	Quarantined int              `json:"quarantined,omitempty"`
	Fault       string           `json:"fault,omitempty"`
	// Copies are the types of copies that the vendor can make: snapshot, image.
	Copies []descriptors.ResourceType `json:"copies,omitempty"`
	// Clock is what time it was for the vendor when it said this; zero from one that does not say.
	Clock time.Time `json:"clock,omitzero"`
}

// VendorList answers TopicVendors.
type VendorList struct {
	Vendors []VendorStatus `json:"vendors"`
	Next    string         `json:"next,omitempty"` // see Page
}

// CallSummary is one call in a CallList.
type CallSummary struct {
	Call       string                `json:"call"`
	Name       string                `json:"name"`
	State      descriptors.CallState `json:"state"`
	Opened     time.Time             `json:"opened"`
	Proposals  int                   `json:"proposals"`
	Deployment string                `json:"deployment,omitempty"`
	// Changes is the id of the deployment that the call is to change.
	Changes string `json:"changes,omitempty"`
}

// CallList answers TopicCalls.
type CallList struct {
	Calls []CallSummary `json:"calls"`
	Next  string        `json:"next,omitempty"` // see Page
}

// AgreementList answers TopicAgreements.
type AgreementList struct {
	Agreements []sla.Agreement `json:"agreements"`
	Next       string          `json:"next,omitempty"` // see Page
}

// ResourceList answers TopicResources.
type ResourceList struct {
	Resources []ResourceStatus `json:"resources"`
	Next      string           `json:"next,omitempty"` // see Page
}

// FlavorList answers TopicFlavors: the sizes of machines that the vendor's cloud sells, by name.
type FlavorList struct {
	Flavors []vendormodules.Flavor `json:"flavors"`
	// Age is how long ago the cloud told.
	Age  quantity.Duration `json:"age,omitempty"`
	Next string            `json:"next,omitempty"` // see Page
}

// ImageList answers TopicImages: what the vendor can make machines of, by name.
type ImageList struct {
	Images []vendormodules.Image `json:"images"`
	// Age is how long ago the cloud told.
	Age  quantity.Duration `json:"age,omitempty"`
	Next string            `json:"next,omitempty"` // see Page
}

// DeploymentVerb is what is to be done with a deployment.
type DeploymentVerb string

// The verbs.
const (
	DeploymentDeploy DeploymentVerb = "deploy"
	DeploymentScale  DeploymentVerb = "scale"
	DeploymentApply  DeploymentVerb = "apply"
	DeploymentRemove DeploymentVerb = "remove"
	// The verbs for machines. A machine that was stopped is wanted stopped until it is started again.
	DeploymentStart  DeploymentVerb = "start"
	DeploymentStop   DeploymentVerb = "stop"
	DeploymentReboot DeploymentVerb = "reboot"
	DeploymentDelete DeploymentVerb = "delete" // one machine; its class has one fewer from then on
	DeploymentAttach DeploymentVerb = "attach"
	DeploymentDetach DeploymentVerb = "detach"
	// Snapshot makes a snapshot of a volume, or an image of a machine.
	DeploymentSnapshot DeploymentVerb = "snapshot"
	// The verbs for errands inside a machine, which are passed on to its vendor and change nothing of the deployment.
	DeploymentExecute    DeploymentVerb = "execute"
	DeploymentReadFiles  DeploymentVerb = "read-files"
	DeploymentWriteFiles DeploymentVerb = "write-files"
)

// DeploymentCommand tells the deployer to do something with a deployment (request, client to deployer). It answers agree
// once it has written the command down, and inform or failure to any repeat when it is done.
type DeploymentCommand struct {
	Verb DeploymentVerb `json:"verb"`
	// Name of the deployment (all but deploy and apply).
	Name string `json:"name,omitempty"`
	// Descriptor of the deployment (deploy, apply).
	Descriptor *descriptors.Deployment `json:"descriptor,omitempty"`
	// Class and Count (scale).
	Class string `json:"class,omitempty"`
	Count int    `json:"count,omitempty"`
	// Machine by its name, "web-1"; to start, stop and reboot also a class, which is all machines of it.
	Machine string `json:"machine,omitempty"`
	// Volume and the absolute path of its Mount (attach, detach).
	Volume string `json:"volume,omitempty"`
	Mount  string `json:"mount,omitempty"`
	// Source is the volume or the machine to copy, As the name of the copy (snapshot).
	Source string `json:"source,omitempty"`
	As     string `json:"as,omitempty"`
	// Errand inside the machine, and the name of its Upload in the deployer's object store.
	Errand *Errand `json:"errand,omitempty"`
	Upload string  `json:"upload,omitempty"`
}

// DeploymentStatus is a deployment as the deployer knows it.
type DeploymentStatus struct {
	Descriptor descriptors.Deployment      `json:"descriptor"`
	State      descriptors.DeploymentState `json:"state"`
	Since      time.Time                   `json:"since"`
	// Counts wanted, by class.
	Counts    map[string]int   `json:"counts"`
	Resources []ResourceStatus `json:"resources"`
	// Price of what stands now.
	Price quantity.Rate `json:"price,omitzero"`
	// Fault says why the state is failed or degraded, Hint what to do.
	Fault string `json:"fault,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Operation under way; empty when there is none.
	Operation string `json:"operation,omitempty"`
	// Unfinished says that a change has not come to its end: not all that stands is as the descriptor says, or agreements
	// that are not needed any more have not ended.
	Unfinished bool `json:"unfinished,omitempty"`
	// Stopped are the names of the machines that are wanted stopped, because somebody stopped them.
	Stopped []string `json:"stopped,omitempty"`
}

// DeploymentList answers TopicDeployments.
type DeploymentList struct {
	Deployments []DeploymentStatus `json:"deployments"`
	Next        string             `json:"next,omitempty"` // see Page
}

// Sample is what was measured of one resource.
type Sample struct {
	Resource     ResourceRef       `json:"resource"`
	Name         string            `json:"name"`
	Vendor       string            `json:"vendor"`
	Measurements []sla.Measurement `json:"measurements"`
	// Earlier readings, the oldest first; told by the monitor of one deployment only.
	Earlier []sla.Measurement `json:"earlier,omitempty"`
}

// SampleList answers TopicSamples and TopicMeasure.
type SampleList struct {
	Samples []Sample `json:"samples"`
	// Silent are the vendors that did not answer the monitor last time: their samples are older than the others.
	Silent []string `json:"silent,omitempty"`
	Next   string   `json:"next,omitempty"` // see Page
}

// CredentialCommand stores or removes a credential at a vendor (request, client to vendor). Sealed holds the values,
// sealed to the vendor's key; empty removes.
type CredentialCommand struct {
	Scope  services.Scope `json:"scope"`
	Remove bool           `json:"remove,omitempty"`
	Sealed []byte         `json:"sealed,omitempty"`
}

// CredentialState is how a stored credential did.
type CredentialState string

// The states of a credential.
const (
	CredentialWorks      CredentialState = "works"      // the cloud took it
	CredentialRefused    CredentialState = "refused"    // the cloud did not
	CredentialIncomplete CredentialState = "incomplete" // fields are missing that the module needs
	CredentialUntried    CredentialState = "untried"    // the module cannot try it, or the cloud did not answer
)

// CredentialCheck is one stored credential.
type CredentialCheck struct {
	Scope services.Scope  `json:"scope"`
	State CredentialState `json:"state"`
	// Missing are the fields that it lacks, by the type of the classes that need them.
	Missing map[descriptors.ResourceType][]string `json:"missing,omitempty"`
	// Message says why it does not work, or could not be tried.
	Message string `json:"message,omitempty"`
}

// CredentialReport answers TopicCredentials.
type CredentialReport struct {
	Vendor string `json:"vendor"`
	// Needs are the fields that the module needs, by the type of the classes that need them; none if it needs no
	// credential.
	Needs  map[descriptors.ResourceType][]string `json:"needs,omitempty"`
	Checks []CredentialCheck                     `json:"checks"`
}
