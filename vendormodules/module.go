package vendormodules

import (
	"context"
	"io"
	"net/netip"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Module is one account of one cloud. Every method may be called from several goroutines at once and returns soon
// after its context ends.
type Module interface {
	// Describe says what the module is and can do. It does no I/O and always says the same.
	Describe() Description
	// Quote prices one class, of whatever count. A class that the cloud cannot serve at all is answered with an
	// sla.Refusal as the error. Quote changes nothing at the cloud.
	Quote(ctx context.Context, class descriptors.Class) (Quote, error)
	// Capacity is how much the account can run in all, whether in use or not.
	Capacity(ctx context.Context) (Usage, error)
	// Create makes a resource and returns as soon as the cloud has taken the request on; Get shows when it runs. A
	// repeat with the same Key returns the first one's resource and makes no second, also when the first answer was
	// lost. The resource bears Tags, or the Key in its name.
	Create(ctx context.Context, request Request) (Resource, error)
	// Get shows a resource by the cloud's id; ErrNotFound when it is gone.
	Get(ctx context.Context, id string) (Resource, error)
	// List shows every resource of the account that bears the agency's tags: all of them, or an error, never a part.
	List(ctx context.Context) ([]Resource, error)
	// Delete removes a resource and returns as soon as the cloud has taken the request on. ErrNotFound when it is gone.
	Delete(ctx context.Context, id string) error
	// Close lets go of what the module holds, and of nothing at the cloud. It may be called twice.
	Close() error
}

// Power is the ability to stop and start machines.
type Power interface {
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string) error
	Reboot(ctx context.Context, id string) error
}

// Attacher is the ability to attach a volume to a machine that runs already. Both directions are idempotent.
type Attacher interface {
	Attach(ctx context.Context, volume, machine, mount string) error
	Detach(ctx context.Context, volume, machine string) error
}

// Balancer is the ability to change the targets of a load balancer in place. Connections to targets that stay are not
// disturbed; those to targets that go are drained. A balancer that knows which targets are healthy lets the last of those go
// only when one that is to stay is healthy, and returns then: whoever asks may delete what goes. Is none in time, the targets
// are what they were, and the error is ErrConflict.
type Balancer interface {
	SetTargets(ctx context.Context, id string, targets []Target) error
}

// Meter is the ability to tell how much a resource uses and does.
type Meter interface {
	Measure(ctx context.Context, id string) ([]sla.Measurement, error)
}

// Console is the ability to show what a machine printed. The reader ends at the end of what there is.
type Console interface {
	Console(ctx context.Context, id string) (io.ReadCloser, error)
}

// Executor is the ability to run a command inside a machine that runs. ErrConflict where the machine does not.
type Executor interface {
	// Execute runs a command as the machine's own, and returns its exit code when it has ended and everything it printed
	// was written: 128 and the signal's number if it was killed, 127 if there is no such program. When the context ends, or
	// the machine, the command is killed. An error says that it was not run, or that its end is not known.
	Execute(ctx context.Context, id string, command Command, stdout, stderr io.Writer) (exit int, err error)
}

// Command is what an Executor runs.
type Command struct {
	// Arguments, the first of which is the program.
	Arguments []string
	// Directory to run in, an absolute path on the machine; empty for the one that the machine's own commands run in.
	Directory string
	// Input that the command reads; nil for none.
	Input io.Reader
}

// Files is the ability to bring files into a machine and out of it. Archives are tar, not compressed, and name their
// entries by absolute paths on the machine; files and directories alone are kept, with their permissions. No archive and
// no link leads beside the machine's own files.
type Files interface {
	// ReadFiles opens an archive of a file, or of a directory with all that is in it. ErrNotFound where there is no such
	// path. The reader fails if something cannot be read to its end.
	ReadFiles(ctx context.Context, id, path string) (io.ReadCloser, error)
	// WriteFiles puts an archive's entries in their places, makes the directories they lie in, and replaces files that are
	// there. After an error some may be in place.
	WriteFiles(ctx context.Context, id string, archive io.Reader) error
}

// Snapshotter is the ability to keep what a volume holds at a moment. What it makes is a resource of type
// descriptors.Snapshot: listed, shown and deleted like any other, and it outlives its volume.
type Snapshotter interface {
	// Snapshot begins to keep a volume, attached or not, under the rules of Create. ErrNotFound where there is no such
	// volume.
	Snapshot(ctx context.Context, request CopyRequest) (Resource, error)
}

// Imager is the ability to make an image of a machine. What it makes is a resource of type descriptors.Image: listed,
// shown and deleted like any other, and it outlives its machine.
type Imager interface {
	// Image begins to make an image of a machine, running or stopped, under the rules of Create. ErrNotFound where there
	// is no such machine.
	Image(ctx context.Context, request CopyRequest) (Resource, error)
}

// Resizer is the ability to change the size of what exists, in place: what is on it stays.
type Resizer interface {
	// Resize gives a machine the cores and memory of a class, or a volume its size, and returns as soon as the cloud has
	// taken the request on. It is idempotent. ErrUnsupported where that cannot be done in place, such as to a smaller
	// volume; ErrConflict where the resource must be stopped, or detached, first.
	Resize(ctx context.Context, id string, class descriptors.Class) error
}

// Catalogue is the ability to show what the cloud sells. Both listings are complete or an error, and may be as old as the
// module keeps them for.
type Catalogue interface {
	// Flavors are the sizes of machines, sorted by name.
	Flavors(ctx context.Context) ([]Flavor, error)
	// Images are what machines can be made of, sorted by name.
	Images(ctx context.Context) ([]Image, error)
}

// CredentialChecker is the ability to try a stored credential at the cloud, which it changes nothing at.
type CredentialChecker interface {
	// CheckCredential tries the credential that serves the scope. ErrAuthentication when the cloud does not take it, or
	// it lacks a right that the module needs; services.ErrNoCredential when none is stored.
	CheckCredential(ctx context.Context, scope services.Scope) error
}

// Description says what a module is and can do.
type Description struct {
	// Kind is the module's name in configuration: ptc, openstack, ...
	Kind string `json:"kind" yaml:"kind"`
	// Version of the module, and of the API it speaks.
	Version string `json:"version" yaml:"version"`
	Region  string `json:"region,omitempty" yaml:"region,omitempty"`
	// Country is an ISO 3166-1 alpha-2 code.
	Country string `json:"country,omitempty" yaml:"country,omitempty"`
	// Types that the module can create.
	Types []descriptors.ResourceType `json:"types" yaml:"types"`
	// Images by the names that descriptors use.
	Images []string `json:"images,omitempty" yaml:"images,omitempty"`
	// Isolation says whether resources are kept apart from those of others.
	Isolation bool `json:"isolation" yaml:"isolation"`
	// Credentials that the module needs, by the resource type they are needed for.
	Credentials map[descriptors.ResourceType][]CredentialField `json:"credentials,omitempty" yaml:"credentials,omitempty"`
	// CreateToken says that the cloud itself makes a repeated create with the same key harmless. Where it is false the
	// agent makes sure by listing.
	CreateToken bool `json:"create-token" yaml:"create-token"`
	// Public is when machines (compute) and balancers have a public address, each in all ways that there are; a type that is
	// not in it may have one or not. Whom others must reach from outside of its networks is offered by it.
	Public map[descriptors.ResourceType][]sla.Public `json:"public,omitempty" yaml:"public,omitempty"`
	// Settle is how long after a create a complete listing may still miss the new resource.
	Settle quantity.Duration `json:"settle" yaml:"settle"`
	// Notes go into every proposal: what the cloud cannot keep that somebody might take for granted. A note that begins
	// with "no keys", "no rules" or "no range" says that requests may have them and they have no effect.
	Notes []string `json:"notes,omitempty" yaml:"notes,omitempty"`
}

// Lacks finds the note which says that keys, rules or a range have no effect; false if they have.
func (d Description) Lacks(what string) (note string, lacks bool) {
	for _, note := range d.Notes {
		if rest, begins := strings.CutPrefix(note, "no "+what); begins && (rest == "" || strings.HasPrefix(rest, ":")) {
			return note, true
		}
	}
	return "", false
}

// CredentialField is one value of a credential.
type CredentialField struct {
	Name string `json:"name" yaml:"name"`
	Help string `json:"help" yaml:"help"`
	// Secret values are asked for without echo and shown nowhere.
	Secret bool `json:"secret" yaml:"secret"`
}

// Quote is the price and quality of one instance of a class.
type Quote struct {
	Unit         quantity.Rate
	Availability quantity.Percent
	ReadyIn      quantity.Duration
	// Flavor is what the cloud calls the size that serves the class.
	Flavor string
	// Use is what one instance takes of the capacity.
	Use Usage
}

// Usage is an amount of a cloud's capacity. A zero means none of it where it is used, and no limit where it is a
// capacity.
type Usage struct {
	Instances int            `json:"instances,omitempty" yaml:"instances,omitempty"`
	Cores     int            `json:"cores,omitempty" yaml:"cores,omitempty"`
	Memory    quantity.Bytes `json:"memory,omitempty" yaml:"memory,omitempty"`
	Storage   quantity.Bytes `json:"storage,omitempty" yaml:"storage,omitempty"`
}

// Plus is the sum of two usages.
func (u Usage) Plus(other Usage) Usage {
	return Usage{u.Instances + other.Instances, u.Cores + other.Cores, u.Memory + other.Memory, u.Storage + other.Storage}
}

// Times is the usage of count equal things.
func (u Usage) Times(count int) Usage {
	return Usage{u.Instances * count, u.Cores * count, u.Memory * quantity.Bytes(count), u.Storage * quantity.Bytes(count)}
}

// Request is what Create is asked for.
type Request struct {
	// Key makes the request idempotent: at most 63 characters of a-z, 0-9 and "-", unique for ever.
	Key string
	// Name for people: "web-1".
	Name string
	Tags Tags
	// Class is the resource class with every reference resolved. For a resource of a cluster its type is Compute.
	Class descriptors.Class
	// Files is the path of a gzipped tar archive whose entries are absolute paths on the machine; empty without files.
	Files string
	// Volumes and Networks to join at creation, by the cloud's ids. A volume is mounted at its Mount.
	Volumes  []VolumeMount
	Networks []string
	// Targets of a load balancer at creation.
	Targets []Target
	// Snapshot that a volume begins with, by the cloud's id; empty for a volume that is empty.
	Snapshot string
	// Image of the agency's own that a machine is made of, by the cloud's id. Class.Image then names the image that it goes
	// back to, which the cloud has for everybody. Empty where the machine is made of that itself.
	Image string
	// Rules say who may reach a machine, each once and in an order that follows from what they say. What none of them lets
	// in stays out, where the cloud can keep it out.
	Rules []Rule
}

// CopyRequest is what Snapshot and Image are asked for.
type CopyRequest struct {
	// Key, Name and Tags are like those of a Request.
	Key  string
	Name string
	Tags Tags
	// Source is the volume or machine to copy, by the cloud's id.
	Source string
}

// Rule lets one kind of traffic in at a machine, from one side: a Class or a range of addresses.
type Rule struct {
	// Protocol is tcp, udp or icmp; empty for all there are.
	Protocol string `json:"protocol,omitempty" yaml:"protocol,omitempty"`
	// First and Last port, 1 to 65535; both 0 for all ports.
	First int `json:"first,omitempty" yaml:"first,omitempty"`
	Last  int `json:"last,omitempty" yaml:"last,omitempty"`
	// Class of the same deployment whose machines may come in; empty where From says who.
	Class string `json:"class,omitempty" yaml:"class,omitempty"`
	// From is the range of addresses that may come in, 0.0.0.0/0 for anyone; zero where Class says who.
	From netip.Prefix `json:"from,omitzero" yaml:"from,omitempty"`
}

// VolumeMount is a volume of the cloud and the absolute path at which a machine sees it.
type VolumeMount struct {
	Volume string `json:"volume" yaml:"volume"`
	Mount  string `json:"mount" yaml:"mount"`
}

// Target is one machine behind a load balancer.
type Target struct {
	// Name of the machine, for people.
	Name    string `json:"name" yaml:"name"`
	Address string `json:"address" yaml:"address"`
	Port    int    `json:"port" yaml:"port"`
}
