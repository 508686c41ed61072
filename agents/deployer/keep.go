package deployer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cloud-agency/agency/agents/outbox"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// keepFor is how long what has ended is remembered: longer than anybody asks again.
const keepFor = 24 * time.Hour

// commitWithin bounds one commit.
const commitWithin = 10 * time.Second

// step is something that happens all at once: what is written, which events tell of it, and how memory follows.
type step struct {
	changes []services.Change
	events  []proto.Event
	memory  func()
}

// commit writes a step down, lets memory follow, and only then tells of it, so that whoever acts on an event finds the
// agent where the event says. A commit is not given up when whoever asked for it has gone.
func (a *Agent) commit(ctx context.Context, step step) error {
	entries := make([]outbox.Entry, 0, len(step.events))
	for _, event := range step.events {
		entry := a.outbox.Entry(event)
		entries, step.changes = append(entries, entry), append(step.changes, entry.Change)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWithin)
	defer cancel()
	if err := a.Store.Commit(ctx, step.changes...); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	if step.memory != nil {
		step.memory()
	}
	a.outbox.Committed(entries...)
	return nil
}

// amend changes a deployment's record in one step with whatever else edit returns.
func (a *Agent) amend(ctx context.Context, target *deployment, edit func(*deploymentRecord) (step, error)) error {
	target.writing.Lock()
	defer target.writing.Unlock()
	record := target.snapshot()
	whole, err := edit(&record)
	if err != nil {
		return err
	}
	memory := whole.memory
	whole.changes = append(whole.changes, a.tables.deployment(record))
	whole.memory = func() {
		target.mutex.Lock()
		target.record = record
		target.mutex.Unlock()
		if memory != nil {
			memory()
		}
	}
	return a.commit(ctx, whole)
}

// note changes an instance's record if edit says so.
func (a *Agent) note(ctx context.Context, target *deployment, one *instance, edit func(*instanceRecord) bool) error {
	one.writing.Lock()
	defer one.writing.Unlock()
	target.mutex.Lock()
	record := one.instanceRecord
	target.mutex.Unlock()
	if !edit(&record) {
		return nil
	}
	return a.commit(ctx, step{
		changes: []services.Change{a.tables.instance(record)},
		memory: func() {
			target.mutex.Lock()
			one.instanceRecord = record
			target.mutex.Unlock()
		},
	})
}

// load reads the records of earlier runs.
func (a *Agent) load(ctx context.Context) error {
	if err := a.outbox.Load(ctx); err != nil {
		return err
	}
	deployments, err := a.tables.deployments.List(ctx)
	if err != nil {
		return err
	}
	for _, row := range deployments {
		a.shelf.put(&deployment{record: row.Value, instances: map[string]*instance{}})
	}
	instances, err := a.tables.instances.List(ctx)
	if err != nil {
		return err
	}
	for _, row := range instances {
		if owner := a.shelf.byID[row.Value.Ref.Deployment]; owner != nil {
			owner.instances[row.Value.key()] = keptInstance(row.Value)
		}
	}
	operations, err := a.tables.operations.List(ctx)
	if err != nil {
		return err
	}
	for _, row := range operations {
		a.operations[row.ID] = &row.Value
	}
	return a.forget(ctx)
}

// forget drops the records of what ended so long ago that nobody asks for it any more.
func (a *Agent) forget(ctx context.Context) error {
	horizon := a.Now().Add(-keepFor)
	var old []services.Change
	a.mutex.Lock()
	for id, one := range a.operations {
		if one.Outcome != nil && one.Ended.Before(horizon) {
			delete(a.operations, id)
			old = append(old, a.tables.operations.Discard(id))
		}
	}
	for id, target := range a.shelf.byID {
		record := target.snapshot()
		if record.State != descriptors.DeploymentRemoved || !record.Since.Before(horizon) {
			continue
		}
		a.shelf.drop(id)
		target.mutex.Lock()
		for _, one := range target.instances {
			old = append(old, a.tables.instances.Discard(instanceID(one.Ref)))
		}
		target.mutex.Unlock()
		// Last, so that a crash in between leaves no instances without a deployment.
		old = append(old, a.tables.deployments.Discard(id))
	}
	a.mutex.Unlock()
	for batch := range slices.Chunk(old, services.MaxChanges) {
		if err := a.commit(ctx, step{changes: batch}); err != nil {
			return err
		}
	}
	return nil
}
