package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// Flavors implements vendormodules.Catalogue.
func (m *Module) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	flavors, _, err := m.flavors.Get(ctx)
	return slices.Clone(flavors), err
}

// Images implements vendormodules.Catalogue.
func (m *Module) Images(ctx context.Context) ([]vendormodules.Image, error) {
	images, _, err := m.images.Get(ctx)
	return slices.Clone(images), err
}

func (m *Module) fetchFlavors(ctx context.Context) ([]catalogue.Flavor, error) {
	var flavors []catalogue.Flavor
	told, _, err := m.prices.Get(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range m.configuration.Flavors {
		flavors = append(flavors, m.priced(catalogue.Flavor{
			ID: one.Name, Name: one.Name, Cores: one.Cores, Memory: one.Memory, Architecture: one.Architecture, Price: told.flavors[one.Name],
		}))
	}
	if len(flavors) > 0 {
		return sortedFlavors(flavors), nil
	}
	pages := ec2.NewDescribeInstanceTypesPaginator(m.client, &ec2.DescribeInstanceTypesInput{MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if absent(err) {
			return nil, fault("list instance types, which the configuration can say as flavors", err)
		}
		if err != nil {
			return nil, fault("list instance types", err)
		}
		for _, one := range page.InstanceTypes {
			name := string(one.InstanceType)
			if one.VCpuInfo == nil || one.MemoryInfo == nil || !m.allowed(name) {
				continue
			}
			flavor := catalogue.Flavor{
				ID: name, Name: name, Price: told.flavors[name], Cores: int(aws.ToInt32(one.VCpuInfo.DefaultVCpus)),
				Memory: quantity.Bytes(aws.ToInt64(one.MemoryInfo.SizeInMiB)) * quantity.MiB,
			}
			if one.ProcessorInfo != nil {
				flavor.Architecture = architecture(one.ProcessorInfo.SupportedArchitectures)
			}
			flavors = append(flavors, m.priced(flavor))
		}
	}
	return sortedFlavors(flavors), nil
}

// priced is a flavor with what it costs here; without, if it is so large that it has no price.
func (m *Module) priced(flavor catalogue.Flavor) catalogue.Flavor {
	if price, err := m.configuration.Prices.Machine(flavor); err == nil {
		flavor.Price = price
	}
	return flavor
}

func sortedFlavors(flavors []catalogue.Flavor) []catalogue.Flavor {
	slices.SortFunc(flavors, func(a, b catalogue.Flavor) int { return strings.Compare(a.Name, b.Name) })
	return flavors
}

// allowed says whether an instance type may be used.
func (m *Module) allowed(name string) bool {
	return len(m.configuration.FlavorFamilies) == 0 ||
		slices.ContainsFunc(m.configuration.FlavorFamilies, func(family string) bool { return strings.HasPrefix(name, family) })
}

// architecture is the 64-bit one of those that a type supports.
func architecture(supported []types.ArchitectureType) string {
	for _, one := range supported {
		if name := catalogue.Architecture(string(one)); name == "x86_64" || name == "arm64" {
			return name
		}
	}
	return ""
}

func (m *Module) fetchImages(ctx context.Context) ([]catalogue.Image, error) {
	var images []catalogue.Image
	pages := ec2.NewDescribeImagesPaginator(m.client, &ec2.DescribeImagesInput{
		Owners: m.configuration.Owners, MaxResults: aws.Int32(1000),
		Filters: []types.Filter{{Name: aws.String("state"), Values: []string{"available"}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault("list images", err)
		}
		for _, one := range page.Images {
			if tag(one.Tags, tagKey) == "" { // those that the agency made are found by their ids
				images = append(images, m.image(one))
			}
		}
	}
	slices.SortFunc(images, func(a, b catalogue.Image) int { return strings.Compare(a.Name, b.Name) })
	return images, nil
}

func (m *Module) image(of types.Image) catalogue.Image {
	image := catalogue.Image{
		ID: aws.ToString(of.ImageId), Name: aws.ToString(of.Name), Architecture: catalogue.Architecture(string(of.Architecture)),
		Created: moment(of.CreationDate),
	}
	if image.Name == "" {
		image.Name = image.ID
	}
	if deprecated := moment(of.DeprecationTime); !deprecated.IsZero() {
		image.Deprecated = deprecated.Before(m.environment.Now())
	}
	return image
}

// moment reads a time of the API; zero if there is none.
func moment(text *string) time.Time {
	parsed, err := time.Parse(time.RFC3339, aws.ToString(text))
	if err != nil {
		return time.Time{}
	}
	return parsed.UTC()
}

// place is where in the cloud things are created.
type place struct {
	zone, vpc string
	// block of the VPC's addresses.
	block netip.Prefix
	// subnets that are not the agency's, one of each zone, by zone.
	subnets map[string]string
}

func (m *Module) fetchPlace(ctx context.Context) (place, error) {
	found := place{zone: m.configuration.Zone}
	if found.zone == "" {
		zones, err := m.client.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
		if err != nil {
			return place{}, fault("list zones", err)
		}
		for _, zone := range zones.AvailabilityZones {
			name := aws.ToString(zone.ZoneName)
			if zone.State == types.AvailabilityZoneStateAvailable && (found.zone == "" || name < found.zone) {
				found.zone = name
			}
		}
	}
	input := &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("is-default"), Values: []string{"true"}}}}
	if m.configuration.VPC != "" {
		input = &ec2.DescribeVpcsInput{VpcIds: []string{m.configuration.VPC}}
	}
	answer, err := m.client.DescribeVpcs(ctx, input)
	if m.learn(networks, err) {
		return found, nil // machines are in no VPC there
	}
	if err != nil {
		return place{}, fault("look up the VPC", err)
	}
	if len(answer.Vpcs) == 0 {
		return place{}, fmt.Errorf("ec2: the account has no default VPC; name one as vpc: %w", vendormodules.ErrUnsupported)
	}
	found.vpc = aws.ToString(answer.Vpcs[0].VpcId)
	if found.block, err = netip.ParsePrefix(aws.ToString(answer.Vpcs[0].CidrBlock)); err != nil {
		return place{}, fmt.Errorf("ec2: addresses of VPC %s: %w: %w", found.vpc, err, vendormodules.ErrTransient)
	}
	if found.subnets, err = m.findSubnets(ctx, found.vpc); m.learn(networks, err) {
		err = nil
	}
	return found, err
}

// findSubnets chooses of a VPC's subnets one for each zone: its default if it has one, else the first.
func (m *Module) findSubnets(ctx context.Context, vpc string) (map[string]string, error) {
	all, err := m.eachSubnet(ctx, &ec2.DescribeSubnetsInput{Filters: inVPC(vpc)})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b types.Subnet) int {
		return strings.Compare(aws.ToString(a.SubnetId), aws.ToString(b.SubnetId))
	})
	chosen, usual := map[string]string{}, map[string]bool{}
	for _, one := range all {
		zone := aws.ToString(one.AvailabilityZone)
		if tag(one.Tags, tagAgency) != "" || usual[zone] || chosen[zone] != "" && !aws.ToBool(one.DefaultForAz) {
			continue
		}
		chosen[zone], usual[zone] = aws.ToString(one.SubnetId), aws.ToBool(one.DefaultForAz)
	}
	return chosen, nil
}
