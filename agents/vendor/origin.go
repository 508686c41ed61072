package vendor

import (
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// origin is the copy that a class is made of: the snapshot that it names, or the image if that is one of ours, which go
// before those that the cloud has for everybody. Nil if it is made of neither. The caller holds the mutex.
func (a *Agent) origin(class descriptors.Class) (*resourceRecord, *sla.Refusal) {
	name, kind := class.Image, descriptors.Image
	if class.Snapshot != "" {
		name, kind = class.Snapshot, descriptors.Snapshot
	}
	if name == "" {
		return nil, nil
	}
	found := a.copyNamed(name)
	switch {
	case found != nil && found.Status.Type != kind:
		found = nil
	case found != nil && found.Status.State != vendormodules.ResourceRunning:
		return nil, refusalf(sla.RefusedState, "%s %s at %s is %s", kind, name, a.name, found.Status.State)
	}
	switch {
	case found == nil && kind == descriptors.Snapshot:
		return nil, a.noCopy(name, kind)
	case found == nil && !slices.Contains(a.description.Images, name):
		if _, near := descriptors.Nearest(name, a.copyNames(kind)); near {
			return nil, a.noCopy(name, kind)
		}
	case found != nil && kind == descriptors.Snapshot && class.Size < found.Status.Copy.Size:
		refusal := refusalf(sla.RefusedBadRequest, "a volume of %s is smaller than the snapshot %s", class.Size, name)
		refusal.Hint = "would do " + found.Status.Copy.Size.String()
		return nil, refusal
	}
	return found, nil
}

// plain is a class as the module prices it: an image of ours is priced as the one that it goes back to.
func (a *Agent) plain(class descriptors.Class) (descriptors.Class, *sla.Refusal) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	from, refusal := a.origin(class)
	if from != nil && from.Status.Type == descriptors.Image {
		class.Image = from.Status.Copy.Image
	}
	return class, refusal
}

// originate lets a request say what the resource is made of, and notes it in the record, so that it stays as long as the
// resource does.
func (a *Agent) originate(request *vendormodules.Request, record *resourceRecord) *sla.Refusal {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	from, refusal := a.origin(request.Class)
	if from == nil || refusal != nil {
		return refusal
	}
	if from.Status.Type == descriptors.Image {
		request.Image, request.Class.Image = from.Status.ID, from.Status.Copy.Image
	} else {
		request.Snapshot = from.Status.ID
	}
	record.From = from.Key
	if known := a.resources[record.Key]; known != nil {
		a.resources[record.Key] = record.at(known.Sequence)
	}
	return nil
}
