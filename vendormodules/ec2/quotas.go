package ec2

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// standardCores is the code of the quota of cores that machines of most families run on together.
const standardCores = "L-1216C47A"

// ownCores are the codes of the quotas of families that have one of their own, by the letters that their names begin with.
var ownCores = map[string]string{
	"dl": "L-6E869C2A", "f": "L-74FC7D96", "g": "L-DB2E81BA", "gr": "L-DB2E81BA", "hpc": "L-F7808C92", "inf": "L-1945791B",
	"p": "L-417A185B", "trn": "L-2C3B7624", "u": "L-43DA4232", "vt": "L-DB2E81BA", "x": "L-7295265B",
}

// storageQuotas are the codes of the quotas of storage, in TiB, by type of volume.
var storageQuotas = map[string]string{
	"gp2": "L-D18FCD1D", "gp3": "L-7A658B76", "io1": "L-FD252861", "io2": "L-09BD8365", "sc1": "L-17AF77E8", "st1": "L-82ACEF56",
	"standard": "L-9CF3C2EB",
}

// Capacity implements vendormodules.Module.
func (m *Module) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	if _, _, err := m.probed.Get(ctx); err != nil {
		return vendormodules.Usage{}, err
	}
	usage, _, err := m.capacity.Get(ctx)
	return usage, err
}

// fetchCapacity reads the account's quotas; where the cloud has no service for these, how many machines it may have.
func (m *Module) fetchCapacity(ctx context.Context) (vendormodules.Usage, error) {
	var usage vendormodules.Usage
	if m.configuration.absence(serviceQuotas) != "" || m.lacking(string(serviceQuotas)) != "" {
		return m.accountLimit(ctx)
	}
	var cores float64
	for code := range m.coreQuotas() {
		most, err := m.quota(ctx, "ec2", code)
		if err != nil && m.dispensable(string(serviceQuotas), err) {
			return m.accountLimit(ctx)
		}
		if err != nil {
			return usage, fault("read the quota of cores", err)
		}
		cores += most
	}
	usage.Cores = int(min(cores, math.MaxInt32))
	if code := storageQuotas[m.configuration.VolumeType]; code != "" {
		most, err := m.quota(ctx, "ebs", code)
		if err != nil {
			return usage, fault("read the quota of storage", err)
		}
		usage.Storage = quantity.Bytes(most*float64(quantity.KiB)) * quantity.GiB
	}
	return usage, nil
}

// coreQuotas are the codes of the quotas that count for the instance types that may be used: of those that the
// configuration names, else of what the cloud calls standard.
func (m *Module) coreQuotas() map[string]bool {
	codes := map[string]bool{}
	for _, family := range m.configuration.FlavorFamilies {
		letters := family
		if end := strings.IndexAny(family, "0123456789-."); end >= 0 {
			letters = family[:end]
		}
		if code := ownCores[letters]; code != "" {
			codes[code] = true
		} else {
			codes[standardCores] = true
		}
	}
	if len(codes) == 0 {
		codes[standardCores] = true
	}
	return codes
}

// quota is how much of something the account may have: what it was granted, else what every account is.
func (m *Module) quota(ctx context.Context, of, code string) (float64, error) {
	answer, err := m.quotaClient.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: &of, QuotaCode: &code})
	if err == nil {
		return aws.ToFloat64(answer.Quota.Value), nil
	}
	if codeOf(err) != "NoSuchResourceException" {
		return 0, err
	}
	usual, err := m.quotaClient.GetAWSDefaultServiceQuota(ctx, &servicequotas.GetAWSDefaultServiceQuotaInput{ServiceCode: &of, QuotaCode: &code})
	if err != nil {
		return 0, err
	}
	return aws.ToFloat64(usual.Quota.Value), nil
}

// accountLimit is how many machines the account may have. A cloud that does not say so is taken to have no limit.
func (m *Module) accountLimit(ctx context.Context) (vendormodules.Usage, error) {
	var usage vendormodules.Usage
	answer, err := m.client.DescribeAccountAttributes(ctx, &ec2.DescribeAccountAttributesInput{
		AttributeNames: []types.AccountAttributeName{"max-instances"},
	})
	if err != nil && m.dispensable("limit", err) {
		return usage, nil
	}
	if err != nil {
		return usage, fault("ask what the account may have", err)
	}
	for _, attribute := range answer.AccountAttributes {
		for _, value := range attribute.AttributeValues {
			if number, err := strconv.Atoi(aws.ToString(value.AttributeValue)); err == nil && aws.ToString(attribute.AttributeName) == "max-instances" {
				usage.Instances = number
			}
		}
	}
	return usage, nil
}
