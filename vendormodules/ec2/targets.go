package ec2

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// How often, in seconds, and how patiently the cloud checks targets.
const (
	shortestInterval = 5
	longestInterval  = 300
	shortestTimeout  = 2
)

// ensureTargetGroup finds or makes the target group of a balancer, and returns its id.
func (m *Module) ensureTargetGroup(
	ctx context.Context, request vendormodules.Request, class descriptors.Class, kind types.LoadBalancerTypeEnum, where place,
) (string, error) {
	name := balancerName(request.Key)
	input := &elb.CreateTargetGroupInput{
		Name: &name, Protocol: protocolOf(kind), Port: aws.Int32(int32(class.TargetPort)), VpcId: &where.vpc,
		TargetType: types.TargetTypeEnumIp, Tags: balancerTags(request),
	}
	if class.TargetPort == 0 { // each target says its own
		input.Port = aws.Int32(int32(class.Listen))
	}
	checked(input, class.Check, kind)
	answer, err := m.balancing.CreateTargetGroup(ctx, input)
	if codeOf(err) == "DuplicateTargetGroupName" {
		found, err := m.eachTargetGroup(ctx, &elb.DescribeTargetGroupsInput{Names: []string{name}})
		if err != nil || len(found) == 0 {
			return "", errors.Join(err, fmt.Errorf("ec2: target group of balancer %s does not show yet: %w", request.Key, vendormodules.ErrTransient))
		}
		return aws.ToString(found[0].TargetGroupArn), nil
	}
	if err != nil {
		return "", fault("create target group of balancer "+request.Key, err)
	}
	if len(answer.TargetGroups) != 1 {
		return "", fmt.Errorf("ec2: target group of balancer %s: %d were made: %w", request.Key, len(answer.TargetGroups), vendormodules.ErrTransient)
	}
	return aws.ToString(answer.TargetGroups[0].TargetGroupArn), nil
}

// checked says how targets are checked, in the cloud's words and within its bounds. A balancer of HTTP checks by HTTP
// alone: without a path any answer to one for / will do.
func checked(input *elb.CreateTargetGroupInput, check descriptors.Check, kind types.LoadBalancerTypeEnum) {
	interval := min(max(seconds(check.Every), shortestInterval), longestInterval)
	input.HealthCheckIntervalSeconds = &interval
	input.HealthCheckTimeoutSeconds = aws.Int32(min(max(seconds(check.Timeout), shortestTimeout), interval-1))
	input.HealthyThresholdCount, input.UnhealthyThresholdCount = aws.Int32(2), aws.Int32(2)
	switch {
	case check.Path != "":
		input.HealthCheckProtocol, input.HealthCheckPath = types.ProtocolEnumHttp, &check.Path
		input.Matcher = &types.Matcher{HttpCode: aws.String("200-299")}
	case kind == types.LoadBalancerTypeEnumApplication:
		input.HealthCheckProtocol, input.HealthCheckPath = types.ProtocolEnumHttp, aws.String("/")
		input.Matcher = &types.Matcher{HttpCode: aws.String("200-499")}
	default:
		input.HealthCheckProtocol = types.ProtocolEnumTcp
	}
}

// seconds are a length of time in whole ones, rounded up.
func seconds(length quantity.Duration) int32 {
	return int32((time.Duration(length) + time.Second - 1) / time.Second)
}

func (m *Module) eachTargetGroup(ctx context.Context, input *elb.DescribeTargetGroupsInput) ([]types.TargetGroup, error) {
	all, err := collect(ctx, elb.NewDescribeTargetGroupsPaginator(m.balancing, input),
		func(page *elb.DescribeTargetGroupsOutput) []types.TargetGroup { return page.TargetGroups })
	if code := codeOf(err); code == "TargetGroupNotFound" || code == "LoadBalancerNotFound" {
		return nil, nil
	}
	return all, fault("list target groups", err)
}

// deleteTargetGroup deletes one by its name. One that a listener still has, which is on its way out, is left to be swept.
func (m *Module) deleteTargetGroup(ctx context.Context, name string) error {
	found, err := m.eachTargetGroup(ctx, &elb.DescribeTargetGroupsInput{Names: []string{name}})
	if err != nil {
		return err
	}
	for _, one := range found {
		_, err := m.balancing.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: one.TargetGroupArn})
		if code := codeOf(err); err != nil && code != "TargetGroupNotFound" && code != "ResourceInUse" {
			return fault("delete target group "+name, err)
		}
	}
	return nil
}

// deleteTargetGroups deletes the agency's that no balancer has, beside those of the balancers that are listed: a create
// that is repeated goes on with them. Nobody creates balancers meanwhile.
func (m *Module) deleteTargetGroups(ctx context.Context, listed []vendormodules.Resource) error {
	if !m.balances() {
		return nil
	}
	used := map[string]bool{}
	for _, one := range listed {
		used[balancerName(one.Key)] = true
	}
	found, err := m.eachTargetGroup(ctx, &elb.DescribeTargetGroupsInput{})
	if err != nil {
		return err
	}
	var ids []string
	for _, one := range found {
		name := aws.ToString(one.TargetGroupName)
		if strings.HasPrefix(name, balancerPrefix) && !used[name] && len(one.LoadBalancerArns) == 0 {
			ids = append(ids, aws.ToString(one.TargetGroupArn))
		}
	}
	tags, err := m.tagsOf(ctx, ids)
	if err != nil {
		return err
	}
	for id, own := range tags {
		if !slices.ContainsFunc(own, func(one types.Tag) bool {
			return aws.ToString(one.Key) == tagAgency && aws.ToString(one.Value) == m.environment.Agency
		}) {
			continue
		}
		if _, err := m.balancing.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &id}); err != nil && codeOf(err) != "TargetGroupNotFound" {
			return fault("delete target group "+id, err)
		}
	}
	return nil
}

// SetTargets implements vendormodules.Balancer. Those that stay are left alone, and those that go are drained.
func (m *Module) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	balancer, err := m.Get(ctx, id)
	if err == nil && balancer.Type != descriptors.LoadBalancer {
		err = fmt.Errorf("ec2: balancer %s: %w", id, vendormodules.ErrNotFound)
	}
	if err != nil {
		return err
	}
	where, _, err := m.place.Get(ctx)
	if err != nil {
		return err
	}
	var groups []types.TargetGroup
	err = m.shows(ctx, "the target group of "+id, func() (bool, error) {
		groups, err = m.eachTargetGroup(ctx, &elb.DescribeTargetGroupsInput{Names: []string{id}})
		return len(groups) > 0, err
	})
	if err != nil {
		return err
	}
	return m.setTargets(ctx, aws.ToString(groups[0].TargetGroupArn), targets, where)
}

// target is one in the cloud's words.
type target struct {
	address, zone string
	port          int32
}

func (t target) description() types.TargetDescription {
	description := types.TargetDescription{Id: &t.address, Port: &t.port}
	if t.zone != "" {
		description.AvailabilityZone = &t.zone
	}
	return description
}

// setTargets registers the targets that a group lacks, and then deregisters those that are too many.
func (m *Module) setTargets(ctx context.Context, group string, targets []vendormodules.Target, where place) error {
	wanted, err := m.inside(ctx, targets, where)
	if err != nil {
		return err
	}
	has, err := m.balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
	if err != nil {
		return fault("list the targets of "+group, err)
	}
	var missing, superfluous []types.TargetDescription
	for _, one := range has.TargetHealthDescriptions {
		if one.Target == nil || one.TargetHealth != nil && one.TargetHealth.State == types.TargetHealthStateEnumDraining {
			continue
		}
		known := target{aws.ToString(one.Target.Id), "", aws.ToInt32(one.Target.Port)}
		if _, stays := wanted[known]; stays {
			delete(wanted, known)
		} else {
			superfluous = append(superfluous, *one.Target)
		}
	}
	for _, one := range wanted {
		missing = append(missing, one.description())
	}
	if len(missing) > 0 {
		if _, err := m.balancing.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: missing}); err != nil {
			return fault("add targets to "+group, err)
		}
	}
	if len(superfluous) > 0 {
		_, err := m.balancing.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: superfluous})
		return fault("remove targets from "+group, err)
	}
	return nil
}

// inside are targets by addresses that a balancer can reach: those within the VPC, or those of networks joined to it. For a
// machine's public address that is the one which it has inside. They are known by what they are without their zone.
func (m *Module) inside(ctx context.Context, targets []vendormodules.Target, where place) (map[target]target, error) {
	found := map[target]target{}
	for _, one := range targets {
		address, err := netip.ParseAddr(one.Address)
		if err != nil {
			return nil, fmt.Errorf("ec2: target %s: %q is no address: %w", one.Name, one.Address, vendormodules.ErrInvalid)
		}
		known := target{address: one.Address, port: int32(one.Port)}
		if !address.IsPrivate() && !where.block.Contains(address) {
			if known.address, err = m.privateOf(ctx, one); err != nil {
				return nil, err
			}
		}
		whole := known
		if address.IsPrivate() && !where.block.Contains(address) {
			whole.zone = "all"
		}
		found[known] = whole
	}
	return found, nil
}

// privateOf is the address in the VPC of the machine that has a public one.
func (m *Module) privateOf(ctx context.Context, target vendormodules.Target) (string, error) {
	answer, err := m.client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{
		Filters: []ec2types.Filter{{Name: aws.String("ip-address"), Values: []string{target.Address}}},
	})
	if err != nil {
		return "", fault("look up target "+target.Name, err)
	}
	for _, reservation := range answer.Reservations {
		for _, one := range reservation.Instances {
			if address := aws.ToString(one.PrivateIpAddress); address != "" {
				return address, nil
			}
		}
	}
	return "", fmt.Errorf("ec2: target %s: no machine in the VPC has the address %s: %w", target.Name, target.Address, vendormodules.ErrInvalid)
}
