package deployer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloud-agency/agency/agents/outbox"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// deployment is a deployment as the agent holds it.
type deployment struct {
	mutex     sync.Mutex // guards what follows
	record    deploymentRecord
	instances map[string]*instance
	// interrupt ends the operation at work, and idle is closed when it has ended.
	interrupt context.CancelCauseFunc
	idle      chan struct{}
}

// deploymentRecord is a deployment as it is kept.
type deploymentRecord struct {
	Descriptor descriptors.Deployment      `json:"descriptor"`
	State      descriptors.DeploymentState `json:"state"`
	Since      time.Time                   `json:"since"`
	// Counts of instances wanted, by class.
	Counts map[string]int `json:"counts"`
	// Operation that was begun last.
	Operation string `json:"operation,omitempty"`
	Fault     string `json:"fault,omitempty"`
	Hint      string `json:"hint,omitempty"`
}

// instance is one resource that is, was or will be wanted.
type instance struct {
	Ref proto.ResourceRef `json:"ref"`
	// Sequence of the last command given for it, and what that was.
	Sequence uint64             `json:"sequence"`
	Verb     proto.ResourceVerb `json:"verb"`
	// Status as the vendor told it last.
	Status proto.ResourceStatus `json:"status"`
}

func (i *instance) key() string { return instanceKey(i.Ref) }

// command is the id of the last command given for the instance.
func (i *instance) command() string {
	return fmt.Sprintf("%s-%s-%d", i.key(), i.Verb, i.Sequence)
}

// stands says whether there may be something of the instance at the vendor.
func (i *instance) stands() bool { return i.Status.State != vendormodules.ResourceGone }

func (i *instance) running() bool { return i.Status.State == vendormodules.ResourceRunning }

func instanceKey(ref proto.ResourceRef) string {
	return fmt.Sprintf("%s-%s-%d-%d", strings.ToLower(ref.Deployment), ref.Class, ref.Index, ref.Generation)
}

// operation is something that a client asked to be done with a deployment.
type operation struct {
	ID         string                  `json:"id"`
	Deployment string                  `json:"deployment"`
	Command    proto.DeploymentCommand `json:"command"`
	Taken      time.Time               `json:"taken"`
	Outcome    *proto.Outcome          `json:"outcome,omitempty"`
}

// keepFor is how long what has ended is remembered.
const keepFor = 24 * time.Hour

// tables are the records in the store.
type tables struct {
	deployments services.Table[deploymentRecord]
	instances   services.Table[instance]
	operations  services.Table[operation]
}

func newTables(store services.Store) tables {
	return tables{
		services.NewTable[deploymentRecord](store, "deployments", "deployment", 1),
		services.NewTable[instance](store, "instances", "instance", 1),
		services.NewTable[operation](store, "operations", "operation", 1),
	}
}

func (t tables) deployment(target *deployment) services.Change {
	return t.deployments.Overwrite(target.record.Descriptor.ID, target.record)
}

func (t tables) instance(one *instance) services.Change {
	return t.instances.Overwrite(one.Ref.Deployment+"."+one.key(), *one)
}

func (t tables) operation(one *operation) services.Change {
	return t.operations.Overwrite(one.ID, *one)
}

// commit writes changes down together with the events that tell of them. It is not given up when whoever asked has gone.
func (a *Agent) commit(ctx context.Context, events []proto.Event, changes ...services.Change) error {
	entries := make([]outbox.Entry, 0, len(events))
	for _, event := range events {
		entry := a.outbox.Entry(event)
		entries, changes = append(entries, entry), append(changes, entry.Change)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWithin)
	defer cancel()
	for batch := range slices.Chunk(changes, services.MaxChanges) {
		if err := a.Store.Commit(ctx, batch...); err != nil {
			return fmt.Errorf("write records: %w", err)
		}
	}
	a.outbox.Committed(entries...)
	return nil
}

// commitWithin bounds one commit.
const commitWithin = 10 * time.Second

// load reads the records of earlier runs and forgets those that nobody can ask for any more.
func (a *Agent) load(ctx context.Context) error {
	if err := a.outbox.Load(ctx); err != nil {
		return err
	}
	now := a.Now()
	var old []services.Change
	deployments, err := a.tables.deployments.List(ctx)
	if err != nil {
		return err
	}
	for _, row := range deployments {
		if row.Value.State == descriptors.DeploymentRemoved && row.Value.Since.Add(keepFor).Before(now) {
			old = append(old, a.tables.deployments.Discard(row.ID))
			continue
		}
		a.deployments[row.ID] = &deployment{record: row.Value, instances: map[string]*instance{}}
	}
	instances, err := a.tables.instances.List(ctx)
	if err != nil {
		return err
	}
	for _, row := range instances {
		one := row.Value
		if owner := a.deployments[one.Ref.Deployment]; owner != nil {
			owner.instances[one.key()] = &one
			continue
		}
		old = append(old, a.tables.instances.Discard(row.ID))
	}
	operations, err := a.tables.operations.List(ctx)
	if err != nil {
		return err
	}
	for _, row := range operations {
		one := row.Value
		if one.Outcome != nil && one.Taken.Add(keepFor).Before(now) {
			old = append(old, a.tables.operations.Discard(row.ID))
			continue
		}
		a.operations[row.ID] = &one
	}
	return a.commit(ctx, nil, old...)
}
