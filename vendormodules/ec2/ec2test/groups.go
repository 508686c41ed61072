package ec2test

import (
	"fmt"
	"slices"
)

// permission is one rule of a security group: a protocol, its ports, and who may come in.
type permission struct {
	protocol, first, last string
	from                  source
}

// source is a range of addresses, or the id of a group.
type source struct{ four, six, group string }

// mostRules is how many a group may have.
const mostRules = 60

func createGroup(a *Account, asked parameters) (any, error) {
	name := asked.text("GroupName")
	if asked.text("VpcId") != "vpc-1" && !a.off("DescribeVpcs") {
		return nil, failed("InvalidVpcID.NotFound", "The vpc ID '%s' does not exist", asked.text("VpcId"))
	}
	if name == "" || asked.text("GroupDescription") == "" {
		return nil, failed("MissingParameter", "The request must contain the parameters GroupName and GroupDescription")
	}
	if slices.ContainsFunc(a.things, func(one *thing) bool { return one.kind() == "sg-" && one.name == name }) {
		return nil, failed("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC 'vpc-1'", name)
	}
	made := a.add("sg-", "", "", asked)
	made.name = name
	return struct {
		Return bool   `xml:"return"`
		ID     string `xml:"groupId"`
	}{true, made.id}, nil
}

type sourceItem struct {
	Four  string `xml:"cidrIp,omitempty"`
	Six   string `xml:"cidrIpv6,omitempty"`
	Group string `xml:"groupId,omitempty"`
}

type permissionItem struct {
	Protocol string       `xml:"ipProtocol"`
	First    string       `xml:"fromPort,omitempty"`
	Last     string       `xml:"toPort,omitempty"`
	Groups   []sourceItem `xml:"groups>item"`
	Fours    []sourceItem `xml:"ipRanges>item"`
	Sixes    []sourceItem `xml:"ipv6Ranges>item"`
}

type groupItem struct {
	ID          string           `xml:"groupId"`
	Name        string           `xml:"groupName"`
	VPC         string           `xml:"vpcId"`
	Permissions []permissionItem `xml:"ipPermissions>item"`
	Tags        []tagItem        `xml:"tagSet>item"`
}

// groupItem shows rules that differ only in who may come in together.
func (t *thing) groupItem() groupItem {
	item := groupItem{ID: t.id, Name: t.name, VPC: "vpc-1", Tags: t.tagItems()}
	for _, one := range t.letsIn {
		index := slices.IndexFunc(item.Permissions, func(other permissionItem) bool {
			return other.Protocol == one.protocol && other.First == one.first && other.Last == one.last
		})
		if index < 0 {
			index = len(item.Permissions)
			item.Permissions = append(item.Permissions, permissionItem{Protocol: one.protocol, First: one.first, Last: one.last})
		}
		shown := &item.Permissions[index]
		switch from := (sourceItem{one.from.four, one.from.six, one.from.group}); {
		case from.Group != "":
			shown.Groups = append(shown.Groups, from)
		case from.Six != "":
			shown.Sixes = append(shown.Sixes, from)
		default:
			shown.Fours = append(shown.Fours, from)
		}
	}
	return item
}

func describeGroups(a *Account, asked parameters) (any, error) {
	found, next, err := a.list("sg-", "GroupId", "InvalidGroup.NotFound", asked)
	items := make([]groupItem, 0, len(found))
	for _, one := range found {
		items = append(items, one.groupItem())
	}
	return struct {
		Groups []groupItem `xml:"securityGroupInfo>item"`
		Next   string      `xml:"nextToken,omitempty"`
	}{items, next}, err
}

func deleteGroup(a *Account, asked parameters) (any, error) {
	one, err := a.find(asked.text("GroupId"), "InvalidGroup.NotFound")
	if err != nil {
		return nil, err
	}
	for _, other := range a.things {
		names := slices.ContainsFunc(other.letsIn, func(rule permission) bool { return rule.from.group == one.id })
		if other != one && names || other.state != "terminated" && slices.Contains(other.groups, one.id) {
			return nil, failed("DependencyViolation", "resource %s has a dependent object", one.id)
		}
	}
	a.drop(one)
	return ok{true}, nil
}

// permissions are those that a call is about.
func (a *Account) permissions(asked parameters) ([]permission, error) {
	var all []permission
	for number := 1; ; number++ {
		at := fmt.Sprintf("IpPermissions.%d.", number)
		rule := permission{protocol: asked.text(at + "IpProtocol"), first: asked.text(at + "FromPort"), last: asked.text(at + "ToPort")}
		if rule.protocol == "" {
			return all, nil
		}
		if rule.protocol != "-1" && (rule.first == "" || rule.last == "") {
			return nil, failed("MissingParameter", "The request must contain the parameters FromPort and ToPort")
		}
		for index := 1; ; index++ {
			rule.from = source{
				asked.text(fmt.Sprintf("%sIpRanges.%d.CidrIp", at, index)), asked.text(fmt.Sprintf("%sIpv6Ranges.%d.CidrIpv6", at, index)),
				asked.text(fmt.Sprintf("%sGroups.%d.GroupId", at, index)),
			}
			if rule.from == (source{}) {
				break
			}
			if rule.from.group != "" {
				if _, err := a.find(rule.from.group, "InvalidGroup.NotFound"); err != nil {
					return nil, err
				}
			}
			all = append(all, rule)
		}
	}
}

func authorize(a *Account, asked parameters) (any, error) {
	one, err := a.find(asked.text("GroupId"), "InvalidGroup.NotFound")
	if err != nil {
		return nil, err
	}
	rules, err := a.permissions(asked)
	if err != nil {
		return nil, err
	}
	for _, rule := range rules {
		if slices.Contains(one.letsIn, rule) {
			return nil, failed("InvalidPermission.Duplicate", "the specified rule already exists")
		}
	}
	if len(one.letsIn)+len(rules) > mostRules {
		return nil, failed("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	one.letsIn = append(one.letsIn, rules...)
	return ok{true}, nil
}

func revoke(a *Account, asked parameters) (any, error) {
	one, err := a.find(asked.text("GroupId"), "InvalidGroup.NotFound")
	if err != nil {
		return nil, err
	}
	rules, err := a.permissions(asked)
	if err != nil {
		return nil, err
	}
	for _, rule := range rules {
		if !slices.Contains(one.letsIn, rule) {
			return nil, failed("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		one.letsIn = slices.DeleteFunc(one.letsIn, func(other permission) bool { return other == rule })
	}
	return ok{true}, nil
}

// Rules are what the security groups of a machine, or of a balancer by its name, let in, a line each such as "tcp 80 80 0.0.0.0/0", sorted; groups by name.
func (a *Account) Rules(id string) []string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	var lines []string
	for _, one := range a.things {
		if one.id != id && one.name != id {
			continue
		}
		for _, group := range a.things {
			if !slices.Contains(one.groups, group.id) {
				continue
			}
			for _, rule := range group.letsIn {
				from := rule.from.four + rule.from.six
				for _, other := range a.things {
					if other.id == rule.from.group {
						from = other.name
					}
				}
				lines = append(lines, fmt.Sprintf("%s %s %s %s", rule.protocol, rule.first, rule.last, from))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// Groups are the names of the security groups that exist, sorted.
func (a *Account) Groups() []string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	var names []string
	for _, one := range a.things {
		if one.kind() == "sg-" {
			names = append(names, one.name)
		}
	}
	slices.Sort(names)
	return names
}
