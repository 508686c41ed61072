package ec2test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

type tagItem struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func (t *thing) tagItems() []tagItem {
	var items []tagItem
	for _, key := range slices.Sorted(maps.Keys(t.tags)) {
		items = append(items, tagItem{key, t.tags[key]})
	}
	return items
}

type mappingItem struct {
	Device   string `xml:"deviceName"`
	VolumeID string `xml:"ebs>volumeId"`
	Status   string `xml:"ebs>status"`
}

type interfaceItem struct {
	ID      string `xml:"networkInterfaceId"`
	Subnet  string `xml:"subnetId"`
	Address string `xml:"privateIpAddress"`
}

type instanceItem struct {
	ID         string          `xml:"instanceId"`
	Image      string          `xml:"imageId"`
	State      string          `xml:"instanceState>name"`
	Flavor     string          `xml:"instanceType"`
	Launched   string          `xml:"launchTime"`
	Zone       string          `xml:"placement>availabilityZone"`
	Public     string          `xml:"ipAddress,omitempty"`
	Private    string          `xml:"privateIpAddress,omitempty"`
	Mappings   []mappingItem   `xml:"blockDeviceMapping>item"`
	Interfaces []interfaceItem `xml:"networkInterfaceSet>item"`
	Tags       []tagItem       `xml:"tagSet>item"`
}

func (a *Account) instanceItem(of *thing) instanceItem {
	item := instanceItem{
		ID: of.id, Image: of.image, State: of.state, Flavor: of.flavor, Launched: stamp(of.created), Zone: of.zone, Tags: of.tagItems(),
	}
	if of.state == "running" && len(of.subnets) == 0 {
		item.Public = of.address.String()
	}
	if len(of.subnets) == 0 {
		item.Private = of.private().String()
	}
	for index, subnet := range of.subnets {
		item.Interfaces = append(item.Interfaces, interfaceItem{"eni-" + of.id, subnet, of.subnetAddresses[index].String()})
	}
	for _, one := range a.things {
		if one.holder == of.id && one.kind() == "eipalloc-" {
			item.Public = one.address.String()
		}
		if one.holder == of.id && one.kind() == "vol-" {
			item.Mappings = append(item.Mappings, mappingItem{one.device, one.id, "attached"})
		}
	}
	return item
}

// private is the address in the default subnet of an instance that has a public one.
func (t *thing) private() netip.Addr {
	bytes := t.address.As4()
	return netip.AddrFrom4([4]byte{10, 255, bytes[2], bytes[3]})
}

type subnetItem struct {
	ID    string    `xml:"subnetId"`
	State string    `xml:"state"`
	Block string    `xml:"cidrBlock"`
	Zone  string    `xml:"availabilityZone"`
	Usual bool      `xml:"defaultForAz"`
	Tags  []tagItem `xml:"tagSet>item"`
}

func (t *thing) subnetItem() subnetItem {
	return subnetItem{t.id, t.state, t.block.String(), zone, false, t.tagItems()}
}

// defaultSubnets are those that nobody made, one in each zone.
func (a *Account) defaultSubnets() []subnetItem {
	var items []subnetItem
	for number := range a.Zones {
		items = append(items, subnetItem{
			ID: fmt.Sprintf("subnet-default-%d", number), State: "available", Block: fmt.Sprintf("10.255.%d.0/24", number),
			Zone: "test-1" + string(rune('a'+number)), Usual: true,
		})
	}
	return items
}

type volumeItem struct {
	ID      string    `xml:"volumeId"`
	State   string    `xml:"status"`
	Size    int       `xml:"size"`
	Created string    `xml:"createTime"`
	Tags    []tagItem `xml:"tagSet>item"`
}

func (t *thing) volumeItem() volumeItem {
	state := t.state
	if t.holder != "" {
		state = "in-use"
	}
	return volumeItem{t.id, state, t.size, stamp(t.created), t.tagItems()}
}

type snapshotItem struct {
	ID      string    `xml:"snapshotId"`
	Volume  string    `xml:"volumeId"`
	State   string    `xml:"status"`
	Started string    `xml:"startTime"`
	Size    int       `xml:"volumeSize"`
	Tags    []tagItem `xml:"tagSet>item"`
}

func (t *thing) snapshotItem() snapshotItem {
	return snapshotItem{t.id, t.source, t.state, stamp(t.created), t.size, t.tagItems()}
}

type imageItem struct {
	ID           string    `xml:"imageId"`
	Name         string    `xml:"name"`
	State        string    `xml:"imageState"`
	Architecture string    `xml:"architecture"`
	Created      string    `xml:"creationDate"`
	Tags         []tagItem `xml:"tagSet>item"`
}

// publicImages are Amazon's.
func publicImages() []imageItem {
	return []imageItem{
		{ID: "ami-0d12a", Name: "debian-12-amd64-20240701-1795", State: "available", Architecture: "x86_64", Created: "2024-07-01T10:00:00.000Z"},
		{ID: "ami-0d12b", Name: "debian-12-amd64-20250814-2204", State: "available", Architecture: "x86_64", Created: "2025-08-14T10:00:00.000Z"},
		{ID: "ami-0d12c", Name: "debian-12-arm64-20250814-2204", State: "available", Architecture: "arm64", Created: "2025-08-14T10:00:00.000Z"},
		{ID: "ami-0al23", Name: "al2023-ami-2023.6.20241212.0-kernel-6.1-x86_64", State: "available", Architecture: "x86_64", Created: "2024-12-12T10:00:00.000Z"},
	}
}
