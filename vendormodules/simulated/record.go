package simulated

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// warning is what every resource says of itself.
const warning = "simulated: nothing real runs"

// record is all that there is of a resource. Its state follows from it and the time. A record is never changed once it
// is kept, except in this process: what changes is written anew.
type record struct {
	ID   string                   `json:"id"`
	Key  string                   `json:"key"`
	Name string                   `json:"name"`
	Type descriptors.ResourceType `json:"type"`
	Tags vendormodules.Tags       `json:"tags"`
	// Run are the commands that a real machine would run.
	Run []string `json:"run,omitempty"`
	// Use is what it takes of the capacity.
	Use vendormodules.Usage `json:"use,omitzero"`
	// Load is the share of its cores that a machine is busy, 0 to 1.
	Load float64 `json:"load,omitempty"`

	Created time.Time `json:"created"`
	// Shows is from when on listings have it, Runs from when on it runs, unless it Fails then.
	Shows time.Time `json:"shows"`
	Runs  time.Time `json:"runs"`
	Fails bool      `json:"fails,omitempty"`
	// Stopped since, and Started last.
	Stopped time.Time `json:"stopped,omitzero"`
	Started time.Time `json:"started"`
	// Deleted is when its end was asked for, Gone when it comes, Unlisted when listings know.
	Deleted  time.Time `json:"deleted,omitzero"`
	Gone     time.Time `json:"gone,omitzero"`
	Unlisted time.Time `json:"unlisted,omitzero"`

	Addresses []vendormodules.Address `json:"addresses,omitempty"`
	// Volumes of a machine by id, with their mounts.
	Volumes  map[string]string `json:"volumes,omitempty"`
	Networks []string          `json:"networks,omitempty"`
	// Range of a network's addresses.
	Range netip.Prefix `json:"range,omitzero"`
	// Keys that could log in to a real machine, and Rules by which one could be reached.
	Keys    []string               `json:"keys,omitempty"`
	Rules   []vendormodules.Rule   `json:"rules,omitempty"`
	Targets []vendormodules.Target `json:"targets,omitempty"`
}

func (r *record) gone(now time.Time) bool { return !r.Gone.IsZero() && !now.Before(r.Gone) }

// listed says whether a listing made now has it.
func (r *record) listed(now time.Time) bool {
	return !now.Before(r.Shows) && (r.Unlisted.IsZero() || now.Before(r.Unlisted))
}

func (r *record) state(now time.Time) vendormodules.ResourceState {
	switch {
	case !r.Deleted.IsZero():
		return vendormodules.ResourceDeleting
	case now.Before(r.Runs):
		return vendormodules.ResourceCreating
	case r.Fails:
		return vendormodules.ResourceError
	case !r.Stopped.IsZero():
		return vendormodules.ResourceStopped
	}
	return vendormodules.ResourceRunning
}

// resource is the record as the cloud shows it.
func (r *record) resource(now time.Time) vendormodules.Resource {
	shown := vendormodules.Resource{
		ID: r.ID, Key: r.Key, Name: r.Name, Type: r.Type, Tags: r.Tags, State: r.state(now), Created: r.Created,
		Warnings: []string{warning},
	}
	if r.Type == descriptors.Volume || r.Type.CopyOf() != "" {
		shown.Size = r.Use.Storage
	}
	switch shown.State {
	case vendormodules.ResourceError:
		shown.Fault = "it did not start, by chance: " + warning
	case vendormodules.ResourceRunning, vendormodules.ResourceStopped:
		shown.Addresses = slices.Clone(r.Addresses)
	}
	return shown
}

// held are the ids of the volumes and networks that it keeps from being deleted.
func (r *record) held() []string {
	return slices.AppendSeq(slices.Clone(r.Networks), maps.Keys(r.Volumes))
}
