package libvirt

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// platform is on what a host runs a machine.
type platform struct {
	domain, osType, architecture string
}

// architectures are libvirt's names of what descriptors call otherwise.
var architectures = map[string]string{"arm64": "aarch64"}

// platform finds how a host runs machines of an architecture: as configured, else by KVM, else by QEMU, else by the one
// way that it has.
func (f facts) platform(architecture, virtualization string) (platform, error) {
	var ways []platform
	wanted := cmp.Or(architectures[architecture], architecture)
	for _, guest := range f.capabilities.Guests {
		if architecture != "" && guest.Arch.Name != wanted {
			continue
		}
		for _, one := range guest.Arch.Domains {
			ways = append(ways, platform{one.Type, guest.OSType, guest.Arch.Name})
		}
	}
	own := cmp.Or(architectures[architecture], architecture, f.hostArchitecture())
	for _, domain := range []string{virtualization, "kvm", "qemu"} {
		index := slices.IndexFunc(ways, func(one platform) bool { return one.domain == domain && one.architecture == own })
		if index >= 0 {
			return ways[index], nil
		}
		if virtualization != "" {
			return platform{}, fmt.Errorf("no %s for %s here: %w", virtualization, own, vendormodules.ErrUnsupported)
		}
	}
	if len(ways) == 0 {
		return platform{}, fmt.Errorf("no machine of architecture %q here: %w", architecture, vendormodules.ErrUnsupported)
	}
	return ways[0], nil
}

func (f facts) hostArchitecture() string {
	if f.capabilities.Host.CPU == nil {
		return ""
	}
	return f.capabilities.Host.CPU.Arch
}

// blueprint is everything that a machine's definition is made of.
type blueprint struct {
	metadata metadata
	platform platform
	board    string
	cores    int
	memory   quantity.Bytes
	// kernel is booted directly unless its path is empty.
	kernel kernel
	// root and seed are paths of the machine's own disks; empty for none.
	root, seed string
	volumes    []attachment
	// networks are libvirt's by name. On the first, which all share, machines see none of the others if they are apart.
	networks []string
	apart    bool
	// filter is behind which all of its cards are; empty for none.
	filter  string
	console string
}

// attachment is a volume that a machine has.
type attachment struct {
	key, path, mount string
}

// define is the machine as libvirt wants it said.
func (b blueprint) define() (string, error) {
	encoded, err := b.metadata.encode()
	if err != nil {
		return "", err
	}
	domain := libvirtxml.Domain{
		Type: b.platform.domain, Name: b.metadata.Key, UUID: uuidText(uuid(b.metadata.Key)), Title: b.metadata.Name,
		Metadata: &libvirtxml.DomainMetadata{XML: encoded},
		Memory:   memoryOf(b.memory),
		VCPU:     &libvirtxml.DomainVCPU{Value: uint(b.cores)},
		OS: &libvirtxml.DomainOS{
			Type:   &libvirtxml.DomainOSType{Type: b.platform.osType, Arch: b.platform.architecture, Machine: b.board},
			Kernel: b.kernel.Kernel, Initrd: b.kernel.Initrd, Cmdline: b.kernel.CommandLine,
		},
		Features:   &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}},
		Clock:      &libvirtxml.DomainClock{Offset: "utc"},
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
		Devices: b.devices(),
	}
	if b.platform.domain == "kvm" {
		domain.CPU = &libvirtxml.DomainCPU{Mode: "host-passthrough"}
	}
	return domain.Marshal()
}

func memoryOf(size quantity.Bytes) *libvirtxml.DomainMemory {
	return &libvirtxml.DomainMemory{Value: uint((size + quantity.KiB - 1) / quantity.KiB), Unit: "KiB"}
}

func (b blueprint) devices() *libvirtxml.DomainDeviceList {
	devices := &libvirtxml.DomainDeviceList{MemBalloon: &libvirtxml.DomainMemBalloon{
		Model: "virtio", Stats: &libvirtxml.DomainMemBalloonStats{Period: balloonSeconds},
	}}
	if b.root != "" {
		devices.Disks = append(devices.Disks, disk(b.root, "vda"))
	}
	if b.seed != "" {
		seed := disk(b.seed, "vdb")
		seed.Driver.Type, seed.ReadOnly = "raw", &libvirtxml.DomainDiskReadOnly{}
		devices.Disks = append(devices.Disks, seed)
	}
	for index, one := range b.volumes {
		devices.Disks = append(devices.Disks, one.disk(deviceName(firstVolume+index)))
	}
	for index, name := range b.networks {
		card := libvirtxml.DomainInterface{
			MAC:    &libvirtxml.DomainInterfaceMAC{Address: hardwareAddress(b.metadata.Key, index)},
			Model:  &libvirtxml.DomainInterfaceModel{Type: "virtio"},
			Source: &libvirtxml.DomainInterfaceSource{Network: &libvirtxml.DomainInterfaceSourceNetwork{Network: name}},
		}
		if index == 0 && b.apart {
			card.PortOptions = &libvirtxml.DomainInterfacePortOptions{Isolated: "yes"}
		}
		if b.filter != "" {
			card.FilterRef = &libvirtxml.DomainInterfaceFilterRef{Filter: b.filter}
		}
		devices.Interfaces = append(devices.Interfaces, card)
	}
	port := uint(0)
	serial := libvirtxml.DomainSerial{Target: &libvirtxml.DomainSerialTarget{Port: &port}, Source: &libvirtxml.DomainChardevSource{
		Pty: &libvirtxml.DomainChardevSourcePty{},
	}}
	if b.console != "" {
		serial.Log = &libvirtxml.DomainChardevLog{File: b.console, Append: "on"}
	}
	devices.Serials = []libvirtxml.DomainSerial{serial}
	devices.Channels = []libvirtxml.DomainChannel{{
		Source: &libvirtxml.DomainChardevSource{UNIX: &libvirtxml.DomainChardevSourceUNIX{Mode: "bind"}},
		Target: &libvirtxml.DomainChannelTarget{VirtIO: &libvirtxml.DomainChannelTargetVirtIO{Name: agentChannel}},
	}}
	return devices
}

const (
	// agentChannel is where a guest agent listens, in machines that have one.
	agentChannel = "org.qemu.guest_agent.0"
	// balloonSeconds is how often a machine tells what memory it uses.
	balloonSeconds = 5
	// firstVolume is the place of the first volume among the disks; root and seed have theirs, also where there is none.
	firstVolume = 2
	// mostDisks is how many places there are.
	mostDisks = 26
)

func deviceName(place int) string { return "vd" + string(rune('a'+place)) }

func disk(path, device string) libvirtxml.DomainDisk {
	return libvirtxml.DomainDisk{
		Device: "disk", Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: "qcow2"},
		Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: path}},
		Target: &libvirtxml.DomainDiskTarget{Dev: device, Bus: "virtio"},
	}
}

func (a attachment) disk(device string) libvirtxml.DomainDisk {
	made := disk(a.path, device)
	made.Serial = serial(a.key)
	return made
}

// hardwareAddress of a machine's network card, always the same, so that it gets the same address again.
func hardwareAddress(key string, card int) string {
	sum := uuid(key + " card " + strconv.Itoa(card))
	return fmt.Sprintf("52:54:00:%02x:%02x:%02x", sum[0], sum[1], sum[2])
}
