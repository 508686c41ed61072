package ec2

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloud-agency/agency/vendormodules"
)

// inGroup makes sure that the group of a request's class is there and lets in what the rules say, and does work in it and
// in those that the configuration names. Nothing is swept meanwhile.
func (m *Module) inGroup(ctx context.Context, request vendormodules.Request, vpc string, work func(groups []string) error) error {
	if err := m.holdGroups(ctx); err != nil {
		return err
	}
	defer m.releaseGroups()
	m.creations.Add(1) // a listing that goes on now may show what is made, or may not
	defer m.creations.Add(1)
	err := m.ruled(ctx, request, vpc, work)
	if err != nil {
		m.unswept.Store(true) // nobody may come back for what was made
	}
	return err
}

func (m *Module) ruled(ctx context.Context, request vendormodules.Request, vpc string, work func(groups []string) error) error {
	if !m.enforces() {
		return work(m.configuration.SecurityGroups)
	}
	existing, err := m.eachGroup(ctx, &ec2.DescribeSecurityGroupsInput{Filters: append(having(tagAgency, m.environment.Agency), inVPC(vpc)...)})
	if err != nil {
		return err
	}
	shelf := groupShelf{existing, vpc, request.Tags}
	own, err := m.ensureGroup(ctx, &shelf, request.Tags.Class)
	if err != nil {
		return err
	}
	if err := m.letIn(ctx, &shelf, own, request.Rules); err != nil {
		return err
	}
	return work(slices.Concat([]string{aws.ToString(own.GroupId)}, m.configuration.SecurityGroups))
}

// holdGroups keeps others from changing groups until they are released.
func (m *Module) holdGroups(ctx context.Context) error {
	select {
	case m.grouping <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Module) releaseGroups() { <-m.grouping }

// groupShelf are the groups that exist, and whose others are made.
type groupShelf struct {
	existing []types.SecurityGroup
	vpc      string
	tags     vendormodules.Tags
}

// groupName is unique in a VPC that several agencies may share.
func groupName(tags vendormodules.Tags, class string) string {
	return strings.Join([]string{tags.Agency, tags.Deployment, class}, "/")
}

// inVPC filters by a VPC, where the cloud has such.
func inVPC(vpc string) []types.Filter {
	if vpc == "" {
		return nil
	}
	return []types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc}}}
}

func (m *Module) eachGroup(ctx context.Context, input *ec2.DescribeSecurityGroupsInput) ([]types.SecurityGroup, error) {
	all, err := collect(ctx, ec2.NewDescribeSecurityGroupsPaginator(m.client, input),
		func(page *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return page.SecurityGroups })
	return all, fault("list security groups", err)
}

// ensureGroup finds or makes the group of a class of a deployment. It returns once listings show the group, as rules and
// machines find none before. Names are unique, so that a repeat collides with its first.
func (m *Module) ensureGroup(ctx context.Context, shelf *groupShelf, class string) (types.SecurityGroup, error) {
	name := groupName(shelf.tags, class)
	for _, one := range shelf.existing {
		if aws.ToString(one.GroupName) == name {
			return one, nil
		}
	}
	tags := vendormodules.Tags{Agency: shelf.tags.Agency, Deployment: shelf.tags.Deployment, Class: class}
	input := &ec2.CreateSecurityGroupInput{
		GroupName: &name, Description: aws.String("made by an agency for machines of a class"),
		TagSpecifications: specification(types.ResourceTypeSecurityGroup, "", class, tags),
	}
	if shelf.vpc != "" {
		input.VpcId = &shelf.vpc
	}
	_, err := m.client.CreateSecurityGroup(ctx, input)
	if err != nil && codeOf(err) != "InvalidGroup.Duplicate" {
		return types.SecurityGroup{}, fault("create security group "+name, err)
	}
	var made types.SecurityGroup
	err = m.shows(ctx, "security group "+name, func() (bool, error) {
		found, err := m.eachGroup(ctx, &ec2.DescribeSecurityGroupsInput{
			Filters: append(inVPC(shelf.vpc), types.Filter{Name: aws.String("group-name"), Values: []string{name}}),
		})
		if err != nil || len(found) == 0 {
			return false, err
		}
		made = found[0]
		return true, nil
	})
	if err == nil && tag(made.Tags, tagAgency) == "" {
		err = m.unlabelled(ctx, aws.ToString(made.GroupId), input.TagSpecifications[0].Tags)
	}
	if err == nil {
		shelf.existing = append(shelf.existing, made)
	}
	return made, err
}

// letIn makes a group's ingress rules be those of a request, no fewer and no more.
func (m *Module) letIn(ctx context.Context, shelf *groupShelf, own types.SecurityGroup, rules []vendormodules.Rule) error {
	wanted := map[ingress]bool{}
	for _, rule := range rules {
		from := ""
		if rule.Class != "" {
			group, err := m.ensureGroup(ctx, shelf, rule.Class)
			if err != nil {
				return err
			}
			from = aws.ToString(group.GroupId)
		}
		for _, one := range ingressOf(rule, from) {
			wanted[one] = true
		}
	}
	var superfluous []types.IpPermission
	for _, one := range permitted(own.IpPermissions) {
		if wanted[one] {
			delete(wanted, one)
			continue
		}
		superfluous = append(superfluous, one.permission())
	}
	if err := m.revoke(ctx, own, superfluous); err != nil {
		return err
	}
	return m.authorize(ctx, own, wanted)
}

func (m *Module) revoke(ctx context.Context, group types.SecurityGroup, permissions []types.IpPermission) error {
	if len(permissions) == 0 {
		return nil
	}
	_, err := m.client.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: group.GroupId, IpPermissions: permissions})
	if code := codeOf(err); code == "InvalidPermission.NotFound" || code == "InvalidGroup.NotFound" {
		return nil
	}
	return fault("revoke rules of security group "+aws.ToString(group.GroupName), err)
}

// authorize adds rules, all in one call. If the cloud knows one of them already, which its listing did not show yet, they
// are added one by one.
func (m *Module) authorize(ctx context.Context, group types.SecurityGroup, wanted map[ingress]bool) error {
	var missing []types.IpPermission
	for one := range wanted {
		missing = append(missing, one.permission())
	}
	if len(missing) == 0 {
		return nil
	}
	err := m.authorizeIn(ctx, group, missing)
	if codeOf(err) == "InvalidPermission.Duplicate" {
		err = nil
		for _, one := range missing {
			if one := m.authorizeIn(ctx, group, []types.IpPermission{one}); codeOf(one) != "InvalidPermission.Duplicate" {
				err = errors.Join(err, one)
			}
		}
	}
	return fault("add rules to security group "+aws.ToString(group.GroupName), err)
}

func (m *Module) authorizeIn(ctx context.Context, group types.SecurityGroup, permissions []types.IpPermission) error {
	_, err := m.client.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group.GroupId, IpPermissions: permissions})
	return err
}

// deleteGroups deletes the security groups of deployments of which nothing is left. Those of a deployment that has
// something stay, all of them: the rules of one class point to the group of another, also while that has no machine. Rules
// that point from one group to another keep both, so they go first.
func (m *Module) deleteGroups(ctx context.Context, listed []vendormodules.Resource) error {
	if !m.enforces() {
		return nil
	}
	used := map[string]bool{}
	for _, one := range listed {
		used[one.Tags.Deployment] = true
	}
	idle, err := m.eachGroup(ctx, &ec2.DescribeSecurityGroupsInput{Filters: having(tagAgency, m.environment.Agency)})
	if err != nil {
		return err
	}
	idle = slices.DeleteFunc(idle, func(one types.SecurityGroup) bool { return used[tag(one.Tags, tagDeployment)] })
	for _, one := range idle {
		var permissions []types.IpPermission
		for _, rule := range permitted(one.IpPermissions) {
			if rule.group != "" {
				permissions = append(permissions, rule.permission())
			}
		}
		if err := m.revoke(ctx, one, permissions); err != nil {
			return err
		}
	}
	var kept error
	for _, one := range idle {
		_, err := m.client.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: one.GroupId})
		if err != nil && codeOf(err) != "InvalidGroup.NotFound" {
			kept = errors.Join(kept, fault(fmt.Sprintf("delete security group %s", aws.ToString(one.GroupName)), err))
		}
	}
	return kept
}
