package vendor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/outbox"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// keepReconciled compares the records with the cloud, at once and from time to time, until the context ends.
func (a *Agent) keepReconciled(ctx context.Context) error {
	ticker := time.NewTicker(a.ReconcileEvery)
	defer ticker.Stop()
	for {
		if err := a.reconcile(ctx); err != nil && ctx.Err() == nil {
			a.Log.Warn("the cloud could not be listed", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// reconcile compares the records with a complete listing. What the cloud changed by itself is taken over and told; what
// it no longer has, also asked by its id, is in error; what bears our tags and is in no record is quarantined: shown, and
// never touched.
func (a *Agent) reconcile(ctx context.Context) error {
	before := a.unattended()
	listing, err := a.Module.List(ctx)
	a.mutex.Lock()
	a.fault = ""
	if err != nil {
		a.fault = err.Error()
	}
	a.mutex.Unlock()
	if err != nil {
		return fmt.Errorf("list the resources of %s: %w", a.name, err)
	}
	listed := make(map[string][]vendormodules.Resource, len(listing))
	for _, resource := range listing {
		listed[resource.Key] = append(listed[resource.Key], resource)
	}
	for _, record := range before {
		a.verify(ctx, record, listed[record.Key])
	}
	a.quarantine(listing)
	return nil
}

// unattended are the records of the resources that nobody is at work on.
func (a *Agent) unattended() []*resourceRecord {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	records := make([]*resourceRecord, 0, len(a.resources))
	for key, record := range a.resources {
		if a.queues[key] == nil {
			records = append(records, record)
		}
	}
	return records
}

// verify compares a record with what a listing has under its key, unless a command came since the listing began.
func (a *Agent) verify(ctx context.Context, record *resourceRecord, listed []vendormodules.Resource) {
	gone := record.Status.State == vendormodules.ResourceGone
	if len(listed) == 0 && (gone || record.Status.ID == "") {
		return
	}
	line, claimed := a.claim(record)
	if !claimed {
		return
	}
	defer a.release(record.Key, line)
	id := record.Status.ID
	if !gone {
		if id == "" {
			id = listed[0].ID // created without the agent hearing of it
		}
		a.tell(record, a.compare(ctx, record, id, listed))
	}
	for _, other := range listed {
		if other.ID != id {
			a.removeDouble(ctx, record, other)
		}
	}
}

// compare returns the record as the cloud has it if that is different, else nil.
func (a *Agent) compare(
	ctx context.Context, record *resourceRecord, id string, listed []vendormodules.Resource,
) *resourceRecord {
	at := slices.IndexFunc(listed, func(resource vendormodules.Resource) bool { return resource.ID == id })
	var resource vendormodules.Resource
	if at >= 0 {
		resource = listed[at]
	} else {
		var err error
		resource, err = a.Module.Get(ctx, id)
		if errors.Is(err, vendormodules.ErrNotFound) {
			return a.missing(record)
		}
		if err != nil {
			return nil // not seen just now
		}
	}
	next := *record
	next.Lost = time.Time{}
	if same(record, resource) && record.Lost.IsZero() {
		return nil
	}
	a.takeOver(&next, resource)
	return &next
}

// same says whether a record shows a resource as the cloud does.
func same(record *resourceRecord, resource vendormodules.Resource) bool {
	status := &record.Status
	return status.ID == resource.ID && status.State == resource.State && status.Fault == resource.Fault &&
		slices.Equal(status.Warnings, resource.Warnings) && slices.Equal(status.Addresses, resource.Addresses)
}

// missing counts the time since the cloud no longer shows a resource; after the cloud's settle time it is lost.
func (a *Agent) missing(record *resourceRecord) *resourceRecord {
	now := a.Now().UTC()
	next := *record
	switch {
	case record.Lost.IsZero():
		next.Lost = now
		if a.settleTime() > 0 {
			return &next
		}
	case record.Status.State == vendormodules.ResourceError || now.Sub(record.Lost) < a.settleTime():
		return nil
	}
	a.takeOver(&next, vendormodules.Resource{
		ID: record.Status.ID, State: vendormodules.ResourceError, Fault: a.name + " lost it",
	})
	return &next
}

// removeDouble deletes what a create made late, after another had been made in its stead or the resource was deleted. The
// recorded id wins.
func (a *Agent) removeDouble(ctx context.Context, record *resourceRecord, double vendormodules.Resource) {
	if double.State == vendormodules.ResourceDeleting || double.Tags.Agency != a.Peer.Agency() ||
		double.Tags.Deployment != record.Status.Ref.Deployment {
		return
	}
	err := a.Module.Delete(ctx, double.ID)
	if err != nil {
		if !errors.Is(err, vendormodules.ErrNotFound) {
			a.Log.Warn("late double not deleted yet", zap.String("id", double.ID), zap.Error(err))
		}
		return
	}
	event := changeEvent(&record.Status)
	event.Message = fmt.Sprintf("a second %s (%s), made late, is being deleted; it cost %s since %s",
		record.Status.Name, double.ID, record.Status.Price, double.Created.Format(time.RFC3339))
	entry := a.outbox.Entry(event)
	if err := a.commit(a.life, entry.Change); err != nil {
		a.Log.Error("late double not told of", zap.String("id", double.ID), zap.Error(err))
		return
	}
	a.outbox.Committed(entry)
}

// tell writes a change that nobody commanded, and the event that tells of it. The caller has claimed the resource.
func (a *Agent) tell(before, after *resourceRecord) {
	if after == nil {
		return
	}
	changes := []services.Change{a.tables.resource(after)}
	var entries []outbox.Entry
	if before.Status.State != after.Status.State {
		entry := a.outbox.Entry(changeEvent(&after.Status))
		entries, changes = append(entries, entry), append(changes, entry.Change)
	}
	if err := a.commit(a.life, changes...); err != nil {
		a.Log.Error("change not written down", zap.String("resource", before.Key), zap.Error(err))
		return
	}
	a.show(after)
	a.outbox.Committed(entries...)
}

func changeEvent(status *proto.ResourceStatus) proto.Event {
	told := *status
	message := fmt.Sprintf("%s is %s", status.Name, status.State)
	if status.Fault != "" {
		message += ": " + status.Fault
	}
	return proto.Event{
		Kind: proto.EventResourceChanged, Deployment: status.Ref.Deployment, Class: status.Ref.Class,
		Message: message, Resource: &told,
	}
}

// quarantine notes what bears this agency's tags and is in no record, as after the loss of the store.
func (a *Agent) quarantine(listing []vendormodules.Resource) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	unknown := map[string]vendormodules.Resource{}
	for _, resource := range listing {
		if a.resources[resource.Key] != nil || resource.Tags.Agency != a.Peer.Agency() {
			continue
		}
		unknown[resource.ID] = resource
		if _, known := a.quarantined[resource.ID]; !known {
			a.Log.Warn("the cloud has a resource with our tags that is in no record; it is left alone",
				zap.String("id", resource.ID), zap.String("name", resource.Name))
		}
	}
	a.quarantined = unknown
}
