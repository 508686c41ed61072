package deployer

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/difference"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// deployment is a deployment as the agent holds it. What memory shows has been written down before.
type deployment struct {
	// writing keeps the changes of the record in order; it is taken before mutex.
	writing sync.Mutex

	mutex     sync.Mutex // guards what follows
	record    deploymentRecord
	instances map[string]*instance
	working   *working
	// fates that were found out, by class and the two revisions.
	fates map[string]difference.Fate

	// leading keeps the leading of balancers in order; it is taken before writing.
	leading sync.Mutex
}

// working is the operation at work on a deployment.
type working struct {
	verb proto.DeploymentVerb
	// interrupt ends it early, and idle is closed when it has ended.
	interrupt func(cause error)
	idle      chan struct{}
}

// deploymentRecord is a deployment as it is kept. It is copied, and nothing in it is changed in place.
type deploymentRecord struct {
	Descriptor descriptors.Deployment      `json:"descriptor"`
	State      descriptors.DeploymentState `json:"state"`
	Since      time.Time                   `json:"since"`
	// Counts of instances wanted, by class.
	Counts map[string]int `json:"counts"`
	// Secret is what the tokens of its classes are made of. It leaves this record in no other form.
	Secret string `json:"secret,omitempty"`
	// Holes are the indices, by class, that are not wanted though later ones are: machines that were deleted one by one.
	Holes map[string][]int `json:"holes,omitempty"`
	// Attached are the volumes that were attached by command, beside those that the descriptor has.
	Attached []attachment `json:"attached,omitempty"`
	// Detached are the volumes that the descriptor attaches and a command has detached.
	Detached []attachment `json:"detached,omitempty"`
	// Former are the descriptors before the changes that are not through yet: instances may still be as those have them.
	Former []descriptors.Deployment `json:"former,omitempty"`
	// Superseded are the classes that agreements are not needed for once such changes are through, by agreement.
	Superseded map[string][]string `json:"superseded,omitempty"`
	// Inherited says that it was changed before it was ever deployed, so that agreements may stand that nobody named here.
	Inherited bool `json:"inherited,omitempty"`
	// Operation that was begun last.
	Operation string `json:"operation,omitempty"`
	Fault     string `json:"fault,omitempty"`
	Hint      string `json:"hint,omitempty"`
}

// planned is the record of a deployment of which nothing stands yet.
func planned(descriptor descriptors.Deployment, now time.Time) deploymentRecord {
	counts := make(map[string]int, len(descriptor.Resources))
	classes := descriptor.Classes()
	for name := range classes {
		counts[name] = sla.Instances(classes, name).Min
	}
	return deploymentRecord{
		Descriptor: descriptor, State: descriptors.DeploymentPlanned, Since: now.UTC(), Counts: counts,
		Secret: rand.Text(), Inherited: descriptor.Revision > 0,
	}
}

// token is a secret of a class's, which nobody finds out from another's.
func (r *deploymentRecord) token(class string) string {
	sum := hmac.New(sha256.New, []byte(r.Secret))
	sum.Write([]byte(class)) // a hash takes everything
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// move takes the record to another state, with the reason and the way out for people, and returns the event that tells
// of it: none if it is in that state already.
func (r *deploymentRecord) move(next descriptors.DeploymentState, fault sla.Refusal, now time.Time) ([]proto.Event, error) {
	changed := r.State != next
	if changed {
		if err := descriptors.DeploymentStates.Move(&r.State, next); err != nil {
			return nil, fmt.Errorf("deployment %s: %w", r.Descriptor.Name, err)
		}
		r.Since = now.UTC()
	}
	r.Fault, r.Hint = fault.Message, fault.Hint
	if !changed {
		return nil, nil
	}
	return []proto.Event{r.event()}, nil
}

// event tells which state the deployment is in.
func (r *deploymentRecord) event() proto.Event {
	message := fmt.Sprintf("%s is %s", r.Descriptor.Name, r.State)
	if r.Fault != "" {
		message += ": " + r.Fault
	}
	return proto.Event{
		Kind: proto.EventDeploymentChanged, Name: r.Descriptor.Name, Deployment: r.Descriptor.ID, Message: message,
		State: r.State,
	}
}

// snapshot is the record as it is now.
func (d *deployment) snapshot() deploymentRecord {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.record
}

// instance is one resource that is, was or will be wanted. The deployment's mutex guards its record.
type instance struct {
	// Ref is the record's, which nobody changes: it may be read without the mutex.
	Ref proto.ResourceRef
	// writing keeps the changes of the record in order; it is taken before the deployment's mutex.
	writing sync.Mutex
	instanceRecord
}

// instanceRecord is an instance as it is kept. It is copied, and nothing in it is changed in place.
type instanceRecord struct {
	Ref proto.ResourceRef `json:"ref"`
	// Sequence of the last command given for it, 0 before the first.
	Sequence uint64 `json:"sequence"`
	// Command is that command, as it was sent.
	Command proto.ResourceCommand `json:"command"`
	// Ended says that its end is known.
	Ended bool `json:"ended,omitempty"`
	// Uses are the instances that its creation refers to: what it is attached to, and whose addresses it was given.
	Uses []proto.ResourceRef `json:"uses,omitempty"`
	// Halted says that the machine was stopped on purpose, is being, or is being restarted: balancers leave it out.
	Halted bool `json:"halted,omitempty"`
	// Revision of the descriptor that the instance is as.
	Revision int `json:"revision,omitempty"`
	// Outgoing says that it is about to be replaced, Paused that it is stopped to be given another size: balancers leave it
	// out, and its being down is no fault.
	Outgoing bool `json:"outgoing,omitempty"`
	Paused   bool `json:"paused,omitempty"`
	// Targets that a balancer is known to have.
	Targets []vendormodules.Target `json:"targets,omitempty"`
	// Status as the vendor told it last.
	Status proto.ResourceStatus `json:"status"`
}

func (i *instanceRecord) key() string { return instanceKey(i.Ref) }

// command is the id of the last command given for the instance.
func (i *instanceRecord) command() string {
	return fmt.Sprintf("%s-%s-%d", i.key(), i.Command.Verb, i.Sequence)
}

// told says whether the vendor may have heard of the instance.
func (i *instanceRecord) told() bool { return i.Sequence > 0 }

// creating says that it was told to be created, and that the end of that is not known.
func (i *instanceRecord) creating() bool {
	return i.told() && !i.Ended && i.Command.Verb == proto.VerbCreate
}

// gone says that it was, and is no more.
func (i *instanceRecord) gone() bool { return i.Status.State == vendormodules.ResourceGone }

// stands says whether there may be something of the instance at the vendor.
func (i *instanceRecord) stands() bool { return i.told() && !i.gone() }

// idle says that it is stopped because somebody stopped it.
func (i *instanceRecord) idle() bool {
	return i.Halted && i.Status.State == vendormodules.ResourceStopped && !i.deleting()
}

// running says that it runs and nobody has begun to delete it.
func (i *instanceRecord) running() bool {
	return i.Status.State == vendormodules.ResourceRunning && !i.deleting()
}

// serves says that nobody has begun to take it out of service.
func (i *instanceRecord) serves() bool { return !i.Halted && !i.Outgoing && !i.Paused }

// deleting says that it was told to be deleted, and that the end of that is not known.
func (i *instanceRecord) deleting() bool {
	return i.told() && !i.Ended && i.Command.Verb == proto.VerbDelete
}

// take takes over what the vendor says, unless something newer is known.
func (i *instanceRecord) take(status proto.ResourceStatus) {
	if !status.Changed.Before(i.Status.Changed) {
		i.Status = status
	}
}

func keptInstance(record instanceRecord) *instance {
	return &instance{Ref: record.Ref, instanceRecord: record}
}

func instanceKey(ref proto.ResourceRef) string {
	return fmt.Sprintf("%s-%s-%d-%d", ref.Deployment, ref.Class, ref.Index, ref.Generation)
}

// newInstance is an instance that nobody was told of yet.
func newInstance(descriptor descriptors.Deployment, class string, index, generation int) *instance {
	bound, name := descriptor.Resources[class], class
	if bound.Type.RunsMachines() || sla.Instances(descriptor.Classes(), class).Max > 1 {
		name = fmt.Sprintf("%s-%d", class, index)
	}
	ref := proto.ResourceRef{Deployment: descriptor.ID, Class: class, Index: index, Generation: generation}
	return keptInstance(instanceRecord{Ref: ref, Revision: descriptor.Revision, Status: proto.ResourceStatus{
		Ref: ref, Name: name, Type: bound.Type, Vendor: bound.Vendor, Agreement: bound.Agreement,
		State: vendormodules.ResourceRequested, Price: bound.Price,
	}})
}

// latest is the newest generation of an instance, nil if there was none. The caller holds the deployment's mutex.
func (d *deployment) latest(class string, index int) *instance {
	var latest *instance
	for _, one := range d.instances {
		if one.Ref.Class == class && one.Ref.Index == index &&
			(latest == nil || one.Ref.Generation > latest.Ref.Generation) {
			latest = one
		}
	}
	return latest
}

// runningOf are the instances of a class that are wanted and run, and are not being stopped, by index. The caller holds the deployment's mutex.
func (d *deployment) runningOf(class string) []*instance {
	var running []*instance
	for _, index := range d.record.indices(class) {
		if latest := d.latest(class, index); latest != nil && latest.running() && latest.serves() {
			running = append(running, latest)
		}
	}
	return running
}

// standing are the instances of which something may stand and that a condition holds for, sorted.
func (d *deployment) standing(condition func(*instance) bool) []*instance {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	var standing []*instance
	for _, one := range d.instances {
		if one.stands() && condition(one) {
			standing = append(standing, one)
		}
	}
	slices.SortFunc(standing, func(x, y *instance) int { return compareRefs(x.Ref, y.Ref) })
	return standing
}

func compareRefs(x, y proto.ResourceRef) int {
	return cmp.Or(cmp.Compare(x.Class, y.Class), cmp.Compare(x.Index, y.Index), cmp.Compare(x.Generation, y.Generation))
}

func every(*instance) bool { return true }

// operation is something that a client asked to be done with a deployment. Once it is written it is never changed, but
// replaced.
type operation struct {
	ID         string                  `json:"id"`
	Deployment string                  `json:"deployment"`
	Command    proto.DeploymentCommand `json:"command"`
	Taken      time.Time               `json:"taken"`
	// Before is the count that a scaled class had, HolesBefore what was missing of it.
	Before      int            `json:"before,omitempty"`
	HolesBefore []int          `json:"holes-before,omitempty"`
	Outcome     *proto.Outcome `json:"outcome,omitempty"`
	Ended       time.Time      `json:"ended,omitzero"`
}

// tables are the records in the store.
type tables struct {
	deployments services.Table[deploymentRecord]
	instances   services.Table[instanceRecord]
	operations  services.Table[operation]
}

func newTables(store services.Store) tables {
	return tables{
		services.NewTable[deploymentRecord](store, "deployments", "deployment", 1),
		services.NewTable[instanceRecord](store, "instances", "instance", 1),
		services.NewTable[operation](store, "operations", "operation", 1),
	}
}

func (t tables) deployment(record deploymentRecord) services.Change {
	return t.deployments.Overwrite(record.Descriptor.ID, record)
}

func (t tables) instance(record instanceRecord) services.Change {
	return t.instances.Overwrite(instanceID(record.Ref), record)
}

func (t tables) operation(one *operation) services.Change {
	return t.operations.Overwrite(one.ID, *one)
}

// instanceID is the instance's id in its table, below that of its deployment.
func instanceID(ref proto.ResourceRef) string { return ref.Deployment + "." + instanceKey(ref) }
