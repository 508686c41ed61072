package ec2

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// settled is an instance as the agency sees it. If it runs and lacks volumes that it is to have, they are attached first;
// until then it is creating.
func (m *Module) settled(ctx context.Context, instance types.Instance) (vendormodules.Resource, error) {
	resource := shown(instance)
	if resource.State != vendormodules.ResourceRunning {
		return resource, nil
	}
	m.seen(resource.ID)
	if has, err := m.addressed(ctx, instance); err != nil || !has {
		resource.State = vendormodules.ResourceCreating
		return resource, err
	}
	for _, one := range strings.Fields(tag(instance.Tags, tagVolumes)) {
		volume, device, _ := strings.Cut(one, "=")
		if attached(instance, volume) {
			continue
		}
		resource.State = vendormodules.ResourceCreating
		_, err := m.client.AttachVolume(ctx, &ec2.AttachVolumeInput{InstanceId: &resource.ID, VolumeId: &volume, Device: &device})
		switch code := codeOf(err); code {
		case "VolumeInUse", "IncorrectState", "IncorrectInstanceState": // on its way, or still on its way from another
		case "InvalidVolume.NotFound":
			resource.State, resource.Fault = vendormodules.ResourceError, "its volume "+volume+" is gone"
		default:
			if err != nil {
				return resource, fault("attach volume "+volume+" to "+resource.ID, err)
			}
		}
	}
	return resource, nil
}

func attached(instance types.Instance, volume string) bool {
	return slices.ContainsFunc(instance.BlockDeviceMappings, func(one types.InstanceBlockDeviceMapping) bool {
		return one.Ebs != nil && aws.ToString(one.Ebs.VolumeId) == volume
	})
}

func (m *Module) terminate(ctx context.Context, id string) error {
	if _, err := m.instance(ctx, id); err != nil {
		return err
	}
	m.unswept.Store(true)
	_, err := m.client.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	return fault("delete "+id, err)
}

func (m *Module) deleteVolume(ctx context.Context, id string) error {
	_, err := m.client.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: &id})
	return fault("delete "+id, err)
}

func (m *Module) deleteSubnet(ctx context.Context, id string) error {
	_, err := m.client.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &id})
	return fault("delete "+id, err)
}

// Start implements vendormodules.Power.
func (m *Module) Start(ctx context.Context, id string) error {
	if _, err := m.instance(ctx, id); err != nil {
		return err
	}
	_, err := m.client.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
	return fault("start "+id, err)
}

// Stop implements vendormodules.Power.
func (m *Module) Stop(ctx context.Context, id string) error {
	if _, err := m.instance(ctx, id); err != nil {
		return err
	}
	_, err := m.client.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
	return fault("stop "+id, err)
}

// Reboot implements vendormodules.Power.
func (m *Module) Reboot(ctx context.Context, id string) error {
	if _, err := m.instance(ctx, id); err != nil {
		return err
	}
	_, err := m.client.RebootInstances(ctx, &ec2.RebootInstancesInput{InstanceIds: []string{id}})
	return fault("reboot "+id, err)
}

// Console implements vendormodules.Console.
func (m *Module) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	if _, err := m.instance(ctx, id); err != nil {
		return nil, err
	}
	answer, err := m.client.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &id})
	if err != nil {
		return nil, fault("console of "+id, err)
	}
	return io.NopCloser(base64.NewDecoder(base64.StdEncoding, strings.NewReader(aws.ToString(answer.Output)))), nil
}

// Attach implements vendormodules.Attacher. The machine's own commands mount the volume.
func (m *Module) Attach(ctx context.Context, volume, machine, _ string) error {
	instance, err := m.instance(ctx, machine)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(volume, "vol-") {
		return fmt.Errorf("ec2: volume %s: %w", volume, vendormodules.ErrNotFound)
	}
	if attached(instance, volume) {
		return nil
	}
	var free string
	for index := 0; index < 11 && free == ""; index++ {
		taken := slices.ContainsFunc(instance.BlockDeviceMappings, func(one types.InstanceBlockDeviceMapping) bool {
			return aws.ToString(one.DeviceName) == deviceName(index)
		})
		if !taken {
			free = deviceName(index)
		}
	}
	if free == "" {
		return fmt.Errorf("ec2: attach %s to %s: it has as many volumes as it may: %w", volume, machine, vendormodules.ErrQuota)
	}
	_, err = m.client.AttachVolume(ctx, &ec2.AttachVolumeInput{InstanceId: &machine, VolumeId: &volume, Device: &free})
	return fault("attach "+volume+" to "+machine, err)
}

// Detach implements vendormodules.Attacher.
func (m *Module) Detach(ctx context.Context, volume, machine string) error {
	instance, err := m.instance(ctx, machine)
	if err != nil {
		return err
	}
	if err := m.unwant(ctx, instance, volume); err != nil {
		return err
	}
	if !attached(instance, volume) {
		return nil
	}
	_, err = m.client.DetachVolume(ctx, &ec2.DetachVolumeInput{InstanceId: &machine, VolumeId: &volume})
	if codeOf(err) == "IncorrectState" { // it is detached already
		return nil
	}
	return fault("detach "+volume+" from "+machine, err)
}

// unwant takes a volume from those that an instance is to have.
func (m *Module) unwant(ctx context.Context, instance types.Instance, volume string) error {
	wanted := strings.Fields(tag(instance.Tags, tagVolumes))
	left := slices.DeleteFunc(slices.Clone(wanted), func(one string) bool { return strings.HasPrefix(one, volume+"=") })
	if len(left) == len(wanted) {
		return nil
	}
	_, err := m.client.CreateTags(ctx, &ec2.CreateTagsInput{
		Resources: []string{aws.ToString(instance.InstanceId)},
		Tags:      []types.Tag{{Key: aws.String(tagVolumes), Value: aws.String(strings.Join(left, " "))}},
	})
	return fault("forget volume "+volume+" of "+aws.ToString(instance.InstanceId), err)
}

// Resize implements vendormodules.Resizer. A volume grows as it is, a machine must be stopped.
func (m *Module) Resize(ctx context.Context, id string, class descriptors.Class) error {
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case "vol":
		return m.resizeVolume(ctx, id, class)
	case "subnet", "snap", "ami":
		return fmt.Errorf("ec2: resize %s: it has no size to change: %w", id, vendormodules.ErrUnsupported)
	}
	instance, err := m.instance(ctx, id)
	if err != nil {
		return err
	}
	_, flavor, err := m.choose(ctx, class)
	if err != nil {
		return fmt.Errorf("ec2: resize %s: %w: %w", id, err, vendormodules.ErrUnsupported)
	}
	if string(instance.InstanceType) == flavor.ID {
		return nil
	}
	_, err = m.client.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
		InstanceId: &id, InstanceType: &types.AttributeValue{Value: &flavor.ID},
	})
	return fault("resize "+id, err)
}

func (m *Module) resizeVolume(ctx context.Context, id string, class descriptors.Class) error {
	volume, err := m.Get(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case class.Size == volume.Size:
		return nil
	case class.Size < volume.Size:
		return fmt.Errorf("ec2: resize %s: a volume of %s does not become smaller: %w", id, volume.Size, vendormodules.ErrUnsupported)
	}
	_, err = m.client.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: &id, Size: aws.Int32(gibibytes(class.Size))})
	return fault("resize "+id, err)
}
