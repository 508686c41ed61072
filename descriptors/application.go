package descriptors

import (
	"slices"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Application is what a person wants to run, in no vendor's terms.
type Application struct {
	// Name of the application: a letter, then letters, digits and hyphens, at most 40.
	Name string `json:"name" yaml:"name" validate:"required,name"`
	// Description for people.
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
	// Objectives of the application as a whole; none by default.
	Objectives Objectives `json:"objectives,omitzero" yaml:"objectives,omitempty"`
	// Budget is the most that the application may cost, at the maximum of every range. None if zero.
	Budget quantity.Rate `json:"budget,omitzero" yaml:"budget,omitempty"`
	// Currency in which offers are asked for: by default the budget's, else EUR.
	Currency quantity.Currency `json:"currency,omitempty" yaml:"currency,omitempty"`
	// Select says which of the feasible plans is best; by default the cheapest.
	Select Selection `json:"select,omitzero" yaml:"select,omitempty"`
	// OnFailure says what becomes of what was created when provisioning fails; by default it is rolled back.
	OnFailure FailurePolicy `json:"on-failure,omitempty" yaml:"on-failure,omitempty" validate:"omitempty,oneof=roll-back keep"`
	// Resources are the resource classes by name.
	Resources map[string]Class `json:"resources" yaml:"resources" validate:"required,min=1"`
}

// Objectives are the service levels an application asks for as a whole.
type Objectives struct {
	// Availability that the offers of a plan must reach together.
	Availability quantity.Percent `json:"availability,omitempty" yaml:"availability,omitempty"`
	// ResponseTime bounds how long answers take.
	ResponseTime ResponseTime `json:"response-time,omitzero" yaml:"response-time,omitempty"`
}

// ResponseTime bounds percentiles of the time to answer, measured at the application's load balancers.
type ResponseTime struct {
	// P50 is what half of all answers take at the most.
	P50 quantity.Duration `json:"p50,omitempty" yaml:"p50,omitempty"`
	// P95 is what 95 of 100 answers take at the most; not below P50.
	P95 quantity.Duration `json:"p95,omitempty" yaml:"p95,omitempty"`
	// P99 is what 99 of 100 answers take at the most; not below P95.
	P99 quantity.Duration `json:"p99,omitempty" yaml:"p99,omitempty"`
}

// FailurePolicy says what becomes of a deployment's resources when provisioning fails.
type FailurePolicy string

// The failure policies.
const (
	RollBack FailurePolicy = "roll-back"
	Keep     FailurePolicy = "keep"
)

// Selection weighs price against availability. It is written as a word (cheapest, most-available, balanced) or as
// weights ({price: 0.7, availability: 0.3}) that sum to 1.
type Selection struct {
	Price        float64 `json:"price" yaml:"price"`
	Availability float64 `json:"availability" yaml:"availability"`
}

// The selections that have a name.
var (
	Cheapest      = Selection{Price: 1}
	MostAvailable = Selection{Availability: 1}
	Balanced      = Selection{Price: 0.5, Availability: 0.5}
)

// ResourceType is one of the resource types of the reference architecture.
type ResourceType string

// The resource types.
const (
	Compute      ResourceType = "compute"
	Volume       ResourceType = "volume"
	Network      ResourceType = "network"
	LoadBalancer ResourceType = "load-balancer"
	// Cluster is a set of equal computes that is scaled as one.
	Cluster ResourceType = "cluster"
	// MapReduce is one job over one input: workers that are scaled as one, and what coordinates them.
	MapReduce ResourceType = "map-reduce"
	// Snapshot is what a volume held at a moment. It is made of a volume that exists; no class is of this type.
	Snapshot ResourceType = "snapshot"
	// Image is a machine's disk, to make others of. It is made of a machine that exists; no class is of this type.
	Image ResourceType = "image"
)

// CopyOf is the type of what snapshots or images are made of; empty for a type that is no copy.
func (t ResourceType) CopyOf() ResourceType {
	switch t {
	case Snapshot:
		return Volume
	case Image:
		return Compute
	}
	return ""
}

// RunsMachines says whether a class of this type is made of computes.
func (t ResourceType) RunsMachines() bool { return t == Compute || t == Cluster || t == MapReduce }

// Class is a resource class: what every resource created for it is like. Which fields a class may have follows from its
// type; the fields of other types are refused.
type Class struct {
	// Type of the resources, from which the other fields follow.
	Type ResourceType `json:"type" yaml:"type" validate:"required,oneof=compute volume network load-balancer cluster map-reduce"`
	// Place says where the class may run; anywhere by default.
	Place Placement `json:"place,omitzero" yaml:"place,omitempty"`
	// Isolation "required" refuses vendors that cannot keep this class's machines, volumes and networks apart from
	// others'.
	Isolation string `json:"isolation,omitempty" yaml:"isolation,omitempty" validate:"omitempty,oneof=required"`

	// Compute, cluster and the workers of map-reduce.

	// Image by name; every vendor resolves it to what it calls that image.
	Image string `json:"image,omitempty" yaml:"image,omitempty"`
	// Count of instances, 1 by default; a range can be scaled within under one agreement.
	Count quantity.Range `json:"count,omitzero" yaml:"count,omitempty"`
	// Cores of each instance, 1 by default.
	Cores int `json:"cores,omitempty" yaml:"cores,omitempty" validate:"min=0,max=1024"`
	// Memory of each instance, 512MiB by default.
	Memory quantity.Bytes `json:"memory,omitempty" yaml:"memory,omitempty"`
	// Architecture of the processor, x86_64 by default.
	Architecture string `json:"architecture,omitempty" yaml:"architecture,omitempty" validate:"omitempty,oneof=x86_64 arm64"`
	// Files to upload before the first command runs: path beside the descriptor -> absolute path on the machine. A
	// source ending in a slash is a directory, its contents are uploaded.
	Files map[string]string `json:"files,omitempty" yaml:"files,omitempty"`
	// Run lists the commands started when the machine starts, each by a POSIX shell, each kept running.
	Run []string `json:"run,omitempty" yaml:"run,omitempty"`
	// Environment variables of the commands; references in them are resolved.
	Environment map[string]string `json:"environment,omitempty" yaml:"environment,omitempty"`
	// Ports that anyone may reach, 1 to 65535.
	Ports []int `json:"ports,omitempty" yaml:"ports,omitempty" validate:"dive,min=1,max=65535"`
	// Allow says who may reach a port that is not open to all: port -> names of classes.
	Allow map[int]Names `json:"allow,omitempty" yaml:"allow,omitempty"`
	// UserData is handed to the machine as it is.
	UserData string `json:"user-data,omitempty" yaml:"user-data,omitempty"`
	// Keys are the SSH public keys that may log in, each as OpenSSH writes it (ssh-ed25519 AAAA... name) or the path of a
	// file ending in .pub beside the descriptor, which is read at once.
	Keys Names `json:"keys,omitempty" yaml:"keys,omitempty"`
	// Volumes attached to each instance: volume class -> absolute path of the mount. An instance has its own.
	Volumes map[string]string `json:"volumes,omitempty" yaml:"volumes,omitempty"`
	// Networks joined, beside those that list the class as a member.
	Networks Names `json:"networks,omitempty" yaml:"networks,omitempty"`

	// Volume.

	// Size of the volume.
	Size quantity.Bytes `json:"size,omitempty" yaml:"size,omitempty"`
	// Snapshot that the volume begins with, by the name that `agency snapshots` shows; empty volumes by default. Only the
	// vendor that has the snapshot can serve the class.
	Snapshot string `json:"snapshot,omitempty" yaml:"snapshot,omitempty"`

	// Network.

	// Private networks carry only their members. Every network is at one vendor with all of its members, unless Span.
	Private bool `json:"private,omitempty" yaml:"private,omitempty"`
	// Span lets a private network reach across vendors, which needs an overlay that each of them can carry.
	Span bool `json:"span,omitempty" yaml:"span,omitempty"`
	// Members are the classes on the network; those that name it in their networks are too.
	Members Names `json:"members,omitempty" yaml:"members,omitempty"`
	// Range of the network's addresses, such as 10.20.0.0/24, for private use; the vendor chooses one by default.
	Range string `json:"range,omitempty" yaml:"range,omitempty"`
	// Rules say who may reach what of the members. Without any the members reach each other on everything.
	Rules []NetworkRule `json:"rules,omitempty" yaml:"rules,omitempty" validate:"dive"`

	// Load balancer.

	// Targets is the class whose instances are balanced.
	Targets string `json:"targets,omitempty" yaml:"targets,omitempty"`
	// Listen is the balancer's port.
	Listen int `json:"listen,omitempty" yaml:"listen,omitempty" validate:"min=0,max=65535"`
	// TargetPort is the port of the instances, by default the same as Listen.
	TargetPort int `json:"target-port,omitempty" yaml:"target-port,omitempty" validate:"min=0,max=65535"`
	// Protocol is http (by default) or tcp.
	Protocol string `json:"protocol,omitempty" yaml:"protocol,omitempty" validate:"omitempty,oneof=http tcp"`
	// Check tells targets that are healthy from those that get no requests.
	Check Check `json:"check,omitzero" yaml:"check,omitempty"`

	// Map-reduce.

	// Input to read: paths beside the descriptor, uploaded like files. One that ends in a slash is a directory, all of
	// which is read.
	Input Names `json:"input,omitempty" yaml:"input,omitempty"`
	// Mapper is a command that reads lines of input and writes lines of a key, a tab and a value.
	Mapper string `json:"mapper,omitempty" yaml:"mapper,omitempty"`
	// Combiner is a command that reads one mapper's lines sorted by key, and writes fewer of them. None if empty.
	Combiner string `json:"combiner,omitempty" yaml:"combiner,omitempty"`
	// Reducer is a command that reads the lines of all mappers sorted by key, and writes the output.
	Reducer string `json:"reducer,omitempty" yaml:"reducer,omitempty"`
	// Reducers is how many parts the output has, 1 by default: a key's lines all go to one of them.
	Reducers int `json:"reducers,omitempty" yaml:"reducers,omitempty" validate:"min=0,max=1000"`
	// Split is about how much input one mapper reads, 16MiB by default, at least 1KiB. Lines are not divided.
	Split quantity.Bytes `json:"split,omitempty" yaml:"split,omitempty"`
	// Attempts is how often one task may be tried before the job fails, 4 by default.
	Attempts int `json:"attempts,omitempty" yaml:"attempts,omitempty" validate:"min=0,max=100"`
}

// Instances is the range of how many resources the class stands for when nothing depends on another class: its count
// for computes and clusters, else one.
func (c Class) Instances() quantity.Range {
	if c.Type.RunsMachines() {
		return c.Count
	}
	return quantity.Range{Min: 1, Max: 1}
}

// Placement says where a class may run. Everything empty means anywhere.
type Placement struct {
	// Region of the vendor, by the name that `agency vendors` shows.
	Region Names `json:"region,omitempty" yaml:"region,omitempty"`
	// Country of the vendor: two capital letters.
	Country Names `json:"country,omitempty" yaml:"country,omitempty"`
	// Vendors that may or may not serve the class, by name.
	Vendors VendorFilter `json:"vendors,omitzero" yaml:"vendors,omitempty"`
	// Together names classes that must be at the same vendor as this one.
	Together Names `json:"together,omitempty" yaml:"together,omitempty"`
	// Apart names classes that must be at another vendor than this one; the word "machine" keeps the class's own
	// instances on different physical machines.
	Apart Names `json:"apart,omitempty" yaml:"apart,omitempty"`
}

// ApartMachine is the word in Placement.Apart that spreads a class's own instances over machines.
const ApartMachine = "machine"

// VendorFilter allows or denies vendors by name; denial wins.
type VendorFilter struct {
	// Allow lists the only vendors that may serve; all by default.
	Allow Names `json:"allow,omitempty" yaml:"allow,omitempty"`
	// Deny lists vendors that may not serve.
	Deny Names `json:"deny,omitempty" yaml:"deny,omitempty"`
}

// Admits says whether the filter lets a vendor by.
func (f VendorFilter) Admits(vendor string) bool {
	return !slices.Contains(f.Deny, vendor) && (len(f.Allow) == 0 || slices.Contains(f.Allow, vendor))
}

// Check is how a load balancer finds out whether a target is healthy.
type Check struct {
	// Path answers 2xx when healthy; without one a TCP connection is enough.
	Path string `json:"path,omitempty" yaml:"path,omitempty"`
	// Every is the time between checks, 1s by default, at least 100ms.
	Every quantity.Duration `json:"every,omitempty" yaml:"every,omitempty"`
	// Timeout of one check, by default the smaller of Every and 1s.
	Timeout quantity.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
}

// Names is a list of names; a single one may be written without the brackets.
type Names []string
