package ec2

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	"github.com/cloud-agency/agency/vendormodules/cloudinit"
)

// userDataLimit is what the API takes before its own encoding.
const userDataLimit = 16 << 10

// Create implements vendormodules.Module.
func (m *Module) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	if m.closed.Load() {
		return vendormodules.Resource{}, errClosed
	}
	if _, _, err := m.probed.Get(ctx); err != nil {
		return vendormodules.Resource{}, err
	}
	where, _, err := m.place.Get(ctx)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	if !m.configuration.ClientTokens {
		if earlier, err := m.earlier(ctx, request); err == nil || !errors.Is(err, vendormodules.ErrNotFound) {
			return earlier, err
		}
	}
	var created vendormodules.Resource
	switch request.Class.Type {
	case descriptors.Volume:
		created, err = m.createVolume(ctx, request, where)
	case descriptors.Network:
		created, err = m.createSubnet(ctx, request, where)
	case descriptors.Compute:
		created, err = m.createInstance(ctx, request, where)
	case descriptors.LoadBalancer:
		if m.balances() {
			created, err = m.createBalancer(ctx, request, where)
			break
		}
		fallthrough
	default:
		err = fmt.Errorf("ec2: create %s: a %s: %w", request.Key, request.Class.Type, vendormodules.ErrUnsupported)
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	created, err = m.labelled(ctx, created, specification("", request.Key, request.Name, request.Tags)[0].Tags)
	return m.remember(created), err
}

// earlier finds what a create with the same key made, where the cloud itself does not.
func (m *Module) earlier(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	for _, one := range m.youngOnes() {
		if one.Key == request.Key {
			return one, nil
		}
	}
	kind := m.families()[0]
	switch request.Class.Type {
	case descriptors.Volume:
		kind = m.families()[1]
	case descriptors.Network, descriptors.LoadBalancer: // these collide with their first
		return vendormodules.Resource{}, vendormodules.ErrNotFound
	}
	return m.find(ctx, request.Key, kind)
}

func (m *Module) createVolume(ctx context.Context, request vendormodules.Request, where place) (vendormodules.Resource, error) {
	input := &ec2.CreateVolumeInput{
		AvailabilityZone: &where.zone, ClientToken: &request.Key, VolumeType: types.VolumeType(m.configuration.VolumeType),
		Size:              aws.Int32(gibibytes(request.Class.Size)),
		TagSpecifications: specification(types.ResourceTypeVolume, request.Key, request.Name, request.Tags),
	}
	if request.Snapshot != "" {
		if !strings.HasPrefix(request.Snapshot, "snap-") {
			return vendormodules.Resource{}, fmt.Errorf("ec2: create %s: snapshot %s: %w", request.Key, request.Snapshot, vendormodules.ErrNotFound)
		}
		input.SnapshotId = &request.Snapshot
	}
	answer, err := m.client.CreateVolume(ctx, input)
	if err != nil {
		return vendormodules.Resource{}, fault("create volume "+request.Key, err)
	}
	return shownVolume(types.Volume{
		VolumeId: answer.VolumeId, State: answer.State, Tags: answer.Tags, CreateTime: answer.CreateTime, Size: answer.Size,
	}), nil
}

// gibibytes is a size in the API's unit, rounded up.
func gibibytes(size quantity.Bytes) int32 { return int32((size + quantity.GiB - 1) / quantity.GiB) }

// createSubnet makes a network in a range that follows from the key, so that a repeat collides with its first.
func (m *Module) createSubnet(ctx context.Context, request vendormodules.Request, where place) (vendormodules.Resource, error) {
	ranges, err := candidates(request, where.block)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	networks := m.families()[2]
	for _, one := range ranges {
		answer, err := m.client.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: &where.vpc, AvailabilityZone: &where.zone, CidrBlock: aws.String(one.String()),
			TagSpecifications: specification(types.ResourceTypeSubnet, request.Key, request.Name, request.Tags),
		})
		if err == nil {
			resource := tagged(answer.Subnet.Tags)
			resource.ID, resource.Type = aws.ToString(answer.Subnet.SubnetId), descriptors.Network
			resource.State = vendormodules.ResourceCreating
			resource.Addresses = []vendormodules.Address{{Address: aws.ToString(answer.Subnet.CidrBlock), Network: resource.ID}}
			return resource, nil
		}
		if codeOf(err) != "InvalidSubnet.Conflict" {
			return vendormodules.Resource{}, fault("create subnet "+request.Key, err)
		}
		earlier, err := m.find(ctx, request.Key, networks)
		if err == nil || !errors.Is(err, vendormodules.ErrNotFound) {
			return earlier, err
		}
		if err := m.another(ctx, request.Key, where.vpc, one); err != nil {
			return vendormodules.Resource{}, fmt.Errorf("ec2: create subnet %s: %w", request.Key, err)
		}
	}
	return vendormodules.Resource{}, fmt.Errorf("ec2: create subnet %s: no range of VPC %s is free: %w", request.Key, where.vpc, vendormodules.ErrQuota)
}

// another says whether a range is known to be taken by somebody else's subnet. If it is not, what is there may be the one
// that an earlier call made, which does not show yet.
func (m *Module) another(ctx context.Context, key, vpc string, block netip.Prefix) error {
	all, err := m.eachSubnet(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc}}}})
	if err != nil {
		return err
	}
	for _, one := range all {
		if taken, err := netip.ParsePrefix(aws.ToString(one.CidrBlock)); err == nil && taken.Overlaps(block) && tag(one.Tags, tagKey) != key {
			return nil
		}
	}
	return fmt.Errorf("range %s is taken by a subnet that does not show yet: %w", block, vendormodules.ErrTransient)
}

// attempts are how many ranges are tried for a network.
const attempts = 16

// candidates are the ranges for a network: the one that is asked for, or some within the VPC's that follow from the key.
func candidates(request vendormodules.Request, block netip.Prefix) ([]netip.Prefix, error) {
	if request.Class.Range != "" {
		asked, err := netip.ParsePrefix(request.Class.Range)
		if err != nil || !within(asked, block) {
			return nil, fmt.Errorf("ec2: create subnet %s: range %s is not within the VPC's %s: %w",
				request.Key, request.Class.Range, block, vendormodules.ErrInvalid)
		}
		return []netip.Prefix{asked.Masked()}, nil
	}
	bits := max(subnetBits, block.Bits())
	count := uint32(1) << (bits - block.Bits())
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(request.Key))
	base := block.Masked().Addr().As4()
	var ranges []netip.Prefix
	for try := range min(uint32(attempts), count) {
		index := (sum.Sum32() + try) % count
		number := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3]) + index<<(32-bits)
		address := netip.AddrFrom4([4]byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)})
		ranges = append(ranges, netip.PrefixFrom(address, bits))
	}
	return ranges, nil
}

func (m *Module) createInstance(ctx context.Context, request vendormodules.Request, where place) (vendormodules.Resource, error) {
	image, flavor, err := m.made(ctx, request)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	networks, err := m.networks(ctx, request.Networks)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	data, wanted, err := m.userData(request, networks)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	var created vendormodules.Resource
	err = m.inGroup(ctx, request, where.vpc, func(groups []string) error {
		if m.wantsAddress(request) {
			address, err := m.ensureAddress(ctx, request)
			if err != nil {
				return err
			}
			wanted = append(wanted, types.Tag{Key: aws.String(tagAddress), Value: aws.String(address.String())})
		}
		input := &ec2.RunInstancesInput{
			ClientToken: &request.Key, ImageId: &image, InstanceType: types.InstanceType(flavor), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			UserData: aws.String(base64.StdEncoding.EncodeToString(data)), Placement: &types.Placement{AvailabilityZone: &where.zone},
			TagSpecifications: specification(types.ResourceTypeInstance, request.Key, request.Name, request.Tags, wanted...),
		}
		for index, network := range request.Networks {
			input.NetworkInterfaces = append(input.NetworkInterfaces, types.InstanceNetworkInterfaceSpecification{
				DeviceIndex: aws.Int32(int32(index)), SubnetId: aws.String(network), Groups: groups, DeleteOnTermination: aws.Bool(true),
			})
		}
		if len(request.Networks) == 0 {
			input.SecurityGroupIds = groups
			if near := where.subnets[where.zone]; m.configuration.VPC != "" && near != "" { // else it is in the default VPC
				input.SubnetId = &near
			}
		}
		created, err = m.run(ctx, request, input)
		if why := m.lacking(rules); why != "" && m.isolates() && len(request.Rules) > 0 { // the proposal did not know it yet
			created.Warnings = append(created.Warnings, "its rules have no effect: "+why)
		}
		return err
	})
	return created, err
}

// run starts an instance, and keeps it in mind so that nobody takes its security groups for unused.
func (m *Module) run(ctx context.Context, request vendormodules.Request, input *ec2.RunInstancesInput) (vendormodules.Resource, error) {
	answer, err := m.client.RunInstances(ctx, input)
	if codeOf(err) == "IdempotentParameterMismatch" { // what the names mean has changed since the first
		return m.find(ctx, request.Key, m.families()[0])
	}
	if err != nil {
		return vendormodules.Resource{}, fault("create machine "+request.Key, err)
	}
	if len(answer.Instances) != 1 {
		return vendormodules.Resource{}, fmt.Errorf("ec2: create machine %s: %d were made: %w", request.Key, len(answer.Instances), vendormodules.ErrTransient)
	}
	resource := shown(answer.Instances[0])
	if resource.State != vendormodules.ResourceDeleting {
		resource.State = vendormodules.ResourceCreating
	}
	resource, err = m.labelled(ctx, resource, input.TagSpecifications[0].Tags)
	return m.remember(resource), err
}

// made is what a machine is made of: the ids of its image and of its instance type.
func (m *Module) made(ctx context.Context, request vendormodules.Request) (image, flavor string, err error) {
	if request.Image == "" {
		found, size, err := m.choose(ctx, request.Class)
		if err != nil {
			return "", "", fmt.Errorf("ec2: create machine %s: %w", request.Key, err)
		}
		return found.ID, size.ID, nil
	}
	own, err := m.Get(ctx, request.Image)
	if err == nil && own.Type != descriptors.Image {
		err = fmt.Errorf("image %s: %w", request.Image, vendormodules.ErrNotFound)
	}
	var size catalogue.Flavor
	if err == nil {
		size, err = m.flavor(ctx, request.Class, catalogue.Image{})
	}
	if err != nil {
		return "", "", fmt.Errorf("ec2: create machine %s: %w", request.Key, err)
	}
	return request.Image, size.ID, nil
}

// networks are how a machine finds its addresses in subnets.
func (m *Module) networks(ctx context.Context, ids []string) ([]cloudinit.Network, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := m.eachSubnet(ctx, &ec2.DescribeSubnetsInput{SubnetIds: ids})
	if err != nil {
		return nil, err
	}
	var networks []cloudinit.Network
	for _, one := range found {
		block, err := netip.ParsePrefix(aws.ToString(one.CidrBlock))
		if err != nil {
			return nil, fmt.Errorf("ec2: range of subnet %s: %w: %w", aws.ToString(one.SubnetId), err, vendormodules.ErrTransient)
		}
		networks = append(networks, cloudinit.Network{Name: tag(one.Tags, tagClass), Range: block})
	}
	return networks, nil
}

// userData is what makes the machine, and the tag of the volumes that it is to have.
func (m *Module) userData(request vendormodules.Request, networks []cloudinit.Network) ([]byte, []types.Tag, error) {
	machine := cloudinit.Machine{Request: request, Networks: networks}
	var wanted []string
	for index, volume := range request.Volumes {
		device := deviceName(index)
		wanted = append(wanted, volume.Volume+"="+device)
		machine.Volumes = append(machine.Volumes, cloudinit.Volume{Mount: volume.Mount, Devices: devices(volume.Volume, device)})
	}
	if m.configuration.SSH {
		if err := m.access.Admit(&machine); err != nil {
			return nil, nil, fmt.Errorf("ec2: create machine %s: %w", request.Key, err)
		}
	}
	data, err := machine.UserData(cloudinit.Limit{Size: userDataLimit})
	if err == nil && data.Rest != nil {
		err = fmt.Errorf("its commands and files do not fit the %d bytes of user data: %w", userDataLimit, vendormodules.ErrInvalid)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ec2: create machine %s: %w", request.Key, err)
	}
	if len(wanted) == 0 {
		return data.Content, nil, nil
	}
	return data.Content, []types.Tag{{Key: aws.String(tagVolumes), Value: aws.String(strings.Join(wanted, " "))}}, nil
}

// devices are the paths at which a machine may see a volume: by its serial number, or as it was attached.
func devices(volume, device string) []string {
	letter := strings.TrimPrefix(device, "/dev/sd")
	return []string{
		"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_" + strings.Replace(volume, "-", "", 1), "/dev/xvd" + letter, device, "/dev/vd" + letter,
	}
}

// deviceName is one of those that the cloud recommends for volumes: /dev/sdf to /dev/sdp.
func deviceName(index int) string { return "/dev/sd" + string(rune('f'+index)) }
