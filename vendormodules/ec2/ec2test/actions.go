package ec2test

import (
	"encoding/base64"
	"net/netip"
	"slices"
	"strconv"

	"time"
)

// action is what the cloud does when it is asked for it.
type action func(a *Account, asked parameters) (any, error)

func actions() map[string]action {
	return map[string]action{
		"RunInstances": runInstances, "DescribeInstances": describeInstances, "TerminateInstances": terminate,
		"StartInstances": start, "StopInstances": stop, "RebootInstances": reboot, "GetConsoleOutput": console,
		"ModifyInstanceAttribute": modifyInstance,
		"CreateVolume":            createVolume, "DescribeVolumes": describeVolumes, "DeleteVolume": deleteVolume, "AttachVolume": attach,
		"DetachVolume": detach, "ModifyVolume": modifyVolume,
		"CreateSubnet": createSubnet, "DescribeSubnets": describeSubnets, "DeleteSubnet": deleteSubnet,
		"CreateSnapshot": createSnapshot, "DescribeSnapshots": describeSnapshots, "DeleteSnapshot": deleteSnapshot,
		"CreateImage": createImage, "DescribeImages": describeImages, "DeregisterImage": deregister, "CreateTags": createTags,
		"CreateSecurityGroup": createGroup, "DescribeSecurityGroups": describeGroups, "DeleteSecurityGroup": deleteGroup,
		"AllocateAddress": allocateAddress, "DescribeAddresses": describeAddresses, "AssociateAddress": associateAddress,
		"ReleaseAddress":                releaseAddress,
		"AuthorizeSecurityGroupIngress": authorize, "RevokeSecurityGroupIngress": revoke,
		"DescribeInstanceTypes": describeTypes, "DescribeAvailabilityZones": describeZones, "DescribeVpcs": describeVPCs,
		"DescribeAccountAttributes": describeAttributes,
	}
}

// ok is the answer that only says that it was done.
type ok struct {
	Return bool `xml:"return"`
}

// zone is the only one there is.
const zone = "test-1a"

func userData(of *thing) []byte {
	content, err := base64.StdEncoding.DecodeString(of.asked.text("UserData"))
	if err != nil {
		return nil
	}
	return content
}

func runInstances(a *Account, asked parameters) (any, error) {
	made, err := a.again(asked)
	if err != nil {
		return nil, err
	}
	if made == nil {
		if made, err = a.newInstance(asked); err != nil {
			return nil, err
		}
		a.keep(asked, made)
	}
	return struct {
		ReservationID string         `xml:"reservationId"`
		Instances     []instanceItem `xml:"instancesSet>item"`
	}{"r-" + made.id[2:], []instanceItem{a.instanceItem(made)}}, nil
}

func (a *Account) newInstance(asked parameters) (*thing, error) {
	image := asked.text("ImageId")
	if !slices.ContainsFunc(publicImages(), func(one imageItem) bool { return one.ID == image }) {
		if _, err := a.find(image, "InvalidAMIID.NotFound"); err != nil {
			return nil, err
		}
	}
	if len(userDataOf(asked)) > 16<<10 {
		return nil, failed("InvalidParameterValue", "User data is limited to 16384 bytes")
	}
	subnets, groups := []string{}, asked.list("SecurityGroupId")
	for number := 1; ; number++ {
		card := "NetworkInterface." + strconv.Itoa(number)
		subnet := asked.text(card + ".SubnetId")
		if subnet == "" {
			break
		}
		groups = slices.Concat(groups, asked.list(card+".SecurityGroupId"))
		if _, err := a.find(subnet, "InvalidSubnetID.NotFound"); err != nil {
			return nil, err
		}
		subnets = append(subnets, subnet)
	}
	for _, group := range groups {
		if _, err := a.find(group, "InvalidGroup.NotFound"); err != nil {
			return nil, err
		}
	}
	made := a.add("i-", "pending", "running", asked)
	made.image, made.flavor, made.zone, made.subnets = image, asked.text("InstanceType"), zone, subnets
	made.groups = groups
	made.address = netip.AddrFrom4([4]byte{198, 51, byte(a.serial >> 8), byte(a.serial)})
	for _, id := range subnets {
		subnet, err := a.find(id, "InvalidSubnetID.NotFound")
		if err != nil {
			return nil, err
		}
		made.subnetAddresses = append(made.subnetAddresses, a.free(subnet))
	}
	return made, nil
}

func userDataOf(asked parameters) []byte { return userData(&thing{asked: asked}) }

// free is the next address of a subnet; the first four are the cloud's own.
func (a *Account) free(subnet *thing) netip.Addr {
	address := subnet.block.Addr().Next().Next().Next().Next()
	for {
		taken := slices.ContainsFunc(a.things, func(one *thing) bool { return slices.Contains(one.subnetAddresses, address) })
		if !taken {
			return address
		}
		address = address.Next()
	}
}

func describeInstances(a *Account, asked parameters) (any, error) {
	found, next, err := a.list("i-", "InstanceId", "InvalidInstanceID.NotFound", asked)
	if err != nil {
		return nil, err
	}
	type reservation struct {
		ID        string         `xml:"reservationId"`
		Instances []instanceItem `xml:"instancesSet>item"`
	}
	var reservations []reservation
	for _, one := range found {
		reservations = append(reservations, reservation{"r-" + one.id[2:], []instanceItem{a.instanceItem(one)}})
	}
	return struct {
		Reservations []reservation `xml:"reservationSet>item"`
		Next         string        `xml:"nextToken,omitempty"`
	}{reservations, next}, nil
}

// each changes the state of instances.
func (a *Account) each(asked parameters, change func(*thing) error) (any, error) {
	for _, id := range asked.list("InstanceId") {
		one, err := a.find(id, "InvalidInstanceID.NotFound")
		if err == nil {
			err = change(one)
		}
		if err != nil {
			return nil, err
		}
	}
	return ok{true}, nil
}

func terminate(a *Account, asked parameters) (any, error) {
	return a.each(asked, func(one *thing) error {
		if one.state != "terminated" && one.state != "shutting-down" {
			a.move(one, "shutting-down", "terminated")
		}
		return nil
	})
}

func start(a *Account, asked parameters) (any, error) {
	return a.each(asked, func(one *thing) error {
		switch one.state {
		case "stopped":
			a.move(one, "pending", "running")
		case "running", "pending":
		default:
			return failed("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be started.", one.id)
		}
		return nil
	})
}

func stop(a *Account, asked parameters) (any, error) {
	return a.each(asked, func(one *thing) error {
		switch one.state {
		case "running":
			a.move(one, "stopping", "stopped")
		case "stopping", "stopped":
		default:
			return failed("IncorrectInstanceState", "This instance '%s' is not in a state from which it can be stopped.", one.id)
		}
		return nil
	})
}

func reboot(a *Account, asked parameters) (any, error) {
	return a.each(asked, func(one *thing) error {
		if one.state != "running" {
			return failed("IncorrectInstanceState", "This instance '%s' is not in a state from which it can be rebooted.", one.id)
		}
		return nil
	})
}

func console(a *Account, asked parameters) (any, error) {
	one, err := a.find(asked.text("InstanceId"), "InvalidInstanceID.NotFound")
	if err != nil {
		return nil, err
	}
	return struct {
		ID     string `xml:"instanceId"`
		Output string `xml:"output"`
	}{one.id, base64.StdEncoding.EncodeToString([]byte(one.console))}, nil
}

func modifyInstance(a *Account, asked parameters) (any, error) {
	one, err := a.find(asked.text("InstanceId"), "InvalidInstanceID.NotFound")
	if err != nil {
		return nil, err
	}
	if one.state != "stopped" {
		return nil, failed("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", one.id)
	}
	one.flavor = asked.text("InstanceType.Value")
	return ok{true}, nil
}

func createTags(a *Account, asked parameters) (any, error) {
	for _, id := range asked.list("ResourceId") {
		one := a.named("", id)
		if one == nil {
			return nil, failed("InvalidID", "The ID '%s' is not valid", id)
		}
		for key, value := range asked.tags("") {
			one.tags[key] = value
		}
	}
	return ok{true}, nil
}

func createSubnet(a *Account, asked parameters) (any, error) {
	block, err := netip.ParsePrefix(asked.text("CidrBlock"))
	if err != nil || !vpcBlock().Contains(block.Addr()) {
		return nil, failed("InvalidSubnet.Range", "The CIDR '%s' is invalid.", asked.text("CidrBlock"))
	}
	for _, one := range a.things {
		if one.block.IsValid() && one.block.Overlaps(block) {
			return nil, failed("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", block)
		}
	}
	made := a.add("subnet-", "pending", "available", asked)
	made.block = block
	return struct {
		Subnet subnetItem `xml:"subnet"`
	}{made.subnetItem()}, nil
}

func describeSubnets(a *Account, asked parameters) (any, error) {
	found, next, err := a.list("subnet-", "SubnetId", "InvalidSubnetID.NotFound", asked)
	items := make([]subnetItem, 0, len(found))
	for _, one := range found {
		items = append(items, one.subnetItem())
	}
	if _, tagged := asked.filters()["tag:agency"]; next == "" && !tagged && len(asked.list("SubnetId")) == 0 {
		items = append(items, a.defaultSubnets()...)
	}
	return struct {
		Subnets []subnetItem `xml:"subnetSet>item"`
		Next    string       `xml:"nextToken,omitempty"`
	}{items, next}, err
}

func deleteSubnet(a *Account, asked parameters) (any, error) {
	one, err := a.find(asked.text("SubnetId"), "InvalidSubnetID.NotFound")
	if err != nil {
		return nil, err
	}
	for _, instance := range a.things {
		if instance.state != "terminated" && slices.Contains(instance.subnets, one.id) {
			return nil, failed("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", one.id)
		}
	}
	a.drop(one)
	return ok{true}, nil
}

// vpcBlock is that of the only VPC.
func vpcBlock() netip.Prefix { return netip.MustParsePrefix("10.0.0.0/8") }

func stamp(moment time.Time) string { return moment.Format("2006-01-02T15:04:05.000Z") }

func describeTypes(*Account, parameters) (any, error) {
	type item struct {
		Name          string   `xml:"instanceType"`
		Cores         int      `xml:"vCpuInfo>defaultVCpus"`
		MiB           int      `xml:"memoryInfo>sizeInMiB"`
		Architectures []string `xml:"processorInfo>supportedArchitectures>item"`
	}
	return struct {
		Types []item `xml:"instanceTypeSet>item"`
	}{[]item{
		{"t3.nano", 2, 512, []string{"x86_64"}}, {"t3.large", 2, 8192, []string{"x86_64"}}, {"m5.xlarge", 4, 16384, []string{"x86_64"}},
		{"t4g.nano", 2, 512, []string{"arm64"}}, {"t2.micro", 1, 1024, []string{"i386", "x86_64"}},
	}}, nil
}

func describeZones(*Account, parameters) (any, error) {
	type item struct {
		Name  string `xml:"zoneName"`
		State string `xml:"zoneState"`
	}
	return struct {
		Zones []item `xml:"availabilityZoneInfo>item"`
	}{[]item{{"test-1b", "unavailable"}, {zone, "available"}}}, nil
}

func describeVPCs(_ *Account, asked parameters) (any, error) {
	if id := asked.text("VpcId.1"); id != "" && id != "vpc-1" {
		return nil, failed("InvalidVpcID.NotFound", "The vpc ID '%s' does not exist", id)
	}
	type item struct {
		ID    string `xml:"vpcId"`
		Block string `xml:"cidrBlock"`
	}
	return struct {
		VPCs []item `xml:"vpcSet>item"`
	}{[]item{{"vpc-1", vpcBlock().String()}}}, nil
}

func describeAttributes(*Account, parameters) (any, error) {
	type item struct {
		Name   string   `xml:"attributeName"`
		Values []string `xml:"attributeValueSet>item>attributeValue"`
	}
	return struct {
		Attributes []item `xml:"accountAttributeSet>item"`
	}{[]item{{"max-instances", []string{"20"}}}}, nil
}
