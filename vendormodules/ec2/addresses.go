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

	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// elastic says which machines have an elastic address: one that is kept for them, also while they are stopped.
type elastic string

const (
	// elasticAsked is who is to be reached from outside and would have no public address otherwise, being in a network.
	elasticAsked  elastic = "asked"
	elasticAlways elastic = "always"
	elasticNever  elastic = "never"
)

func elastics() []elastic { return []elastic{elasticAlways, elasticAsked, elasticNever} }

// public is when a machine has a public address: outside of networks one of the cloud's choice.
func (e elastic) public() []sla.Public {
	switch e {
	case elasticAlways:
		return []sla.Public{sla.PublicAlways}
	case elasticNever:
		return []sla.Public{sla.PublicAlone}
	}
	return []sla.Public{sla.PublicAlone, sla.PublicAsked}
}

// wantsAddress says whether a machine is to have an elastic address.
func (m *Module) wantsAddress(request vendormodules.Request) bool {
	switch {
	case m.configuration.ElasticAddresses == elasticNever || m.lacking(elasticity) != "":
		return false
	case m.configuration.ElasticAddresses == elasticAlways:
		return true
	}
	outside := func(rule vendormodules.Rule) bool { return rule.From.IsValid() && !rule.From.Addr().IsPrivate() }
	return len(request.Networks) > 0 && (len(request.Class.Ports) > 0 || slices.ContainsFunc(request.Rules, outside))
}

// kept is an elastic address by its id and what it is, as a machine's tag has it.
type kept struct{ id, address string }

func (k kept) String() string { return k.id + "=" + k.address }

// keptOf is the address that an instance is to have; false if it is to have none.
func keptOf(instance types.Instance) (kept, bool) {
	id, address, found := strings.Cut(tag(instance.Tags, tagAddress), "=")
	return kept{id, address}, found
}

// ensureAddress finds or allocates the address of a machine that is yet to be made. The call takes no token: what a lost
// answer leaves is found by its tags, or else swept.
func (m *Module) ensureAddress(ctx context.Context, request vendormodules.Request) (kept, error) {
	answer, err := m.client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: having(tagKey, request.Key)})
	if err != nil {
		return kept{}, fault("look up the address of "+request.Key, err)
	}
	slices.SortFunc(answer.Addresses, func(a, b types.Address) int {
		return strings.Compare(aws.ToString(a.AllocationId), aws.ToString(b.AllocationId))
	})
	for _, one := range answer.Addresses {
		return kept{aws.ToString(one.AllocationId), aws.ToString(one.PublicIp)}, nil
	}
	m.unswept.Store(true)
	made, err := m.client.AllocateAddress(ctx, &ec2.AllocateAddressInput{
		Domain: types.DomainTypeVpc, TagSpecifications: specification(types.ResourceTypeElasticIp, request.Key, request.Name, request.Tags),
	})
	if err != nil {
		return kept{}, fault("allocate an address for "+request.Key, err)
	}
	if m.lacking(tagging) != "" {
		err = m.label(ctx, aws.ToString(made.AllocationId), specification("", request.Key, request.Name, request.Tags)[0].Tags)
	}
	return kept{aws.ToString(made.AllocationId), aws.ToString(made.PublicIp)}, err
}

// addressed gives an instance that runs the address that it is to have. It says whether the instance has it already.
func (m *Module) addressed(ctx context.Context, instance types.Instance) (bool, error) {
	wanted, wants := keptOf(instance)
	if !wants || aws.ToString(instance.PublicIpAddress) == wanted.address {
		return true, nil
	}
	input := &ec2.AssociateAddressInput{AllocationId: &wanted.id, InstanceId: instance.InstanceId}
	for _, one := range instance.NetworkInterfaces { // of several it must be said which
		if len(instance.NetworkInterfaces) > 1 && one.Attachment != nil && aws.ToInt32(one.Attachment.DeviceIndex) == 0 {
			input.InstanceId, input.NetworkInterfaceId = nil, one.NetworkInterfaceId
		}
	}
	_, err := m.client.AssociateAddress(ctx, input)
	switch codeOf(err) {
	case "IncorrectInstanceState", "InvalidInstanceID": // it does not run yet for all of the cloud
		return false, nil
	}
	return false, fault("give "+aws.ToString(instance.InstanceId)+" the address "+wanted.address, err)
}

// releaseAddresses lets go of the agency's addresses that no machine has and none is to have. It says whether some may
// yet become of that kind.
func (m *Module) releaseAddresses(ctx context.Context, listed []vendormodules.Resource) (pending bool, err error) {
	if m.configuration.ElasticAddresses == elasticNever || m.lacking(elasticity) != "" {
		return false, nil
	}
	answer, err := m.client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: having(tagAgency, m.environment.Agency)})
	if err != nil {
		return false, fault("list addresses", err)
	}
	for _, one := range answer.Addresses {
		if aws.ToString(one.AssociationId) != "" {
			continue
		}
		key := tag(one.Tags, tagKey)
		if slices.ContainsFunc(listed, func(other vendormodules.Resource) bool {
			return other.Key == key && other.State == vendormodules.ResourceCreating
		}) {
			pending = true
			continue
		}
		_, failure := m.client.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: one.AllocationId})
		if failure != nil && !strings.HasSuffix(codeOf(failure), ".NotFound") {
			err = errors.Join(err, fault(fmt.Sprintf("release address %s", aws.ToString(one.PublicIp)), failure))
		}
	}
	return pending, err
}
