package openstack

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"

	"github.com/cloud-agency/agency/vendormodules"
)

// inGroup makes sure that the group of a request's class is there and lets in what the rules say, and does work in it. No
// group is deleted meanwhile. Groups are nil where the configuration wants none.
func (m *Module) inGroup(ctx context.Context, s *session, request vendormodules.Request, work func(groups []string) error) error {
	if !*m.configuration.SecurityGroups {
		return work(nil)
	}
	if err := m.holdGroups(ctx); err != nil {
		return err
	}
	defer m.releaseGroups()
	existing, err := m.listGroups(ctx, s)
	if err != nil {
		return err
	}
	own, err := m.ensureGroup(ctx, s, &existing, request.Tags, request.Tags.Class)
	if err != nil {
		return err
	}
	if err := m.letIn(ctx, s, &existing, own, request); err != nil {
		return err
	}
	return work([]string{own.ID})
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

// groupName is unique in a project that several agencies may share.
func groupName(tags vendormodules.Tags, class string) string {
	return strings.Join([]string{tags.Agency, tags.Deployment, class}, "/")
}

func (m *Module) listGroups(ctx context.Context, s *session) ([]groups.SecGroup, error) {
	pages, err := allPages(ctx, groups.List(s.network, groups.ListOpts{}))
	if err != nil {
		return nil, err
	}
	all, err := groups.ExtractGroups(pages)
	return slices.DeleteFunc(all, func(one groups.SecGroup) bool { return !m.ours(readDescription(one.Name, one.Description)) }), err
}

// ensureGroup finds or makes the group of a class of a deployment.
func (m *Module) ensureGroup(ctx context.Context, s *session, existing *[]groups.SecGroup, tags vendormodules.Tags, class string) (groups.SecGroup, error) {
	of := identity{Tags: vendormodules.Tags{Agency: tags.Agency, Deployment: tags.Deployment, Class: class}}
	name := groupName(tags, class)
	for _, one := range *existing {
		if one.Name == name {
			return one, nil
		}
	}
	made, err := groups.Create(ctx, s.network, groups.CreateOpts{Name: name, Description: of.describe()}).Extract()
	if err != nil {
		return groups.SecGroup{}, err
	}
	*existing = append(*existing, *made)
	return *made, nil
}

// letIn makes a group's ingress rules be those of a request, no fewer and no more.
func (m *Module) letIn(ctx context.Context, s *session, existing *[]groups.SecGroup, own groups.SecGroup, request vendormodules.Request) error {
	wanted := map[rules.CreateOpts]bool{}
	for _, rule := range request.Rules {
		from := ""
		if rule.Class != "" {
			group, err := m.ensureGroup(ctx, s, existing, request.Tags, rule.Class)
			if err != nil {
				return err
			}
			from = group.ID
		}
		for _, one := range ingress(own.ID, from, rule) {
			wanted[one] = true
		}
	}
	for _, rule := range own.Rules {
		if rule.Direction != string(rules.DirIngress) {
			continue
		}
		if same := written(rule); wanted[same] {
			delete(wanted, same)
			continue
		}
		if err := gone(rules.Delete(ctx, s.network, rule.ID).ExtractErr()); err != nil {
			return err
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	missing := make([]rules.CreateOpts, 0, len(wanted))
	for one := range wanted {
		missing = append(missing, one)
	}
	_, err := rules.CreateBulk(ctx, s.network, missing).Extract()
	return err
}

// ingress is a rule in Neutron's words: one for each family of addresses that it is about.
func ingress(group, from string, rule vendormodules.Rule) []rules.CreateOpts {
	one := rules.CreateOpts{
		Direction: rules.DirIngress, SecGroupID: group, RemoteGroupID: from, Protocol: rules.RuleProtocol(rule.Protocol),
		PortRangeMin: rule.First, PortRangeMax: rule.Last,
	}
	if rule.From.IsValid() {
		one.RemoteIPPrefix = rule.From.Masked().String()
	}
	four, six := one, one
	four.EtherType, six.EtherType = rules.EtherType4, rules.EtherType6
	if rule.Protocol == "icmp" {
		six.Protocol = rules.ProtocolIPv6ICMP
	}
	switch {
	case rule.From.IsValid() && rule.From.Addr().Is6():
		return []rules.CreateOpts{six}
	case rule.From.IsValid():
		return []rules.CreateOpts{four}
	}
	return []rules.CreateOpts{four, six}
}

// written is a rule that exists, as it would be asked for.
func written(rule rules.SecGroupRule) rules.CreateOpts {
	return rules.CreateOpts{
		Direction: rules.DirIngress, SecGroupID: rule.SecGroupID, RemoteGroupID: rule.RemoteGroupID,
		Protocol: rules.RuleProtocol(rule.Protocol), PortRangeMin: rule.PortRangeMin, PortRangeMax: rule.PortRangeMax,
		RemoteIPPrefix: rule.RemoteIPPrefix, EtherType: rules.RuleEtherType(rule.EtherType),
	}
}

// sweepGroups deletes the groups of deployments that have no port left. Those of a deployment that has stay, all of them:
// the rules of one class point to the group of another, also while that has no machine.
func (m *Module) sweepGroups(ctx context.Context, s *session) error {
	if s.network == nil || !*m.configuration.SecurityGroups {
		return nil
	}
	if err := m.holdGroups(ctx); err != nil {
		return err
	}
	defer m.releaseGroups()
	existing, err := m.listGroups(ctx, s)
	if err != nil || len(existing) == 0 {
		return err
	}
	ports, err := m.listPorts(ctx, s, nil)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, port := range ports {
		used[readDescription(port.Name, port.Description).Tags.Deployment] = true
	}
	idle := map[string]bool{}
	for _, one := range existing {
		if !used[readDescription(one.Name, one.Description).Tags.Deployment] {
			idle[one.Name] = true
		}
	}
	if len(idle) == 0 {
		return nil
	}
	if err := sweepServerGroups(ctx, s, idle); err != nil {
		return err // the others stay, so that these are looked for again
	}
	for _, one := range existing {
		if !idle[one.Name] {
			continue
		}
		err := translate(groups.Delete(ctx, s.network, one.ID).ExtractErr())
		if gone(err) != nil && !errors.Is(err, vendormodules.ErrConflict) { // somebody else's port is in it
			return err
		}
	}
	return nil
}
