package libvirt

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

func labelled() label {
	return label{
		Key: "web-1-1-01jdexample", Name: "web-1", Type: descriptors.Volume, Created: time.Unix(1_800_000_000, 0).UTC(),
		Tags: vendormodules.Tags{Agency: "agency-1", Deployment: "01JDEPLOYMENT", Class: "web", Agreement: "01JAGREEMENT"},
	}
}

// A storage volume has no metadata, so that its name must say all of it, and be a file's name.
func TestVolumeNames(t *testing.T) {
	odd := labelled()
	odd.Name, odd.Tags.Class = "a~b/c d%", "ä"
	for _, wanted := range []label{labelled(), odd} {
		name, err := wanted.volumeName()
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(name, "/ ") {
			t.Errorf("%q is no good name of a file", name)
		}
		if found, ours := parseVolumeName(name); !ours || found != wanted {
			t.Errorf("%q is read as %+v, %v", name, found, ours)
		}
	}
	longest := label{
		Key: strings.Repeat("k", 63), Name: strings.Repeat("n", 43), Type: descriptors.Snapshot, Created: time.Unix(1<<32, 0),
		Tags: vendormodules.Tags{
			Agency: strings.Repeat("a", 26), Deployment: strings.Repeat("d", 26), Class: strings.Repeat("c", 40), Agreement: strings.Repeat("g", 26),
		},
	}
	if name, err := longest.volumeName(); err != nil || len(name) > longestName {
		t.Errorf("the longest that an agency asks for has %d characters (%v)", len(name), err)
	}
	longest.Name = strings.Repeat("n", 100)
	if _, err := longest.volumeName(); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("too long a name: %v", err)
	}
	for _, foreign := range []string{"debian-12.qcow2", rootName("web-1"), seedName("web-1"), consoleName("web-1"), "a~b~c~d~e~f~g~!.qcow2"} {
		if found, ours := parseVolumeName(foreign); ours {
			t.Errorf("%q is read as %+v", foreign, found)
		}
	}
}

func TestMetadata(t *testing.T) {
	wanted := metadataOf(labelled())
	wanted.Name, wanted.Complete, wanted.Warnings = `<"web">`, true, []string{"a & b"}
	encoded, err := wanted.encode()
	if err != nil {
		t.Fatal(err)
	}
	domain := libvirtxml.Domain{Type: "qemu", Metadata: &libvirtxml.DomainMetadata{XML: `<x xmlns="urn:other"/>` + encoded}}
	text, err := domain.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var read libvirtxml.Domain
	if err := read.Unmarshal(text); err != nil {
		t.Fatal(err)
	}
	found, ours := findMetadata(read.Metadata.XML)
	found.XMLName = wanted.XMLName
	if !ours || !reflect.DeepEqual(found, wanted) {
		t.Errorf("%s\nis read as %+v", text, found)
	}
	if _, ours := findMetadata(`<resource xmlns="urn:other" key="x"/>`); ours {
		t.Error("another's element is taken for ours")
	}
}

func TestIDs(t *testing.T) {
	wanted := id{"attic", descriptors.Compute, "web-1"}
	if read, err := parseID(wanted.String()); err != nil || read != wanted {
		t.Errorf("%s is read as %v (%v)", wanted, read, err)
	}
	if _, err := parseID("no-such-resource"); !errors.Is(err, vendormodules.ErrNotFound) {
		t.Errorf("what is no id: %v", err)
	}
	if one, other := uuid("a"), uuid("b"); one == other || one != uuid("a") {
		t.Error("a key's UUID is not always the same, or not its own")
	}
	if len(serial("web-1")) != serialLength {
		t.Errorf("serial %q has not %d characters", serial("web-1"), serialLength)
	}
}

func TestRanges(t *testing.T) {
	m := Module{configuration: defaults()}
	m.configuration.Ranges = netip.MustParsePrefix("10.9.0.0/23")
	taken := func(address, netmask string, bits uint) network {
		return network{definition: libvirtxml.Network{IPs: []libvirtxml.NetworkIP{{Address: address, Netmask: netmask, Prefix: bits}}}}
	}
	first, second := taken("10.9.0.1", "255.255.255.0", 0), taken("10.9.1.129", "", 25)
	for name, one := range map[string]struct {
		wanted string
		others []network
		says   string
		fails  error
	}{
		"nothing taken":  {"", nil, "10.9.0.0/24", nil},
		"one taken":      {"", []network{first}, "10.9.1.0/24", nil},
		"all taken":      {"", []network{first, second}, "", vendormodules.ErrNoCapacity},
		"wanted":         {"10.9.1.0/25", []network{first, second}, "10.9.1.0/25", nil},
		"wanted, taken":  {"10.9.0.128/26", []network{first}, "", vendormodules.ErrConflict},
		"wanted, tiny":   {"10.9.0.0/31", nil, "", vendormodules.ErrInvalid},
		"wanted by host": {"10.20.0.7/24", nil, "10.20.0.0/24", nil},
	} {
		found, err := m.chooseRange(one.wanted, one.others)
		if !errors.Is(err, one.fails) || err == nil && found.String() != one.says {
			t.Errorf("%s: %s (%v)", name, found, err)
		}
	}
}

func TestFaultsOfConfiguration(t *testing.T) {
	for configuration, says := range map[string]string{
		"{hosts: {Attic: 'qemu:///system'}}":             "a host's name",
		"{hosts: {attic: 'qemu+carrier://x/system'}}":    `no transport "carrier"`,
		"{hosts: {attic: 'qemu+ssh://a:pass@x/system'}}": "a password does not belong in a URI",
		"{hosts: {attic: 'qemu://x/system?keyfile=/a'}}": `"keyfile" is not understood`,
		"{pool: ''}":                                      "without a storage pool",
		"{ranges: 10.0.0.0/30}":                           "with room for a /24",
		"{virtualization: xen}":                           "neither kvm nor qemu",
		"{kernels: {tiny: {kernel: vmlinuz}}}":            "not an absolute path",
		"{overcommit: 0}":                                 "write 1 or more",
		"{capacity: {cores: -1}}":                         "below zero",
		"{kernels: {a: {kernel: /k}}, images: {a: b}}":    "among the images too",
		"{network: '', country: Germany, stop-within: 1}": "is not a country",
	} {
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(configuration), &node); err != nil {
			t.Fatal(err)
		}
		_, err := New(&node, vendormodules.Environment{})
		var faults descriptors.Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, and should say %s", configuration, err, says)
		} else if faults[0].Line != 1 {
			t.Errorf("%s: %v is without a place", configuration, faults[0])
		}
	}
}
