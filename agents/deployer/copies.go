package deployer

import (
	"context"
	"fmt"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// admitCopy says why no copy is to be made of a volume or a machine, nil if it is.
func (a *Agent) admitCopy(target *deployment, command proto.DeploymentCommand) *sla.Refusal {
	if refusal := a.admitAtWork(target.snapshot()); refusal != nil {
		return refusal
	}
	if err := descriptors.CheckName(command.As); err != nil {
		return &sla.Refusal{Code: sla.RefusedBadRequest, Message: fmt.Sprintf("name of the copy: %v", err)}
	}
	one, refusal := target.source(command.Source)
	if refusal != nil {
		return refusal
	}
	switch state := target.state(one); state {
	case vendormodules.ResourceRunning, vendormodules.ResourceStopped:
		return nil
	default:
		return &sla.Refusal{
			Code: sla.RefusedState, Message: fmt.Sprintf("%s is %s", command.Source, state),
			Hint: fmt.Sprintf("`agency deploy %s` replaces what is broken", command.Name),
		}
	}
}

// source is the volume or the one machine of a name.
func (d *deployment) source(name string) (*instance, *sla.Refusal) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if volume := d.volume(name); volume != nil {
		return volume, nil
	}
	machines := d.machines(name)
	switch len(machines) {
	case 0:
		return nil, d.nothingCalled("volume or machine", name, append(d.volumes(), d.machineNames()...))
	case 1:
		return machines[0], nil
	}
	return nil, &sla.Refusal{
		Code: sla.RefusedBadRequest, Message: fmt.Sprintf("an image is of one machine, and %s is several", name),
		Hint: "write one, as " + machines[0].Status.Name,
	}
}

// copy has the vendor make a snapshot of a volume or an image of a machine, and returns what came of it. The vendor's
// command bears the operation's id, so that an operation that is taken up again makes no second one.
func (a *Agent) copy(ctx context.Context, target *deployment, taken *operation) (*proto.ResourceStatus, error) {
	one, refusal := target.source(taken.Command.Source)
	if refusal != nil {
		return nil, *refusal
	}
	descriptor := target.snapshot().Descriptor
	bound := descriptor.Resources[one.Ref.Class]
	verb := proto.VerbImage
	if bound.Type == descriptors.Volume {
		verb = proto.VerbSnapshot
	}
	name := target.names([]*instance{one})
	outcome, err := a.do(ctx, order{
		vendor: bound.Vendor, id: taken.ID + "-copy", sequence: 1,
		content: proto.ResourceCommand{
			Verb: verb, Resource: one.Ref, Agreement: bound.Agreement, Name: name,
			Copy: &proto.Copy{
				Name: taken.Command.As, Deployment: descriptor.Name, Source: name, Size: bound.Size, Image: bound.Image,
			},
		},
	})
	if err != nil {
		return nil, err
	}
	if outcome.Refusal != nil {
		return nil, *outcome.Refusal
	}
	return outcome.Resource, nil
}
