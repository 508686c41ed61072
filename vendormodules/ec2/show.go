package ec2

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// errClosed is the error of calls after Close.
var errClosed = errors.New("ec2: the module is closed")

// question is which resources are asked for: those with an id, or those with a tag. Neither the zero one nor both.
type question struct {
	id         string
	key, value string
}

func (q question) filters() []types.Filter {
	if q.id != "" {
		return nil
	}
	return having(q.key, q.value)
}

func (q question) ids() []string {
	if q.id == "" {
		return nil
	}
	return []string{q.id}
}

// family is one kind of the cloud's resources, by how their ids begin.
type family struct {
	prefix string
	// needs is what the cloud may lack of them; empty for those without which there is nothing.
	needs  string
	look   func(ctx context.Context, asked question) ([]vendormodules.Resource, error)
	remove func(ctx context.Context, id string) error
}

func (m *Module) families() []family {
	return []family{
		{"i-", "", m.instances, m.terminate}, {"vol-", volumes, m.volumes, m.deleteVolume},
		{"subnet-", networks, m.subnets, m.deleteSubnet}, {"snap-", snapshots, m.snapshots, m.deleteSnapshot},
		{"ami-", copying, m.madeImages, m.deregister}, {balancerPrefix, balancers, m.balancers, m.deleteBalancer},
	}
}

// family finds the kind of an id. What no id of the cloud looks like is not there.
func (m *Module) family(ctx context.Context, id string) (family, error) {
	if err := ctx.Err(); err != nil {
		return family{}, err
	}
	if m.closed.Load() {
		return family{}, errClosed
	}
	for _, one := range m.families() {
		if strings.HasPrefix(id, one.prefix) {
			return one, nil
		}
	}
	return family{}, fmt.Errorf("ec2: %s: %w", id, vendormodules.ErrNotFound)
}

// Get implements vendormodules.Module.
func (m *Module) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	one, err := m.family(ctx, id)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	if m.lacking(one.needs) != "" {
		return vendormodules.Resource{}, fmt.Errorf("ec2: %s: %w", id, vendormodules.ErrNotFound)
	}
	found, err := one.look(ctx, question{id: id})
	if errors.Is(err, vendormodules.ErrNotFound) || err == nil && len(found) == 0 {
		if resource, young := m.recalled(id); young {
			return resource, nil
		}
		return vendormodules.Resource{}, fmt.Errorf("ec2: %s: %w", id, vendormodules.ErrNotFound)
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return found[0], nil
}

// List implements vendormodules.Module.
func (m *Module) List(ctx context.Context) ([]vendormodules.Resource, error) {
	if m.closed.Load() {
		return nil, errClosed
	}
	creations := m.creations.Load()
	var all []vendormodules.Resource
	for _, one := range m.families() {
		if m.lacking(one.needs) != "" {
			continue
		}
		found, err := one.look(ctx, question{key: tagAgency, value: m.environment.Agency})
		if err != nil && one.needs != "" && m.learn(one.needs, err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	m.sweep(ctx, all, creations)
	return all, nil
}

// Delete implements vendormodules.Module.
func (m *Module) Delete(ctx context.Context, id string) error {
	one, err := m.family(ctx, id)
	if err != nil {
		return err
	}
	if err = one.remove(ctx, id); err != nil {
		if _, young := m.recalled(id); young && errors.Is(err, vendormodules.ErrNotFound) {
			return fmt.Errorf("ec2: delete %s: it does not show yet: %w", id, vendormodules.ErrTransient)
		}
		return err
	}
	m.seen(id)
	return nil
}

// find is what the cloud shows of a key; ErrNotFound if it shows nothing.
func (m *Module) find(ctx context.Context, key string, one family) (vendormodules.Resource, error) {
	found, err := one.look(ctx, question{key: tagKey, value: key})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("ec2: key %s: %w", key, vendormodules.ErrNotFound)
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return found[0], nil
}

func (m *Module) instances(ctx context.Context, asked question) ([]vendormodules.Resource, error) {
	var all []vendormodules.Resource
	err := m.eachInstance(ctx, asked, func(instance types.Instance) error {
		if instance.State != nil && instance.State.Name == types.InstanceStateNameTerminated {
			m.seen(aws.ToString(instance.InstanceId))
			return nil
		}
		resource, err := m.settled(ctx, instance)
		all = append(all, resource)
		return err
	})
	return all, err
}

func (m *Module) eachInstance(ctx context.Context, asked question, do func(types.Instance) error) error {
	pages := ec2.NewDescribeInstancesPaginator(m.client, &ec2.DescribeInstancesInput{InstanceIds: asked.ids(), Filters: asked.filters()})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fault("list instances", err)
		}
		for _, reservation := range page.Reservations {
			for _, instance := range reservation.Instances {
				if err := do(instance); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// instance is one by its id, whatever its state.
func (m *Module) instance(ctx context.Context, id string) (types.Instance, error) {
	var found *types.Instance
	if !strings.HasPrefix(id, "i-") {
		return types.Instance{}, fmt.Errorf("ec2: machine %s: %w", id, vendormodules.ErrNotFound)
	}
	err := m.eachInstance(ctx, question{id: id}, func(instance types.Instance) error {
		found = &instance
		return nil
	})
	if err == nil && (found == nil || found.State != nil && found.State.Name == types.InstanceStateNameTerminated) {
		err = fmt.Errorf("ec2: machine %s: %w", id, vendormodules.ErrNotFound)
	}
	if err != nil {
		return types.Instance{}, err
	}
	return *found, nil
}

var instanceStates = map[types.InstanceStateName]vendormodules.ResourceState{
	types.InstanceStateNamePending: vendormodules.ResourceCreating, types.InstanceStateNameRunning: vendormodules.ResourceRunning,
	types.InstanceStateNameStopping: vendormodules.ResourceRunning, types.InstanceStateNameStopped: vendormodules.ResourceStopped,
	types.InstanceStateNameShuttingDown: vendormodules.ResourceDeleting,
}

// shown is an instance as the agency sees it.
func shown(instance types.Instance) vendormodules.Resource {
	resource := tagged(instance.Tags)
	resource.ID, resource.Type = aws.ToString(instance.InstanceId), descriptors.Compute
	resource.Created = aws.ToTime(instance.LaunchTime).UTC()
	if instance.State != nil {
		resource.State = instanceStates[instance.State.Name]
	}
	if instance.StateReason != nil && resource.State == vendormodules.ResourceStopped {
		if reason := aws.ToString(instance.StateReason.Code); strings.HasPrefix(reason, "Server.") {
			resource.State, resource.Fault = vendormodules.ResourceError, aws.ToString(instance.StateReason.Message)
		}
	}
	if address := aws.ToString(instance.PublicIpAddress); address != "" {
		resource.Addresses = append(resource.Addresses, vendormodules.Address{Address: address, Public: true})
	}
	for _, one := range instance.NetworkInterfaces {
		resource.Addresses = append(resource.Addresses, vendormodules.Address{
			Address: aws.ToString(one.PrivateIpAddress), Network: aws.ToString(one.SubnetId),
		})
	}
	if len(instance.NetworkInterfaces) == 0 && aws.ToString(instance.PrivateIpAddress) != "" {
		resource.Addresses = append(resource.Addresses, vendormodules.Address{
			Address: aws.ToString(instance.PrivateIpAddress), Network: aws.ToString(instance.SubnetId),
		})
	}
	return resource
}

func (m *Module) volumes(ctx context.Context, asked question) ([]vendormodules.Resource, error) {
	found, err := collect(ctx, ec2.NewDescribeVolumesPaginator(m.client, &ec2.DescribeVolumesInput{
		VolumeIds: asked.ids(), Filters: asked.filters(),
	}), func(page *ec2.DescribeVolumesOutput) []types.Volume { return page.Volumes })
	return shownAll(found, shownVolume), fault("list volumes", err)
}

func shownVolume(volume types.Volume) vendormodules.Resource {
	resource := tagged(volume.Tags)
	resource.ID, resource.Type = aws.ToString(volume.VolumeId), descriptors.Volume
	resource.Created = aws.ToTime(volume.CreateTime).UTC()
	resource.Size = quantity.Bytes(aws.ToInt32(volume.Size)) * quantity.GiB
	switch volume.State {
	case types.VolumeStateAvailable, types.VolumeStateInUse:
		resource.State = vendormodules.ResourceRunning
	case types.VolumeStateDeleting, types.VolumeStateDeleted:
		resource.State = vendormodules.ResourceDeleting
	case types.VolumeStateError:
		resource.State, resource.Fault = vendormodules.ResourceError, "the cloud says of the volume that it is in error"
	default:
		resource.State = vendormodules.ResourceCreating
	}
	return resource
}

func (m *Module) subnets(ctx context.Context, asked question) ([]vendormodules.Resource, error) {
	found, err := m.eachSubnet(ctx, &ec2.DescribeSubnetsInput{SubnetIds: asked.ids(), Filters: asked.filters()})
	all := make([]vendormodules.Resource, 0, len(found))
	for _, one := range found {
		resource := tagged(one.Tags)
		resource.ID, resource.Type, resource.State = aws.ToString(one.SubnetId), descriptors.Network, vendormodules.ResourceRunning
		if one.State == types.SubnetStatePending {
			resource.State = vendormodules.ResourceCreating
		}
		resource.Addresses = []vendormodules.Address{{Address: aws.ToString(one.CidrBlock), Network: resource.ID}}
		all = append(all, resource)
	}
	return all, err
}

func (m *Module) eachSubnet(ctx context.Context, input *ec2.DescribeSubnetsInput) ([]types.Subnet, error) {
	all, err := collect(ctx, ec2.NewDescribeSubnetsPaginator(m.client, input),
		func(page *ec2.DescribeSubnetsOutput) []types.Subnet { return page.Subnets })
	return all, fault("list subnets", err)
}
