package deployer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// attachment is a volume that was attached to a machine by command. It goes with the indices, so that it holds for what
// replaces the two.
type attachment struct {
	VolumeClass  string `json:"volume-class"`
	VolumeIndex  int    `json:"volume-index"`
	MachineClass string `json:"machine-class"`
	MachineIndex int    `json:"machine-index"`
	Mount        string `json:"mount"`
}

func (a attachment) of(ref proto.ResourceRef) bool {
	return a.VolumeClass == ref.Class && a.VolumeIndex == ref.Index
}

func (a attachment) to(ref proto.ResourceRef) bool {
	return a.MachineClass == ref.Class && a.MachineIndex == ref.Index
}

// attachedTo are the volumes attached by command to a machine.
func (r *deploymentRecord) attachedTo(ref proto.ResourceRef) []attachment {
	return slices.DeleteFunc(slices.Clone(r.Attached), func(one attachment) bool { return !one.to(ref) })
}

// admitAttachment says why a volume is not to be attached to a machine, or detached. The caller holds the mutex.
func (d *deployment) admitAttachment(command proto.DeploymentCommand, machines []*instance) *sla.Refusal {
	descriptor := d.record.Descriptor
	machine, volume := machines[0], d.volume(command.Volume)
	switch {
	case volume == nil:
		return d.nothingCalled("volume", command.Volume, d.volumes())
	case len(machines) > 1:
		return &sla.Refusal{
			Code: sla.RefusedBadRequest, Message: fmt.Sprintf("a volume goes to one machine, and %s is several", command.Machine),
			Hint: "write one, as " + machine.Status.Name,
		}
	case descriptor.Resources[volume.Ref.Class].Vendor != descriptor.Resources[machine.Ref.Class].Vendor:
		return &sla.Refusal{
			Code: sla.RefusedPlacement,
			Message: fmt.Sprintf("%s is at %s and %s at %s", volume.Status.Name, descriptor.Resources[volume.Ref.Class].Vendor,
				machine.Status.Name, descriptor.Resources[machine.Ref.Class].Vendor),
			Hint: "a volume and its machine are at one vendor; name the volume in the machine's class to have them together",
		}
	}
	if command.Verb == proto.DeploymentDetach {
		return d.admitDetach(volume, machine)
	}
	if !strings.HasPrefix(command.Mount, "/") || command.Mount == "/" {
		return &sla.Refusal{
			Code: sla.RefusedBadRequest, Message: fmt.Sprintf("%q is no place for a volume", command.Mount),
			Hint: "write an absolute path, as /data",
		}
	}
	if holder := d.holder(volume); holder != nil && holder != machine {
		return &sla.Refusal{
			Code: sla.RefusedConflict, Message: fmt.Sprintf("%s is attached to %s", volume.Status.Name, holder.Status.Name),
			Hint: fmt.Sprintf("`agency detach %s %s %s` first", descriptor.Name, volume.Status.Name, holder.Status.Name),
		}
	}
	return nil
}

func (d *deployment) admitDetach(volume, machine *instance) *sla.Refusal {
	if d.holder(volume) == machine {
		return nil
	}
	return &sla.Refusal{
		Code: sla.RefusedState, Message: fmt.Sprintf("%s is not attached to %s", volume.Status.Name, machine.Status.Name),
		Hint: fmt.Sprintf("`agency status %s` shows what stands", d.record.Descriptor.Name),
	}
}

func (d *deployment) volumes() []string {
	var names []string
	for class, bound := range d.record.Descriptor.Resources {
		for _, index := range d.record.indices(class) {
			if latest := d.latest(class, index); bound.Type == descriptors.Volume && latest != nil {
				names = append(names, latest.Status.Name)
			}
		}
	}
	return names
}

// holder is the machine that has a volume, by command or by the descriptor, nil for none. The caller holds the mutex.
func (d *deployment) holder(volume *instance) *instance {
	for _, one := range d.record.Attached {
		if one.of(volume.Ref) {
			return d.latest(one.MachineClass, one.MachineIndex)
		}
	}
	if slices.ContainsFunc(d.record.Detached, func(one attachment) bool { return one.of(volume.Ref) }) {
		return nil
	}
	for class, bound := range d.record.Descriptor.Resources {
		if _, has := bound.Volumes[volume.Ref.Class]; has && slices.Contains(d.record.indices(class), volume.Ref.Index) {
			return d.latest(class, volume.Ref.Index)
		}
	}
	return nil
}

// attach attaches a volume to a machine. It is written down once it is done: should that be cut off, it is done again,
// which changes nothing.
func (a *Agent) attach(ctx context.Context, target *deployment, command proto.DeploymentCommand) error {
	volume, machine := target.pair(command)
	if volume == nil || machine == nil {
		return gonePair(command)
	}
	ref := volume.Ref
	err := a.give(ctx, target, machine, proto.ResourceCommand{Verb: proto.VerbAttach, Volume: &ref, Mount: command.Mount})
	if err != nil {
		return err
	}
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		record.forgetAttachment(ref)
		if record.Descriptor.Resources[machine.Ref.Class].Volumes[ref.Class] == command.Mount && ref.Index == machine.Ref.Index {
			return step{}, nil // as the descriptor has it
		}
		record.Attached = append(record.Attached, attachment{
			ref.Class, ref.Index, machine.Ref.Class, machine.Ref.Index, command.Mount,
		})
		return step{}, nil
	})
}

// detach takes a volume from a machine, and from what may replace it.
func (a *Agent) detach(ctx context.Context, target *deployment, command proto.DeploymentCommand) error {
	volume, machine := target.pair(command)
	if volume == nil || machine == nil {
		return gonePair(command)
	}
	ref := volume.Ref
	if err := a.give(ctx, target, machine, proto.ResourceCommand{Verb: proto.VerbDetach, Volume: &ref}); err != nil {
		return err
	}
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		record.forgetAttachment(ref)
		if _, has := record.Descriptor.Resources[machine.Ref.Class].Volumes[ref.Class]; has && ref.Index == machine.Ref.Index {
			record.Detached = append(record.Detached, attachment{VolumeClass: ref.Class, VolumeIndex: ref.Index})
		}
		return step{}, nil
	})
}

// forgetAttachment drops what is known of a volume beyond the descriptor.
func (r *deploymentRecord) forgetAttachment(volume proto.ResourceRef) {
	other := func(one attachment) bool { return one.of(volume) }
	r.Attached = slices.DeleteFunc(slices.Clone(r.Attached), other)
	r.Detached = slices.DeleteFunc(slices.Clone(r.Detached), other)
}

func (d *deployment) pair(command proto.DeploymentCommand) (volume, machine *instance) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if machines := d.machines(command.Machine); len(machines) == 1 {
		machine = machines[0]
	}
	return d.volume(command.Volume), machine
}

func gonePair(command proto.DeploymentCommand) error {
	return sla.Refusal{
		Code: sla.RefusedConflict, Message: fmt.Sprintf("%s or %s is not there any more", command.Volume, command.Machine),
	}
}

// letGo detaches, before an instance is deleted, what was attached to it by command: the order in which classes are
// deleted knows nothing of that.
func (a *Agent) letGo(ctx context.Context, target *deployment, doomed *instance) error {
	for _, one := range target.snapshot().Attached {
		if !one.of(doomed.Ref) {
			continue
		}
		target.mutex.Lock()
		machine := target.latest(one.MachineClass, one.MachineIndex)
		stands := machine != nil && machine.stands()
		target.mutex.Unlock()
		if stands {
			ref := doomed.Ref
			err := a.give(ctx, target, machine, proto.ResourceCommand{Verb: proto.VerbDetach, Volume: &ref})
			var refusal sla.Refusal
			if ctx.Err() != nil || err != nil && !errors.As(err, &refusal) {
				return err
			}
			// A machine that cannot let go may be on its way out itself: whether the volume is held, its deletion tells.
		}
	}
	return a.dropAttachments(ctx, target, doomed)
}

// dropAttachments forgets what concerns an instance whose index is not wanted any more.
func (a *Agent) dropAttachments(ctx context.Context, target *deployment, doomed *instance) error {
	record := target.snapshot()
	concerns := func(one attachment) bool { return one.of(doomed.Ref) || one.to(doomed.Ref) }
	wanted := record.State != descriptors.DeploymentRemoving &&
		slices.Contains(record.indices(doomed.Ref.Class), doomed.Ref.Index)
	if wanted || !slices.ContainsFunc(slices.Concat(record.Attached, record.Detached), concerns) {
		return nil
	}
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		record.Attached = slices.DeleteFunc(slices.Clone(record.Attached), concerns)
		record.Detached = slices.DeleteFunc(slices.Clone(record.Detached), concerns)
		return step{}, nil
	})
}

// mounts are the volumes that a machine is created with: the descriptor's but those that were detached, and those that
// were attached. The caller holds the mutex.
func (d *deployment) mounts(class descriptors.Class, ref proto.ResourceRef) []proto.MountRef {
	var mounts []proto.MountRef
	add := func(volume string, index int, mount string) {
		if latest := d.latest(volume, index); latest != nil {
			mounts = append(mounts, proto.MountRef{Volume: latest.Ref, Mount: mount})
		}
	}
	for _, volume := range slices.Sorted(maps.Keys(class.Volumes)) {
		elsewhere := slices.ContainsFunc(slices.Concat(d.record.Attached, d.record.Detached), func(one attachment) bool {
			return one.of(proto.ResourceRef{Class: volume, Index: ref.Index})
		})
		if !elsewhere {
			add(volume, ref.Index, class.Volumes[volume])
		}
	}
	for _, one := range d.record.attachedTo(ref) {
		add(one.VolumeClass, one.VolumeIndex, one.Mount)
	}
	return mounts
}
