package proto

import (
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Submission asks the broker to call for proposals (request, client to broker).
type Submission struct {
	// Name of the deployment to be; by default the application's.
	Name        string                  `json:"name"`
	Application descriptors.Application `json:"application"`
	// Uploads are the archives of the classes' files in the deployer's object store, by class.
	Uploads map[string]string `json:"uploads,omitempty"`
	// Advisory asks for offers that nobody is bound by: no capacity is held and nothing is kept.
	Advisory bool `json:"advisory,omitempty"`
	// Change is what the application is to change of a deployment that stands; none for a new one.
	Change *Change `json:"change,omitempty"`
}

// Change is a change of a deployment that stands. The vendors are asked for the classes that its agreements do not cover.
type Change struct {
	// Deployment is its id, and Revision that of the descriptor which the change starts from.
	Deployment string `json:"deployment"`
	Revision   int    `json:"revision"`
	// Classes that are to be agreed on anew, sorted. The others stay with their vendors and agreements.
	Classes []string `json:"classes,omitempty"`
	// Undo goes back to the descriptor before, whose agreements still stand; the submission's application is not read.
	Undo bool `json:"undo,omitempty"`
	// Uploads are what classes' files come from after an undo, by class (broker to client).
	Uploads map[string]string `json:"uploads,omitempty"`
}

// Offers are all that came of a call (inform, broker to client).
type Offers struct {
	Call        string                  `json:"call"`
	Name        string                  `json:"name"`
	State       descriptors.CallState   `json:"state"`
	Opened      time.Time               `json:"opened"`
	Elapsed     quantity.Duration       `json:"elapsed"`
	Advisory    bool                    `json:"advisory,omitempty"`
	Called      int                     `json:"called"`
	Proposals   []sla.Proposal          `json:"proposals"`
	Refusals    map[string]sla.Refusal  `json:"refusals,omitempty"` // by vendor that offers nothing at all
	Plans       []sla.Plan              `json:"plans"`
	Obstacles   []Obstacle              `json:"obstacles,omitempty"`
	Attempts    []Attempt               `json:"attempts,omitempty"`
	Rounds      []Round                 `json:"rounds,omitempty"` // of negotiation after the first, the oldest first
	Application descriptors.Application `json:"application"`
	// Change that the call is about; its plans then say of every class who serves it, asked for anew or not.
	Change *Change `json:"change,omitempty"`
}

// Obstacle says why no plan, or not a better one, could be made.
type Obstacle struct {
	Class  string `json:"class,omitempty"`
	Vendor string `json:"vendor,omitempty"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
}

// PlanChoice takes or rejects a plan of a call (accept-proposal or reject-proposal, client to broker). Rejecting names
// no rank and gives the whole call up.
type PlanChoice struct {
	// Call is the call's id or the deployment's name.
	Call string `json:"call"`
	Rank int    `json:"rank,omitempty"`
	// OrNext takes the next plan when this one cannot be taken, and so on.
	OrNext bool `json:"or-next,omitempty"`
}

// Attempt is how taking a plan went (inform or failure, broker to client).
type Attempt struct {
	ID         string           `json:"id"`
	Call       string           `json:"call"`
	Name       string           `json:"name"`
	Deployment string           `json:"deployment"`
	Plan       sla.Plan         `json:"plan"`
	State      sla.AttemptState `json:"state"`
	// DecideBy is when the broker gives up on vendors that did not answer.
	DecideBy time.Time    `json:"decide-by"`
	Legs     []AttemptLeg `json:"legs"`
	Reason   string       `json:"reason,omitempty"`
}

// LegState is where one vendor's part of an attempt stands for the broker.
type LegState string

// The states of a leg.
const (
	LegAccepting  LegState = "accepting"
	LegObserved   LegState = "observed"
	LegRefused    LegState = "refused"
	LegCancelling LegState = "cancelling"
	LegCancelled  LegState = "cancelled"
)

// AttemptLeg is one vendor's part of an attempt.
type AttemptLeg struct {
	Agreement sla.Agreement `json:"agreement"`
	State     LegState      `json:"state"`
	Reason    string        `json:"reason,omitempty"`
}

// Acceptance takes classes of a proposal (accept-proposal, broker to vendor). The vendor answers inform with the
// observed agreement, or failure.
type Acceptance struct {
	Agreement sla.Agreement `json:"agreement"`
}

// Cancellation undoes an acceptance, heard of or not, or ends an agreement (cancel, broker to vendor; client or
// deployer to broker, where Name is the deployment's). Rejections of proposals (reject-proposal, broker to vendor) have
// the same content.
type Cancellation struct {
	Proposal  string `json:"proposal,omitempty"`
	Agreement string `json:"agreement,omitempty"`
	Name      string `json:"name,omitempty"`
	Reason    string `json:"reason,omitempty"`
	// Classes that the agreement ends for (broker to vendor); all of them by default.
	Classes []string `json:"classes,omitempty"`
	// Releases are the classes that agreements are no longer needed for, by agreement (deployer to broker).
	Releases map[string][]string `json:"releases,omitempty"`
	// Abandon lets go of vendors that stay silent (client to broker).
	Abandon bool `json:"abandon,omitempty"`
}

// ResourceVerb is what is to be done with a resource.
type ResourceVerb string

// The verbs. Prepare concerns a class of an agreement and no resource yet: is the image there, the credential, the
// quota.
const (
	VerbPrepare    ResourceVerb = "prepare"
	VerbCreate     ResourceVerb = "create"
	VerbStart      ResourceVerb = "start"
	VerbStop       ResourceVerb = "stop"
	VerbReboot     ResourceVerb = "reboot"
	VerbDelete     ResourceVerb = "delete"
	VerbAttach     ResourceVerb = "attach"
	VerbDetach     ResourceVerb = "detach"
	VerbSetTargets ResourceVerb = "set-targets"
	// The verbs that make a copy of a resource: of a volume a snapshot, of a machine an image.
	VerbSnapshot ResourceVerb = "snapshot"
	VerbImage    ResourceVerb = "image"
	// The verbs that move a resource under another agreement of its vendor: resize with the size of its class, rebind as it is.
	VerbResize ResourceVerb = "resize"
	VerbRebind ResourceVerb = "rebind"
	// The verbs that leave the resource as it is. They are done once or not at all, and in no order with others.
	VerbExecute    ResourceVerb = "execute"
	VerbReadFiles  ResourceVerb = "read-files"
	VerbWriteFiles ResourceVerb = "write-files"
)

// ResourceRef names a resource of a deployment, whether it exists or not.
type ResourceRef struct {
	Deployment string `json:"deployment"`
	Class      string `json:"class"`
	// Index counts the instances of a class, from 1.
	Index int `json:"index"`
	// Generation grows by one with every replacement of the resource, from 1.
	Generation int `json:"generation"`
}

// ResourceCommand tells a vendor to do something with a resource (request, deployer to vendor). Its message carries a
// command id and the sequence number that orders the resource's commands. The vendor answers agree once it has written
// the command down, refuse if it won't, and inform or failure, to any repeat and as an event, when it is done.
type ResourceCommand struct {
	Verb      ResourceVerb `json:"verb"`
	Resource  ResourceRef  `json:"resource"`
	Agreement string       `json:"agreement"`
	// Class with every reference resolved (prepare, create), or that has the size wanted (resize).
	Class *descriptors.Class `json:"class,omitempty"`
	Name  string             `json:"name,omitempty"`
	// Upload names the archive of the class's files in the vendor's object store.
	Upload   string                 `json:"upload,omitempty"`
	Volumes  []MountRef             `json:"volumes,omitempty"`
	Networks []ResourceRef          `json:"networks,omitempty"`
	Targets  []vendormodules.Target `json:"targets,omitempty"`
	// Rules say who may reach a machine, each once, in a fixed order (create).
	Rules []vendormodules.Rule `json:"rules,omitempty"`
	// Volume and Mount of attach and detach; Resource is the machine.
	Volume *ResourceRef `json:"volume,omitempty"`
	Mount  string       `json:"mount,omitempty"`
	// Copy to make of the resource (snapshot, image), or to delete (delete, which then needs no sequence number: a copy
	// has no other commands).
	Copy *Copy `json:"copy,omitempty"`
	// Errand of execute, read-files and write-files; Upload is its input or its archive.
	Errand *Errand `json:"errand,omitempty"`
}

// Copy says what a snapshot or an image is a copy of. It is a resource of its own, which outlives its source, the
// deployment that it was made in, and the agreement of that.
type Copy struct {
	// Name that classes call it by. No other copy at the vendor has it.
	Name string `json:"name"`
	// Deployment that it was made in, by its name then, and the Source in it: "data", "web-1".
	Deployment string `json:"deployment,omitempty"`
	Source     string `json:"source,omitempty"`
	// Size of a snapshot's volume, which one that is made of it must have at least, or what an image takes; zero if that
	// is not known.
	Size quantity.Bytes `json:"size,omitempty"`
	// Image that a machine was made of: the one that the cloud has for everybody, once the copy is made.
	Image string `json:"image,omitempty"`
}

// Errand is what is to be done inside a machine.
type Errand struct {
	// Arguments of the command, the first of which is the program, and the Directory that it runs in (execute).
	Arguments []string `json:"arguments,omitempty"`
	Directory string   `json:"directory,omitempty"`
	// Input that the command reads, at most MaxPage bytes; what is longer is uploaded.
	Input []byte `json:"input,omitempty"`
	// Path to read, absolute on the machine (read-files).
	Path string `json:"path,omitempty"`
	// Digest of the upload: its SHA-256 in hexadecimal digits.
	Digest string `json:"digest,omitempty"`
}

// Errands are the streams that an errand may leave behind, to be read page by page.
const (
	StreamStdout  = "stdout"
	StreamStderr  = "stderr"
	StreamArchive = "archive"
)

// ErrandResult is how an errand ended that was done.
type ErrandResult struct {
	// Exit code of the command (execute).
	Exit int `json:"exit"`
	// Streams that it left behind, by name.
	Streams map[string]Stream `json:"streams,omitempty"`
}

// Stream is what an errand wrote.
type Stream struct {
	// Text is its beginning, at most MaxPage bytes; pages tell the rest (TopicOutput).
	Text []byte `json:"text,omitempty"`
	Size int64  `json:"size"`
	// Digest is the SHA-256 of all of it in hexadecimal digits.
	Digest string `json:"digest"`
}

// MountRef is a volume of the deployment and where a machine sees it.
type MountRef struct {
	Volume ResourceRef `json:"volume"`
	Mount  string      `json:"mount"`
}

// Outcome is how a command ended (inform or failure; vendor to deployer, deployer to client).
type Outcome struct {
	Command string `json:"command"`
	// Resource as it stands after the command; none after prepare.
	Resource *ResourceStatus `json:"resource,omitempty"`
	// Deployment as it stands after a deployer's command.
	Deployment *DeploymentStatus `json:"deployment,omitempty"`
	Refusal    *sla.Refusal      `json:"refusal,omitempty"`
	// Errand's result, after one.
	Errand *ErrandResult `json:"errand,omitempty"`
}

// ResourceStatus is a resource as its vendor knows it.
type ResourceStatus struct {
	Ref       ResourceRef                 `json:"ref"`
	Name      string                      `json:"name"`
	Type      descriptors.ResourceType    `json:"type"`
	Vendor    string                      `json:"vendor"`
	Agreement string                      `json:"agreement"`
	State     vendormodules.ResourceState `json:"state"`
	// Quarantined resources bear the agency's tags and are in no record: shown, never touched.
	Quarantined bool                    `json:"quarantined,omitempty"`
	ID          string                  `json:"id,omitempty"` // the cloud's
	Fault       string                  `json:"fault,omitempty"`
	Warnings    []string                `json:"warnings,omitempty"`
	Addresses   []vendormodules.Address `json:"addresses,omitempty"`
	Price       quantity.Rate           `json:"price,omitzero"`
	Created     time.Time               `json:"created,omitzero"`
	Changed     time.Time               `json:"changed,omitzero"`
	// Copy of what, if it is a snapshot or an image. Its Ref then has its source's deployment and class, and no index.
	Copy *Copy `json:"copy,omitempty"`
}

// EventKind says what kind of thing happened, in tokens of a subject.
type EventKind string

// The kinds of events.
const (
	EventCallOpened        EventKind = "call.opened"
	EventCallCountered     EventKind = "call.countered"
	EventCallClosed        EventKind = "call.closed"
	EventAttemptBegun      EventKind = "attempt.begun"
	EventAttemptCommitted  EventKind = "attempt.committed"
	EventAttemptUndoing    EventKind = "attempt.undoing"
	EventAttemptUndone     EventKind = "attempt.undone"
	EventAgreementObserved EventKind = "agreement.observed"
	EventAgreementEnded    EventKind = "agreement.ended"
	EventResourceChanged   EventKind = "resource.changed"
	EventCommandDone       EventKind = "command.done"
	EventDeploymentChanged EventKind = "deployment.changed"
	EventVendorEnrolled    EventKind = "vendor.enrolled"
	EventRefused           EventKind = "message.refused"
)

// Event is something that happened (inform, from its owner to whoever listens).
type Event struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Kind       EventKind `json:"kind"`
	Source     string    `json:"source"`
	Name       string    `json:"name,omitempty"` // of the deployment
	Deployment string    `json:"deployment,omitempty"`
	Class      string    `json:"class,omitempty"`
	// Message tells it to people in a sentence.
	Message string `json:"message"`
	// Outcome of command.done.
	Outcome *Outcome `json:"outcome,omitempty"`
	// Resource of resource.changed.
	Resource *ResourceStatus `json:"resource,omitempty"`
	// State after deployment.changed.
	State descriptors.DeploymentState `json:"state,omitempty"`
}
