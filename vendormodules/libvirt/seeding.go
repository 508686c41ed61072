package libvirt

import (
	"path"
	"strings"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/cloudinit"
	"github.com/cloud-agency/agency/vendormodules/libvirt/seed"
)

// planSeed works out what a machine is told at its first boot. A seed may be of any size, so that everything fits.
func (m *Module) planSeed(request vendormodules.Request, networks []network, pool string, plan *blueprintFor) error {
	if !m.lacks.has(seedCapability) {
		plan.metadata.Warnings = append(plan.metadata.Warnings,
			"it was told nothing: the host's driver has no "+m.lacks[seedCapability])
		return nil
	}
	machine := cloudinit.Machine{Request: request}
	for _, one := range request.Volumes {
		_, read, err := m.locate(one.Volume)
		if err != nil {
			return err
		}
		machine.Volumes = append(machine.Volumes, cloudinit.Volume{Mount: one.Mount, Devices: []string{device(read.key)}})
	}
	for _, one := range networks {
		joined := cloudinit.Network{Name: one.metadata.Class}
		for _, address := range one.definition.IPs {
			if prefix, ok := prefixOf(address); ok {
				joined.Range = prefix
			}
		}
		machine.Networks = append(machine.Networks, joined)
	}
	if m.configuration.SSH {
		if err := m.access.Admit(&machine); err != nil {
			return err
		}
	}
	told, err := machine.UserData(cloudinit.Limit{})
	if err != nil {
		return err
	}
	plan.seed = path.Join(pool, seedName(request.Key))
	plan.seedData, err = seed.Seed{
		Instance: request.Key, Hostname: hostname(request.Name, request.Key), UserData: told.Content,
		Files: map[string][]byte{"network-config": []byte(networkConfig)},
	}.Encode(m.directory)
	return err
}

// device by which a machine finds a volume.
func device(volume string) string { return "/dev/disk/by-id/virtio-" + serial(volume) }

// networkConfig has every card ask for its address. Without it cloud-init asks by the first alone.
const networkConfig = `version: 2
ethernets:
  all:
    match: {name: "e*"}
    dhcp4: true
`

// hostname is a machine's name where that may be one, else its key.
func hostname(name, key string) string {
	lower := strings.ToLower(name)
	if lower == "" || strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return key
	}
	return lower
}
