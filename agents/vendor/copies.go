package vendor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// copyType is the type of the copies that a verb makes, empty for other verbs.
func copyType(verb proto.ResourceVerb) descriptors.ResourceType {
	switch verb {
	case proto.VerbSnapshot:
		return descriptors.Snapshot
	case proto.VerbImage:
		return descriptors.Image
	}
	return ""
}

// copyTypes are the types of the copies that can be made here.
func (a *Agent) copyTypes() (types []descriptors.ResourceType) {
	if a.abilities.Imager != nil {
		types = append(types, descriptors.Image)
	}
	if a.abilities.Snapshotter != nil {
		types = append(types, descriptors.Snapshot)
	}
	return types
}

// copyKey is the key of the copy that a command makes. Copies have names that may be used again, and commands ids that
// never are.
func copyKey(kind descriptors.ResourceType, command string) string {
	sum := sha256.Sum256([]byte(command))
	return fmt.Sprintf("%s-%s", kind, hex.EncodeToString(sum[:16]))
}

// keep takes a record into memory. The caller holds the mutex, as for all that follows here but the last three.
func (a *Agent) keep(record *resourceRecord) {
	a.resources[record.Key] = record
	a.located.add(record.Status.Ref.Deployment, record.Key)
	if record.Status.Copy != nil {
		a.copies[record.Key] = true
	}
}

// drop forgets a record.
func (a *Agent) drop(key string) {
	if record := a.resources[key]; record != nil {
		a.located.remove(record.Status.Ref.Deployment, key)
	}
	delete(a.resources, key)
	delete(a.copies, key)
}

// copied is what all copies take of the capacity.
func (a *Agent) copied() (use vendormodules.Usage) {
	for key := range a.copies {
		if record := a.resources[key]; record.Status.State != vendormodules.ResourceGone {
			use = use.Plus(record.Use)
		}
	}
	return use
}

// copyNamed is the copy of a name, nil for none.
func (a *Agent) copyNamed(name string) *resourceRecord {
	for key := range a.copies {
		record := a.resources[key]
		if record.Status.Name == name && record.Status.State != vendormodules.ResourceGone {
			return record
		}
	}
	return nil
}

// copyNames are the names of all copies of some types.
func (a *Agent) copyNames(types ...descriptors.ResourceType) (names []string) {
	for key := range a.copies {
		record := a.resources[key]
		if slices.Contains(types, record.Status.Type) && record.Status.State != vendormodules.ResourceGone {
			names = append(names, record.Status.Name)
		}
	}
	slices.Sort(names)
	return names
}

// noCopy refuses a name that no copy of some types has, and says which was probably meant.
func (a *Agent) noCopy(name string, types ...descriptors.ResourceType) *sla.Refusal {
	refusal := refusalf(sla.RefusedNotFound, "%s has no %s called %q", a.name, types[0], name)
	refusal.Hint = "`agency snapshots` lists those that there are"
	if nearest, found := descriptors.Nearest(name, a.copyNames(types...)); found {
		refusal.Hint = fmt.Sprintf("did you mean %s?", nearest)
	}
	return refusal
}

// admitCopy says whether a copy may be made, and if so gives it its place in memory.
func (a *Agent) admitCopy(command *commandRecord, agreement *sla.Agreement) (admission, *sla.Refusal) {
	kind, asked := copyType(command.Command.Verb), command.Command.Copy
	source := a.resources[cloudKey(command.Command.Resource)]
	switch {
	case asked == nil || descriptors.CheckName(asked.Name) != nil:
		return admission{}, refusalf(sla.RefusedBadRequest, "a copy has a name: a letter, then letters, digits and hyphens, at most 40")
	case source == nil || source.Status.ID == "" || source.Status.State == vendormodules.ResourceGone:
		return admission{}, refusalf(sla.RefusedNotFound, "%s has no %s %d", a.name, command.Command.Resource.Class, command.Command.Resource.Index)
	case source.Status.Type != kind.CopyOf():
		return admission{}, refusalf(sla.RefusedBadRequest, "%s is a %s; no %s is made of that", source.Status.Name, source.Status.Type, kind)
	case !slices.Contains(a.copyTypes(), kind):
		return admission{}, refusalf(sla.RefusedUnsupported, "%s: %s has no way to make %ss", a.name, a.description.Kind, kind)
	}
	if state := source.Status.State; state != vendormodules.ResourceRunning && state != vendormodules.ResourceStopped {
		return admission{}, refusalf(sla.RefusedState, "%s is %s", source.Status.Name, state)
	}
	if other := a.copyNamed(asked.Name); other != nil {
		refusal := refusalf(sla.RefusedConflict, "%s has the %s %s already, of %s of %s",
			a.name, other.Status.Type, asked.Name, other.Status.Copy.Source, other.Status.Copy.Deployment)
		refusal.Hint = "choose another name, or `agency snapshots remove " + asked.Name + "` first"
		return admission{}, refusal
	}
	record := a.newCopy(command, source, agreement)
	command.Copy = record.Key
	a.keep(record)
	return admission{created: record}, nil
}

// newCopy is the record of a copy that is about to be made.
func (a *Agent) newCopy(command *commandRecord, source *resourceRecord, agreement *sla.Agreement) *resourceRecord {
	now := a.Now().UTC()
	kind, ref, made := copyType(command.Command.Verb), command.Command.Resource, *command.Command.Copy
	if from := a.resources[source.From]; from != nil {
		made.Image = from.Status.Copy.Image
	}
	return &resourceRecord{
		Key: copyKey(kind, command.ID), Sequence: command.Sequence, Source: source.Status.ID,
		Status: proto.ResourceStatus{
			Ref: proto.ResourceRef{Deployment: ref.Deployment, Class: ref.Class}, Name: made.Name, Type: kind, Vendor: a.name,
			Agreement: agreement.ID, State: vendormodules.ResourceRequested, Created: now, Changed: now, Copy: &made,
		},
	}
}

// admitCopyRemoval says whether a copy may be deleted: not while something stands that was made of it, which could not
// be replaced without.
func (a *Agent) admitCopyRemoval(command *commandRecord) (admission, *sla.Refusal) {
	name := command.Command.Copy.Name
	known := a.copyNamed(name)
	if known == nil {
		return admission{}, a.noCopy(name, descriptors.Snapshot, descriptors.Image)
	}
	for _, record := range a.resources {
		if record.From == known.Key && record.Status.State != vendormodules.ResourceGone {
			refusal := refusalf(sla.RefusedConflict, "%s is in use: %s was made of it, and would be again if it had to be replaced",
				name, record.Status.Name)
			refusal.Hint = "remove what was made of it first; `agency resources` lists it"
			return admission{}, refusal
		}
	}
	command.Copy, command.Sequence = known.Key, known.Sequence+1
	a.resources[known.Key] = known.at(command.Sequence)
	return admission{sequence: known.Sequence}, nil
}

// copy makes a copy and waits until it is whole. One that fails leaves nothing, as far as that can be: a name that is
// taken by what nobody can use would be in the way.
func (a *Agent) copy(ctx context.Context, command *commandRecord, record *resourceRecord) error {
	err := a.makeCopy(ctx, command, record)
	switch {
	case err == nil, a.life.Err() != nil, errors.Is(context.Cause(ctx), errSuperseded):
		return err
	case ctx.Err() != nil && record.Status.ID != "":
		return sla.Refusal{
			Code: sla.RefusedUnavailable, Message: "it is still being made", Hint: "`agency snapshots` shows when it is there",
		}
	}
	undoing, cancel := context.WithTimeout(a.life, a.ActWithin)
	defer cancel()
	if left := a.remove(undoing, record); left != nil {
		if moved := record.begin(vendormodules.ResourceError); moved == nil {
			record.Status.Fault, record.Status.Changed = err.Error(), a.Now().UTC()
		}
		return fmt.Errorf("%w; what there is of it could not be deleted: %w", err, left)
	}
	return err
}

func (a *Agent) makeCopy(ctx context.Context, command *commandRecord, record *resourceRecord) error {
	uncertain := record.Attempted || command.resumed
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := record.begin(vendormodules.ResourceCreating); err != nil {
		return err
	}
	a.appraise(ctx, record)
	if err := a.roomFor(ctx, record); err != nil && !uncertain {
		return err
	}
	record.Attempted = true
	a.show(record)
	request := vendormodules.CopyRequest{
		Key: record.Key, Name: record.Status.Name, Source: record.Source,
		Tags: vendormodules.Tags{
			Agency: a.Peer.Agency(), Deployment: record.Status.Ref.Deployment, Class: record.Status.Ref.Class,
			Agreement: record.Status.Agreement,
		},
	}
	resource, err := a.ensure(ctx, record.Key, uncertain, func() (vendormodules.Resource, error) {
		if record.Status.Type == descriptors.Image {
			return a.abilities.Imager.Image(ctx, request)
		}
		return a.abilities.Snapshotter.Snapshot(ctx, request)
	})
	if err != nil {
		return err
	}
	record.Status.ID = resource.ID
	a.show(record)
	resource, err = a.watcher.await(ctx, resource, a.Now().Add(a.settleTime()), settledCreate)
	if err != nil {
		return err
	}
	a.takeOver(record, resource)
	if resource.State == vendormodules.ResourceError {
		return fmt.Errorf("it failed: %s", resource.Fault)
	}
	a.appraise(ctx, record)
	return nil
}

// appraiseWithin bounds the question what a copy costs, which is not worth more waiting.
const appraiseWithin = 10 * time.Second

// appraise finds out what a copy costs and takes, as soon as its size is known. What the module does not tell stays
// unknown.
func (a *Agent) appraise(ctx context.Context, record *resourceRecord) {
	size := record.Status.Copy.Size
	if size == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, appraiseWithin)
	defer cancel()
	quote, err := a.Module.Quote(ctx, descriptors.Class{Type: record.Status.Type, Size: size})
	if err != nil {
		a.Log.Debug("price of a copy not known", zap.String("copy", record.Status.Name), zap.Error(err))
		return
	}
	record.Status.Price, record.Use = quote.Unit, quote.Use
}

// roomFor refuses a copy for which there is no room beside what is promised to others.
func (a *Agent) roomFor(ctx context.Context, record *resourceRecord) error {
	capacity, err := a.Module.Capacity(ctx)
	if err != nil {
		return fmt.Errorf("capacity of %s: %w", a.name, err)
	}
	held, used := a.usage()
	if refusal := shortage(capacity, held.Plus(used), record.Use, 1); refusal != nil {
		return *refusal
	}
	return nil
}
