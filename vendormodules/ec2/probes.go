package ec2

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// What a cloud that speaks the API may lack, by the names of capabilities, and what it may not know of calls.
const (
	power, attaching, console    = "power", "attach", "console"
	snapshots, copying, resizing = "snapshot", "image", "resize"
	rules, elasticity            = "rules", "elastic-addresses"
	measuring, tagging           = "measure", "tags-at-creation"
	networks, volumes            = string(descriptors.Network), string(descriptors.Volume)
	balancers                    = string(descriptors.LoadBalancer)
)

// Ids of what there is none of: whoever knows the action says that it does not know the thing.
const (
	noInstance = "i-00000000000000000"
	noVolume   = "vol-00000000000000000"
)

// probes ask for one thing after another such that nothing is changed, whatever the answer.
func (m *Module) probes() map[string]func(ctx context.Context) error {
	c, ours := m.client, having(tagAgency, m.environment.Agency)
	return map[string]func(ctx context.Context) error{
		power: func(ctx context.Context) error {
			_, err := c.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{noInstance}})
			return err
		},
		attaching: func(ctx context.Context) error {
			_, err := c.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: aws.String(noVolume), InstanceId: aws.String(noInstance)})
			return err
		},
		console: func(ctx context.Context) error {
			_, err := c.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: aws.String(noInstance)})
			return err
		},
		snapshots: func(ctx context.Context) error {
			_, err := c.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: aws.String(noVolume)})
			return err
		},
		copying: func(ctx context.Context) error {
			_, err := c.CreateImage(ctx, &ec2.CreateImageInput{InstanceId: aws.String(noInstance), Name: aws.String("agency-probe")})
			return err
		},
		resizing: func(ctx context.Context) error {
			_, err := c.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
				InstanceId: aws.String(noInstance), InstanceType: &types.AttributeValue{Value: aws.String("none")},
			})
			return err
		},
		rules: func(ctx context.Context) error {
			_, err := c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: ours})
			return err
		},
		elasticity: func(ctx context.Context) error {
			_, err := c.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: ours})
			return err
		},
		networks: func(ctx context.Context) error {
			_, err := c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: ours})
			return err
		},
		volumes: func(ctx context.Context) error {
			_, err := c.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{Filters: ours})
			return err
		},
		balancers: func(ctx context.Context) error {
			if !m.balances() {
				return nil
			}
			_, err := m.balancing.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(1)})
			return err
		},
	}
}

// probe finds out once what a cloud other than Amazon's can do. That it fails otherwise says nothing.
func (m *Module) probe(ctx context.Context) (struct{}, error) {
	if m.configuration.Endpoint == "" {
		return struct{}{}, nil
	}
	probes := m.probes()
	for _, name := range slices.Sorted(maps.Keys(probes)) {
		if m.lacking(name) == "" {
			m.learn(name, probes[name](ctx))
		}
		if err := ctx.Err(); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, nil
}

// refuseLacking refuses a class of a type that the cloud was found to lack since the module was opened.
func (m *Module) refuseLacking(class descriptors.Class) error {
	lacking := map[descriptors.ResourceType]string{
		descriptors.Volume: volumes, descriptors.Network: networks, descriptors.LoadBalancer: balancers,
		descriptors.Snapshot: snapshots, descriptors.Image: copying,
	}
	if why := m.lacking(lacking[class.Type]); why != "" {
		return sla.Refusal{Code: sla.RefusedUnsupported, Message: fmt.Sprintf("there is no %s: %s", class.Type, why)}
	}
	return nil
}

// enforces says whether the rules of classes are kept.
func (m *Module) enforces() bool { return m.configuration.EnforceRules && m.lacking(rules) == "" }

// label tags what was made where the cloud does not do so as it makes it.
func (m *Module) label(ctx context.Context, id string, tags []types.Tag) error {
	_, err := m.client.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: tags})
	return fault("tag "+id, err)
}

// labelled is a resource with the tags that its create asked for.
func (m *Module) labelled(ctx context.Context, created vendormodules.Resource, tags []types.Tag) (vendormodules.Resource, error) {
	if created.Key != "" {
		return created, nil
	}
	named := tagged(tags)
	created.Key, created.Name, created.Tags = named.Key, named.Name, named.Tags
	return created, m.unlabelled(ctx, created.ID, tags)
}

// unlabelled labels what bears no tag after its create said that it has, and keeps in mind that the cloud is such.
func (m *Module) unlabelled(ctx context.Context, id string, tags []types.Tag) error {
	m.note(tagging, "the cloud tags nothing as it makes it", errors.New("a create was asked for tags, and shows none"))
	return m.label(ctx, id, tags)
}
