package openstack

import (
	"fmt"
	"net/netip"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/cloudinit"
)

// userDataLimit is Nova's, of the encoded form, in bytes.
const userDataLimit = 65535

// serial is how much of a volume's id a virtio disk shows as its serial number, in bytes.
const serial = 20

// userData is what a machine reads when it boots first.
func (m *Module) userData(request vendormodules.Request, joined []place, made []ports.Port) ([]byte, error) {
	machine := cloudinit.Machine{Request: request}
	for _, mount := range request.Volumes {
		machine.Volumes = append(machine.Volumes, cloudinit.Volume{Mount: mount.Mount, Devices: []string{
			"/dev/disk/by-id/virtio-" + mount.Volume[:min(serial, len(mount.Volume))],
			"/dev/disk/by-id/*" + mount.Volume, // as SCSI has it
		}})
	}
	for index, on := range joined {
		if on.class == "" {
			continue
		}
		network := cloudinit.Network{Name: on.class}
		// Without an address, or with one that is none, the machine looks itself.
		if fixed := made[index].FixedIPs; len(fixed) > 0 {
			network.Address, _ = netip.ParseAddr(fixed[0].IPAddress)
		}
		machine.Networks = append(machine.Networks, network)
	}
	if m.configuration.SSH {
		if err := m.access.Admit(&machine); err != nil {
			return nil, err
		}
	}
	data, err := machine.UserData(cloudinit.Limit{Size: userDataLimit, Encoded: true})
	if err != nil {
		return nil, err
	}
	if data.Rest != nil {
		return nil, fmt.Errorf("files and commands are more than the %d bytes of user data that Nova takes: %w",
			userDataLimit, vendormodules.ErrUnsupported)
	}
	return data.Content, nil
}
