package ec2

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// credentialFields are those that every credential has. The rights are those without which nothing goes; documentation
// tells them all.
func credentialFields() []vendormodules.CredentialField {
	return []vendormodules.CredentialField{
		{
			Name: "access-key",
			Help: "id of an access key with the rights ec2:Describe*, RunInstances, TerminateInstances, CreateTags and more: docs/ec2.md",
		},
		{Name: "secret-key", Help: "secret of that access key", Secret: true},
		{Name: "session-token", Help: "token of a temporary credential; empty for others", Secret: true},
	}
}

// trial is a call that is made to see whether the credential has a right.
type trial struct {
	right string
	try   func() error
}

// CheckCredential implements vendormodules.CredentialChecker. What changes something is tried dry, and asks for what there
// is none of, so that also a cloud which does not know of dry runs changes nothing.
func (m *Module) CheckCredential(ctx context.Context, scope services.Scope) error {
	for _, one := range m.trials(ctx, scope) {
		err := one.try()
		if code := codeOf(err); code == "DryRunOperation" || strings.HasSuffix(code, ".NotFound") || strings.HasSuffix(code, ".Malformed") || absent(err) {
			continue
		}
		if err != nil {
			return fault(fmt.Sprintf("try the credential of %s for the right %s", scope, one.right), err)
		}
	}
	return nil
}

func (m *Module) trials(ctx context.Context, scope services.Scope) []trial {
	client, dry := m.connect(scope), aws.Bool(true)
	trials := []trial{
		{"ec2:DescribeInstances", func() error {
			_, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5)})
			return err
		}},
		{"ec2:CreateVolume", func() error {
			_, err := client.CreateVolume(ctx, &ec2.CreateVolumeInput{
				AvailabilityZone: aws.String("none"), SnapshotId: aws.String("snap-00000000000000000"), DryRun: dry,
			})
			return err
		}},
		{"ec2:RunInstances", func() error {
			_, err := client.RunInstances(ctx, &ec2.RunInstancesInput{
				ImageId: aws.String("ami-00000000000000000"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1), DryRun: dry,
			})
			return err
		}},
	}
	if m.enforces() {
		trials = append(trials, trial{"ec2:CreateSecurityGroup", func() error {
			_, err := client.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
				GroupName: aws.String("agency-trial"), Description: aws.String("a trial"), VpcId: aws.String("vpc-00000000000000000"), DryRun: dry,
			})
			return err
		}})
	}
	if m.balances() {
		trials = append(trials, trial{"elasticloadbalancing:DescribeLoadBalancers", func() error {
			_, err := m.connectBalancing(scope).DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(1)})
			return err
		}})
	}
	return trials
}
