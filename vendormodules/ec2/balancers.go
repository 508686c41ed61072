package ec2

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// balancerName is what a balancer and its target group are called, and the balancer's id for the agency: unique in the
// account and the region, so that a repeat finds its first. The cloud takes 32 characters.
func balancerName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return balancerPrefix + hex.EncodeToString(sum[:12])
}

const balancerPrefix = "agency-"

// createBalancer makes a target group, a balancer, and the listener that joins them, each of which is made once however
// often it is asked for with the same name. The balancer is listed from then on that it exists; what else is left of a
// create that nobody comes back for, the next listing sweeps.
func (m *Module) createBalancer(ctx context.Context, request vendormodules.Request, where place) (vendormodules.Resource, error) {
	class := request.Class.WithDefaults()
	for _, from := range []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)} {
		request.Rules = append(slices.Clip(request.Rules), vendormodules.Rule{
			Protocol: descriptors.ProtocolTCP, First: class.Listen, Last: class.Listen, From: from,
		})
	}
	kind, subnets := balancerKind(class, where)
	if len(subnets) == 0 {
		return vendormodules.Resource{}, fmt.Errorf("ec2: create balancer %s: VPC %s has no subnet for it: %w", request.Key, where.vpc, vendormodules.ErrUnsupported)
	}
	var created vendormodules.Resource
	err := m.inGroup(ctx, request, where.vpc, func(groups []string) error {
		group, err := m.ensureTargetGroup(ctx, request, class, kind, where)
		if err != nil {
			return err
		}
		balancer, err := m.ensureBalancer(ctx, request, &elb.CreateLoadBalancerInput{Type: kind, SecurityGroups: groups, Subnets: subnets})
		if err != nil {
			return err
		}
		created = m.remember(shownBalancer(balancer, balancerTags(request)))
		if _, err := m.balancing.CreateListener(ctx, &elb.CreateListenerInput{
			LoadBalancerArn: balancer.LoadBalancerArn, Port: aws.Int32(int32(class.Listen)), Protocol: protocolOf(kind),
			DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &group}},
		}); err != nil && codeOf(err) != "DuplicateListener" {
			return fault("create listener of balancer "+request.Key, err)
		}
		return m.setTargets(ctx, group, request.Targets, where)
	})
	return created, err
}

// balancerKind chooses between the cloud's two, and the subnets. The one that understands HTTP must be in two zones; where
// there is but one, the other carries HTTP as it comes.
func balancerKind(class descriptors.Class, where place) (types.LoadBalancerTypeEnum, []string) {
	if class.Protocol == "http" && len(where.subnets) > 1 {
		return types.LoadBalancerTypeEnumApplication, slices.Sorted(maps.Values(where.subnets))
	}
	if near := where.subnets[where.zone]; near != "" {
		return types.LoadBalancerTypeEnumNetwork, []string{near}
	}
	return types.LoadBalancerTypeEnumNetwork, slices.Sorted(maps.Values(where.subnets))
}

func protocolOf(kind types.LoadBalancerTypeEnum) types.ProtocolEnum {
	if kind == types.LoadBalancerTypeEnumApplication {
		return types.ProtocolEnumHttp
	}
	return types.ProtocolEnumTcp
}

// balancerTags are those that a balancer and its target group bear.
func balancerTags(request vendormodules.Request) []types.Tag {
	var tags []types.Tag
	for _, one := range identity(request.Key, request.Name, request.Tags) {
		tags = append(tags, types.Tag{Key: aws.String(one[0]), Value: aws.String(one[1])})
	}
	return tags
}

func (m *Module) ensureBalancer(ctx context.Context, request vendormodules.Request, input *elb.CreateLoadBalancerInput) (types.LoadBalancer, error) {
	name := balancerName(request.Key)
	input.Name, input.Tags, input.Scheme = &name, balancerTags(request), types.LoadBalancerSchemeEnumInternetFacing
	answer, err := m.balancing.CreateLoadBalancer(ctx, input)
	if codeOf(err) == "DuplicateLoadBalancerName" { // made as things were then, such as in other subnets
		found, err := m.eachBalancer(ctx, &elb.DescribeLoadBalancersInput{Names: []string{name}})
		if err != nil || len(found) == 0 {
			return types.LoadBalancer{}, errors.Join(err, fmt.Errorf("ec2: balancer %s does not show yet: %w", request.Key, vendormodules.ErrTransient))
		}
		return found[0], nil
	}
	if err != nil {
		return types.LoadBalancer{}, fault("create balancer "+request.Key, err)
	}
	if len(answer.LoadBalancers) != 1 {
		return types.LoadBalancer{}, fmt.Errorf("ec2: create balancer %s: %d were made: %w", request.Key, len(answer.LoadBalancers), vendormodules.ErrTransient)
	}
	return answer.LoadBalancers[0], nil
}

func (m *Module) eachBalancer(ctx context.Context, input *elb.DescribeLoadBalancersInput) ([]types.LoadBalancer, error) {
	all, err := collect(ctx, elb.NewDescribeLoadBalancersPaginator(m.balancing, input),
		func(page *elb.DescribeLoadBalancersOutput) []types.LoadBalancer { return page.LoadBalancers })
	if codeOf(err) == "LoadBalancerNotFound" {
		return nil, nil
	}
	return all, fault("list balancers", err)
}

// balancers are those that the agency made: listings do not tell tags, but names say which tags to ask for.
func (m *Module) balancers(ctx context.Context, asked question) ([]vendormodules.Resource, error) {
	if !m.balances() {
		return nil, nil
	}
	input := &elb.DescribeLoadBalancersInput{Names: asked.ids()}
	if asked.key == tagKey {
		input.Names = []string{balancerName(asked.value)}
	}
	found, err := m.eachBalancer(ctx, input)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(one types.LoadBalancer) bool {
		return !strings.HasPrefix(aws.ToString(one.LoadBalancerName), balancerPrefix)
	})
	ids := make([]string, 0, len(found))
	for _, one := range found {
		ids = append(ids, aws.ToString(one.LoadBalancerArn))
	}
	tags, err := m.tagsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	var all []vendormodules.Resource
	for _, one := range found {
		resource := shownBalancer(one, tags[aws.ToString(one.LoadBalancerArn)])
		if resource.Tags.Agency == m.environment.Agency && !m.leaving(resource.ID) {
			all = append(all, resource)
		}
	}
	return all, nil
}

// tagsTogether is of how many things the cloud tells the tags at once.
const tagsTogether = 20

// tagsOf are the tags of balancers or target groups. Those that are gone meanwhile have none.
func (m *Module) tagsOf(ctx context.Context, ids []string) (map[string][]types.Tag, error) {
	tags := map[string][]types.Tag{}
	for some := range slices.Chunk(ids, tagsTogether) {
		answer, err := m.balancing.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: some})
		if code := codeOf(err); (code == "LoadBalancerNotFound" || code == "TargetGroupNotFound") && len(some) > 1 {
			for _, one := range some { // the others are still there
				alone, err := m.tagsOf(ctx, []string{one})
				if err != nil {
					return nil, err
				}
				maps.Copy(tags, alone)
			}
			continue
		} else if code == "LoadBalancerNotFound" || code == "TargetGroupNotFound" {
			continue
		}
		if err != nil {
			return nil, fault("read tags of balancers", err)
		}
		for _, one := range answer.TagDescriptions {
			tags[aws.ToString(one.ResourceArn)] = one.Tags
		}
	}
	return tags, nil
}

// shownBalancer is a balancer as the agency sees it. Whether its targets answer is measured, not part of its state.
func shownBalancer(balancer types.LoadBalancer, tags []types.Tag) vendormodules.Resource {
	values := map[string]string{}
	for _, one := range tags {
		values[aws.ToString(one.Key)] = aws.ToString(one.Value)
	}
	resource := identified(func(name string) string { return values[name] })
	resource.ID, resource.Type = aws.ToString(balancer.LoadBalancerName), descriptors.LoadBalancer
	resource.Created = aws.ToTime(balancer.CreatedTime).UTC()
	resource.Addresses = []vendormodules.Address{{Address: aws.ToString(balancer.DNSName), Public: true}}
	resource.State = vendormodules.ResourceCreating
	if balancer.State == nil {
		return resource
	}
	switch balancer.State.Code {
	case types.LoadBalancerStateEnumActive, types.LoadBalancerStateEnumActiveImpaired:
		resource.State = vendormodules.ResourceRunning
	case types.LoadBalancerStateEnumFailed:
		resource.State, resource.Fault = vendormodules.ResourceError, "the cloud could not set it up: "+aws.ToString(balancer.State.Reason)
	}
	return resource
}

// deleteBalancer removes what belongs to a balancer before the balancer itself, which is what is listed.
func (m *Module) deleteBalancer(ctx context.Context, id string) error {
	if err := m.holdGroups(ctx); err != nil {
		return err
	}
	defer m.releaseGroups()
	found, err := m.eachBalancer(ctx, &elb.DescribeLoadBalancersInput{Names: []string{id}})
	if err != nil {
		return err
	}
	if len(found) == 0 || m.leaving(id) {
		return fmt.Errorf("ec2: delete %s: %w", id, vendormodules.ErrNotFound)
	}
	m.unswept.Store(true)
	arn := found[0].LoadBalancerArn
	listeners, err := m.balancing.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: arn})
	if err != nil {
		return fault("list listeners of "+id, err)
	}
	for _, one := range listeners.Listeners {
		_, err := m.balancing.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: one.ListenerArn})
		if err != nil && codeOf(err) != "ListenerNotFound" {
			return fault("delete listener of "+id, err)
		}
	}
	if err := m.deleteTargetGroup(ctx, id); err != nil {
		return err
	}
	_, err = m.balancing.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn})
	if err == nil {
		m.leave(id)
	}
	return fault("delete "+id, err)
}
