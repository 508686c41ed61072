package ec2test

import "net/netip"

// mostAddresses is how many elastic ones the account may have.
const mostAddresses = 5

type addressItem struct {
	ID          string    `xml:"allocationId"`
	Address     string    `xml:"publicIp"`
	Domain      string    `xml:"domain"`
	Instance    string    `xml:"instanceId,omitempty"`
	Association string    `xml:"associationId,omitempty"`
	Tags        []tagItem `xml:"tagSet>item"`
}

func (t *thing) addressItem() addressItem {
	item := addressItem{ID: t.id, Address: t.address.String(), Domain: "vpc", Instance: t.holder, Tags: t.tagItems()}
	if t.holder != "" {
		item.Association = "eipassoc-" + t.id
	}
	return item
}

func allocateAddress(a *Account, asked parameters) (any, error) {
	count := 0
	for _, one := range a.things {
		if one.kind() == "eipalloc-" {
			count++
		}
	}
	if count >= mostAddresses {
		return nil, failed("AddressLimitExceeded", "The maximum number of addresses has been reached.")
	}
	made := a.add("eipalloc-", "", "", asked)
	made.address = netip.AddrFrom4([4]byte{203, 0, 113, byte(a.serial)})
	return made.addressItem(), nil
}

func describeAddresses(a *Account, asked parameters) (any, error) {
	asked["NextToken"] = nil
	page := a.Page
	a.Page = 0 // this listing has no pages
	found, _, err := a.list("eipalloc-", "AllocationId", "InvalidAllocationID.NotFound", asked)
	a.Page = page
	items := make([]addressItem, 0, len(found))
	for _, one := range found {
		items = append(items, one.addressItem())
	}
	return struct {
		Addresses []addressItem `xml:"addressesSet>item"`
	}{items}, err
}

func associateAddress(a *Account, asked parameters) (any, error) {
	address := a.named("eipalloc-", asked.text("AllocationId"))
	if address == nil {
		return nil, failed("InvalidAllocationID.NotFound", "The allocation ID '%s' does not exist", asked.text("AllocationId"))
	}
	id := asked.text("InstanceId")
	if card := asked.text("NetworkInterfaceId"); card != "" {
		id = card[len("eni-"):]
	}
	machine, err := a.find(id, "InvalidInstanceID.NotFound")
	if err != nil {
		return nil, err
	}
	if machine.state != "running" && machine.state != "stopped" {
		return nil, failed("InvalidInstanceID", "The pending instance '%s' is not in a valid state for this operation.", machine.id)
	}
	address.holder = machine.id
	return struct {
		Return bool   `xml:"return"`
		ID     string `xml:"associationId"`
	}{true, "eipassoc-" + address.id}, nil
}

func releaseAddress(a *Account, asked parameters) (any, error) {
	address := a.named("eipalloc-", asked.text("AllocationId"))
	if address == nil {
		return nil, failed("InvalidAllocationID.NotFound", "The allocation ID '%s' does not exist", asked.text("AllocationId"))
	}
	if address.holder != "" {
		return nil, failed("InvalidIPAddress.InUse", "Address %s is in use.", address.address)
	}
	a.drop(address)
	return ok{true}, nil
}
