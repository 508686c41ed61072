package vsphere

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/cloudinit"
)

// guestLimit is how much user data a machine's extra configuration takes, in its base64 form.
func guestLimit() cloudinit.Limit { return cloudinit.Limit{Size: 64 << 10, Encoded: true} }

// guestOptions are the extra configuration of a new machine: what it is, and what cloud-init reads in it.
func (m *Module) guestOptions(
	request vendormodules.Request, of record, networks, volumes []entity,
) ([]types.BaseOptionValue, error) {
	machine := cloudinit.Machine{Request: request}
	for index, volume := range volumes {
		machine.Volumes = append(machine.Volumes, cloudinit.Volume{
			Mount: request.Volumes[index].Mount, Devices: []string{"/dev/disk/by-id/wwn-0x" + volume.diskID()},
		})
	}
	for index, network := range networks {
		if network.Key != "" {
			machine.Networks = append(machine.Networks, cloudinit.Network{
				Name: network.Tags.Class, Address: of.Addresses[index].Address, Range: network.Range,
			})
		}
	}
	data, err := machine.UserData(guestLimit())
	if err != nil {
		return nil, err
	}
	if data.Rest != nil {
		return nil, fmt.Errorf("its files and commands are more than the %d KiB of user data that vSphere takes: %w",
			guestLimit().Size>>10, vendormodules.ErrInvalid)
	}
	metadata, err := m.metadata(request, of, networks)
	if err != nil {
		return nil, err
	}
	text, err := of.text()
	if err != nil {
		return nil, err
	}
	encoding := "base64"
	if bytes.HasPrefix(data.Content, []byte("\x1f\x8b")) {
		encoding = "gzip+base64"
	}
	return []types.BaseOptionValue{
		extra(recordKey, text),
		extra("disk.EnableUUID", "TRUE"), // by which a machine finds its volumes
		extra("guestinfo.userdata", base64.StdEncoding.EncodeToString(data.Content)),
		extra("guestinfo.userdata.encoding", encoding),
		extra("guestinfo.metadata", base64.StdEncoding.EncodeToString(metadata)),
		extra("guestinfo.metadata.encoding", "base64"),
	}, nil
}

// metadata tells a machine its name and its addresses, in the second form of cloud-init's network configuration.
func (m *Module) metadata(request vendormodules.Request, of record, networks []entity) ([]byte, error) {
	type route struct {
		To  string `json:"to"`
		Via string `json:"via"`
	}
	type servers struct {
		Addresses []string `json:"addresses"`
	}
	type card struct {
		Match       map[string]string `json:"match,omitempty"`
		DHCP        bool              `json:"dhcp4"`
		Addresses   []string          `json:"addresses,omitempty"`
		Routes      []route           `json:"routes,omitempty"`
		Nameservers *servers          `json:"nameservers,omitempty"`
	}
	cards := map[string]card{}
	for index, network := range networks {
		own := of.Addresses[index]
		described := card{DHCP: !own.Address.IsValid(), Match: map[string]string{"name": "e*"}}
		if !described.DHCP {
			described.Match = map[string]string{"macaddress": own.mac()}
			described.Addresses = []string{fmt.Sprintf("%s/%d", own.Address, network.Range.Bits())}
		}
		if public := m.configuration.Public; own.Public && !described.DHCP {
			if public.Gateway.IsValid() {
				described.Routes = []route{{"default", public.Gateway.String()}}
			}
			if len(public.NameServers) > 0 {
				described.Nameservers = &servers{}
				for _, server := range public.NameServers {
					described.Nameservers.Addresses = append(described.Nameservers.Addresses, server.String())
				}
			}
		}
		cards[fmt.Sprintf("id%d", index)] = described
	}
	text, err := json.Marshal(map[string]any{
		"instance-id": request.Key, "local-hostname": request.Name,
		"network": map[string]any{"version": 2, "ethernets": cards},
	})
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return text, nil
}

// mac is the MAC address of the card that has an address: one of those that VMware leaves to its users, and as no two
// machines of a network have the same address, no other's. Empty where DHCP gives the address.
func (a address) mac() string {
	if !a.Address.Is4() {
		return ""
	}
	parts := a.Address.As4()
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", parts[1]&0x3f, parts[2], parts[3])
}

// diskID is what a volume's disk is called in a machine that has it.
func (e entity) diskID() string {
	disk, found := e.disk()
	if !found {
		return ""
	}
	backing, is := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !is {
		return ""
	}
	return strings.ToLower(strings.ReplaceAll(backing.Uuid, "-", ""))
}

// disk is the one of a volume or snapshot.
func (e entity) disk() (*types.VirtualDisk, bool) {
	for _, device := range e.devices.SelectByType((*types.VirtualDisk)(nil)) {
		return device.(*types.VirtualDisk), true
	}
	return nil, false
}

// file is where a disk lies.
func file(disk types.BaseVirtualDevice) string {
	if backing, is := disk.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo); is {
		return backing.GetVirtualDeviceFileBackingInfo().FileName
	}
	return ""
}

// attached is the machine's disk that is the volume's, nil if it has none.
func (e entity) attached(volume entity) types.BaseVirtualDevice {
	disk, found := volume.disk()
	if !found {
		return nil
	}
	for _, device := range e.devices.SelectByType((*types.VirtualDisk)(nil)) {
		if file(device) == file(disk) {
			return device
		}
	}
	return nil
}
