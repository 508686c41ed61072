package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// ingress is one rule in the cloud's words, so that two are the same if they are equal.
type ingress struct {
	// protocol is tcp, udp, icmp, icmpv6, or everyProtocol.
	protocol string
	// first and last port; both anyPort for protocols that have none.
	first, last int32
	// four or six is a range of addresses, or group is who may come in.
	four, six, group string
}

const (
	everyProtocol = "-1"
	anyPort       = int32(-1)
	lastPort      = int32(65535)
)

// ingressOf is a rule in the cloud's words: one for each protocol and each family of addresses that it is about. The group
// is that of the rule's class.
func ingressOf(rule vendormodules.Rule, group string) []ingress {
	one := ingress{protocol: rule.Protocol, first: int32(rule.First), last: int32(rule.Last), group: group}
	six := rule.From.IsValid() && rule.From.Addr().Is6()
	switch {
	case six:
		one.six = rule.From.Masked().String()
	case rule.From.IsValid():
		one.four = rule.From.Masked().String()
	}
	switch {
	case rule.Protocol == "" && rule.First == 0:
		one.protocol, one.first, one.last = everyProtocol, anyPort, anyPort
	case rule.Protocol == "": // ports of everything that has ports
		other := one
		one.protocol, other.protocol = descriptors.ProtocolTCP, descriptors.ProtocolUDP
		return []ingress{one, other}
	case rule.Protocol == descriptors.ProtocolICMP:
		one.first, one.last = anyPort, anyPort
		if six {
			one.protocol = "icmpv6"
		}
	case rule.First == 0:
		one.last = lastPort
	}
	return []ingress{one}
}

// permission is a rule as the API takes it.
func (i ingress) permission() types.IpPermission {
	permission := types.IpPermission{IpProtocol: &i.protocol}
	if i.protocol != everyProtocol {
		permission.FromPort, permission.ToPort = &i.first, &i.last
	}
	switch {
	case i.group != "":
		permission.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &i.group}}
	case i.six != "":
		permission.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: &i.six}}
	default:
		permission.IpRanges = []types.IpRange{{CidrIp: &i.four}}
	}
	return permission
}

// permitted are the rules of a group. The API shows those together that differ only in who may come in.
func permitted(permissions []types.IpPermission) []ingress {
	var all []ingress
	for _, one := range permissions {
		rule := ingress{protocol: aws.ToString(one.IpProtocol), first: anyPort, last: anyPort}
		if one.FromPort != nil && rule.protocol != everyProtocol {
			rule.first, rule.last = *one.FromPort, aws.ToInt32(one.ToPort)
		}
		for _, from := range one.IpRanges {
			four := rule
			four.four = aws.ToString(from.CidrIp)
			all = append(all, four)
		}
		for _, from := range one.Ipv6Ranges {
			six := rule
			six.six = aws.ToString(from.CidrIpv6)
			all = append(all, six)
		}
		for _, from := range one.UserIdGroupPairs {
			group := rule
			group.group = aws.ToString(from.GroupId)
			all = append(all, group)
		}
	}
	return all
}
