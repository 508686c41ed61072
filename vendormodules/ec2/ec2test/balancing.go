package ec2test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	balancingVersion = "2015-12-01"
	balancingIDs     = "arn:aws:elasticloadbalancing:test-1:1:"
	balancerIDs      = balancingIDs + "loadbalancer/"
	targetGroupIDs   = balancingIDs + "targetgroup/"
	listenerIDs      = balancingIDs + "listener/"
)

func balancingActions() map[string]action {
	return map[string]action{
		"CreateLoadBalancer": createBalancer, "DescribeLoadBalancers": describeBalancers, "DeleteLoadBalancer": deleteBalancer,
		"CreateTargetGroup": createTargetGroup, "DescribeTargetGroups": describeTargetGroups, "DeleteTargetGroup": deleteTargetGroup,
		"CreateListener": createListener, "DescribeListeners": describeListeners, "DeleteListener": deleteListener,
		"RegisterTargets": registerTargets, "DeregisterTargets": deregisterTargets, "DescribeTargetHealth": describeTargets,
		"DescribeTags": describeTags,
	}
}

// nothing is the result of an action that has none.
type nothing struct{}

// members are what is numbered as a list of this service's.
func (p parameters) members(name string) []string { return p.list(name + ".member") }

// labelled are the tags of this service's.
func (p parameters) labelled() map[string]string {
	tags := map[string]string{}
	for number := 1; ; number++ {
		key := p.text(fmt.Sprintf("Tags.member.%d.Key", number))
		if key == "" {
			return tags
		}
		tags[key] = p.text(fmt.Sprintf("Tags.member.%d.Value", number))
	}
}

// named finds a thing of this service's by name or id, also before listings show it.
func (a *Account) named(prefix, name string) *thing {
	for _, one := range a.things {
		if strings.HasPrefix(one.id, prefix) && (one.name == name || one.id == name) {
			return one
		}
	}
	return nil
}

// sameName makes a thing of a name, or finds the one that an equal call made; one that an unequal call made is an error.
func (a *Account) sameName(prefix, state, next, code string, asked parameters) (*thing, error) {
	name := asked.text("Name")
	if name == "" || len(name) > 32 {
		return nil, failed("ValidationError", "The name '%s' cannot be longer than '32' characters", name)
	}
	if earlier := a.named(prefix, name); earlier != nil {
		if !earlier.asked.same(asked) {
			return nil, failed(code, "A thing with the name '%s' and different settings exists", name)
		}
		return earlier, nil
	}
	made := a.add(prefix+name+"/", state, next, asked)
	made.name, made.tags = name, asked.labelled()
	return made, nil
}

type balancerItem struct {
	ID    string `xml:"LoadBalancerArn"`
	Name  string `xml:"LoadBalancerName"`
	DNS   string `xml:"DNSName"`
	Type  string `xml:"Type"`
	VPC   string `xml:"VpcId"`
	Made  string `xml:"CreatedTime"`
	State string `xml:"State>Code"`
}

func (t *thing) balancerItem() balancerItem {
	return balancerItem{t.id, t.name, t.dns(), t.flavor, "vpc-1", stamp(t.created), t.state}
}

func (t *thing) dns() string { return t.name + ".elb.test-1.example.org" }

func createBalancer(a *Account, asked parameters) (any, error) {
	kind, subnets := asked.text("Type"), asked.members("Subnets")
	for _, one := range subnets {
		if !slices.ContainsFunc(a.defaultSubnets(), func(other subnetItem) bool { return other.ID == one }) && a.named("subnet-", one) == nil {
			return nil, failed("SubnetNotFound", "The subnet ID '%s' does not exist", one)
		}
	}
	if len(subnets) == 0 || kind == "application" && len(subnets) < 2 {
		return nil, failed("ValidationError", "At least two subnets in two different Availability Zones must be specified")
	}
	groups := asked.members("SecurityGroups")
	for _, one := range groups {
		if a.named("sg-", one) == nil {
			return nil, failed("InvalidSecurityGroup", "The security group '%s' does not exist", one)
		}
	}
	made, err := a.sameName(balancerIDs, "provisioning", "active", "DuplicateLoadBalancerName", asked)
	if err != nil {
		return nil, err
	}
	made.flavor, made.groups = kind, groups
	return struct {
		Balancers []balancerItem `xml:"LoadBalancers>member"`
	}{[]balancerItem{made.balancerItem()}}, nil
}

// paged lists things of this service's, a page of them.
func (a *Account) paged(prefix, ids, code string, asked parameters) ([]*thing, string, error) {
	if marker := asked.text("Marker"); marker != "" {
		asked["NextToken"] = []string{marker}
	}
	names := asked.members("Names")
	if len(names) == 0 {
		return a.list(prefix, ids+".member", code, asked)
	}
	var found []*thing
	for _, name := range names {
		one := a.named(prefix, name)
		if one != nil {
			a.pass(one)
		}
		if one == nil || one.late > 0 {
			return nil, "", failed(code, "One or more of them was not found: '%s'", name)
		}
		found = append(found, one)
	}
	return found, "", nil
}

func describeBalancers(a *Account, asked parameters) (any, error) {
	found, next, err := a.paged(balancerIDs, "LoadBalancerArns", "LoadBalancerNotFound", asked)
	var items []balancerItem
	for _, one := range found {
		items = append(items, one.balancerItem())
	}
	return struct {
		Balancers []balancerItem `xml:"LoadBalancers>member"`
		Next      string         `xml:"NextMarker,omitempty"`
	}{items, next}, err
}

func deleteBalancer(a *Account, asked parameters) (any, error) {
	one := a.named(balancerIDs, asked.text("LoadBalancerArn"))
	if one == nil {
		return nothing{}, nil // it succeeds, the reference says
	}
	a.things = slices.DeleteFunc(a.things, func(other *thing) bool { return other == one || other.holder == one.id })
	return nothing{}, nil
}

type targetGroupItem struct {
	ID        string   `xml:"TargetGroupArn"`
	Name      string   `xml:"TargetGroupName"`
	Balancers []string `xml:"LoadBalancerArns>member"`
}

// targetGroupItem shows the balancers that a group is behind.
func (a *Account) targetGroupItem(of *thing) targetGroupItem {
	item := targetGroupItem{ID: of.id, Name: of.name}
	for _, one := range a.things {
		if one.source == of.id && strings.HasPrefix(one.id, listenerIDs) {
			item.Balancers = append(item.Balancers, one.holder)
		}
	}
	return item
}

func createTargetGroup(a *Account, asked parameters) (any, error) {
	interval, _ := strconv.Atoi(asked.text("HealthCheckIntervalSeconds"))
	timeout, _ := strconv.Atoi(asked.text("HealthCheckTimeoutSeconds"))
	if interval < 5 || interval > 300 || timeout < 2 || timeout >= interval {
		return nil, failed("ValidationError", "Health check interval must be greater than the timeout, and between 5 and 300")
	}
	if asked.text("TargetType") != "ip" || asked.text("VpcId") != "vpc-1" {
		return nil, failed("ValidationError", "of this kind of target groups, this server knows none")
	}
	made, err := a.sameName(targetGroupIDs, "", "", "DuplicateTargetGroupName", asked)
	if err != nil {
		return nil, err
	}
	return struct {
		Groups []targetGroupItem `xml:"TargetGroups>member"`
	}{[]targetGroupItem{a.targetGroupItem(made)}}, nil
}

func describeTargetGroups(a *Account, asked parameters) (any, error) {
	found, next, err := a.paged(targetGroupIDs, "TargetGroupArns", "TargetGroupNotFound", asked)
	var items []targetGroupItem
	for _, one := range found {
		items = append(items, a.targetGroupItem(one))
	}
	return struct {
		Groups []targetGroupItem `xml:"TargetGroups>member"`
		Next   string            `xml:"NextMarker,omitempty"`
	}{items, next}, err
}

func deleteTargetGroup(a *Account, asked parameters) (any, error) {
	one := a.named(targetGroupIDs, asked.text("TargetGroupArn"))
	if one == nil {
		return nothing{}, nil
	}
	if len(a.targetGroupItem(one).Balancers) > 0 {
		return nil, failed("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", one.id)
	}
	a.drop(one)
	return nothing{}, nil
}

type listenerItem struct {
	ID       string `xml:"ListenerArn"`
	Balancer string `xml:"LoadBalancerArn"`
	Port     int    `xml:"Port"`
}

func createListener(a *Account, asked parameters) (any, error) {
	balancer := a.named(balancerIDs, asked.text("LoadBalancerArn"))
	group := a.named(targetGroupIDs, asked.text("DefaultActions.member.1.TargetGroupArn"))
	port, err := strconv.Atoi(asked.text("Port"))
	switch {
	case balancer == nil:
		return nil, failed("LoadBalancerNotFound", "One or more load balancers not found")
	case group == nil:
		return nil, failed("TargetGroupNotFound", "One or more target groups not found")
	case err != nil || asked.text("Protocol") != group.asked.text("Protocol"):
		return nil, failed("ValidationError", "A listener needs a port, and the protocol of its target group")
	}
	var made *thing
	for _, one := range a.things {
		if one.holder == balancer.id && one.size == port {
			made = one
		}
	}
	if made == nil {
		made = a.add(listenerIDs+balancer.name+"/", "", "", asked)
		made.holder, made.source, made.size = balancer.id, group.id, port
	}
	return struct {
		Listeners []listenerItem `xml:"Listeners>member"`
	}{[]listenerItem{{made.id, balancer.id, port}}}, nil
}

func describeListeners(a *Account, asked parameters) (any, error) {
	balancer := a.named(balancerIDs, asked.text("LoadBalancerArn"))
	if balancer == nil {
		return nil, failed("LoadBalancerNotFound", "One or more load balancers not found")
	}
	var items []listenerItem
	for _, one := range a.things {
		if one.holder == balancer.id {
			items = append(items, listenerItem{one.id, balancer.id, one.size})
		}
	}
	return struct {
		Listeners []listenerItem `xml:"Listeners>member"`
	}{items}, nil
}

func deleteListener(a *Account, asked parameters) (any, error) {
	one := a.named(listenerIDs, asked.text("ListenerArn"))
	if one == nil {
		return nil, failed("ListenerNotFound", "One or more listeners not found")
	}
	a.drop(one)
	return nothing{}, nil
}

func describeTags(a *Account, asked parameters) (any, error) {
	type item struct {
		ID   string `xml:"ResourceArn"`
		Tags []struct {
			Key   string
			Value string
		} `xml:"Tags>member"`
	}
	ids := asked.members("ResourceArns")
	if len(ids) > 20 {
		return nil, failed("ValidationError", "at most 20")
	}
	var items []item
	for _, id := range ids {
		one := a.named(balancingIDs, id)
		if one == nil {
			code := "LoadBalancerNotFound"
			if strings.HasPrefix(id, targetGroupIDs) {
				code = "TargetGroupNotFound"
			}
			return nil, failed(code, "'%s' not found", id)
		}
		shown := item{ID: id}
		for _, tag := range one.tagItems() {
			shown.Tags = append(shown.Tags, struct{ Key, Value string }(tag))
		}
		items = append(items, shown)
	}
	return struct {
		Items []item `xml:"TagDescriptions>member"`
	}{items}, nil
}

// BalancerKind is what kind of balancer has a name: application or network.
func (a *Account) BalancerKind(name string) string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if one := a.named(balancerIDs, name); one != nil {
		return one.flavor
	}
	return ""
}
