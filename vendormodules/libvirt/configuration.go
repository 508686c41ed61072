package libvirt

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	"github.com/cloud-agency/agency/vendormodules/libvirt/link"
)

// configuration is the module's part of the agency's configuration file. Everything has a default.
type configuration struct {
	catalogue.Terms  `yaml:",inline"`
	catalogue.Images `yaml:",inline"`
	// Hosts by name, each the URI of its libvirt daemon; by default this host's.
	Hosts map[string]string `yaml:"hosts"`
	// Pool is the storage pool that holds images, disks and volumes: one of files.
	Pool string `yaml:"pool"`
	// Network of libvirt's that every machine is on, beside those that it joins. Public says that its addresses can be
	// reached from wherever the cloud's users are, as those of a bridge often are.
	Network string `yaml:"network"`
	Public  bool   `yaml:"public"`
	// SSH lets the agency into machines, as root and with keys of its own, to run commands and to bring files. Its own host
	// must reach their addresses.
	SSH bool `yaml:"ssh"`
	// Rules are kept by filters at the hosts, which need bridges whose traffic passes through their firewall; true by
	// default.
	Rules bool `yaml:"rules"`
	// Ranges that networks get theirs of, where the class says none.
	Ranges netip.Prefix `yaml:"ranges"`
	// Virtualization is kvm or qemu, which is emulated and much slower; by default kvm where the host has it, else qemu.
	Virtualization string `yaml:"virtualization"`
	// Machine is the type of board; by default the host's.
	Machine string `yaml:"machine"`
	// Disk that a machine has at least; larger where its image is.
	Disk quantity.Bytes `yaml:"disk"`
	// Kernels are images that are booted directly, by the names that descriptors use.
	Kernels map[string]kernel `yaml:"kernels"`
	// Overcommit is how many cores are given out for each that the hosts have; memory is given out once.
	Overcommit int `yaml:"overcommit"`
	// Capacity that is given out; by default as much as the hosts have.
	Capacity vendormodules.Usage `yaml:"capacity"`
	// StopWithin is how long a machine may take to power off when it is asked to, until it is made to.
	StopWithin quantity.Duration `yaml:"stop-within"`
	// AddressWithin is how long a machine counts as being created for want of an address.
	AddressWithin quantity.Duration `yaml:"address-within"`
}

// kernel is booted directly. Paths are absolute, at the host.
type kernel struct {
	// Disk is the image of the pool that its machines' disks begin with; they have none if it is empty.
	Disk         string `yaml:"disk"`
	Kernel       string `yaml:"kernel"`
	Initrd       string `yaml:"initrd"`
	CommandLine  string `yaml:"command-line"`
	Architecture string `yaml:"architecture"`
}

// resourceTypes are those that the module can create, sorted.
func resourceTypes() []descriptors.ResourceType {
	return []descriptors.ResourceType{
		descriptors.Cluster, descriptors.Compute, descriptors.Network, descriptors.Volume,
	}
}

func defaults() configuration {
	return configuration{
		Pool: "default", Network: "default", Ranges: netip.MustParsePrefix("10.213.0.0/16"), Disk: 10 * quantity.GiB,
		Rules:      true,
		Overcommit: 4, StopWithin: quantity.Duration(time.Minute), AddressWithin: quantity.Duration(5 * time.Minute),
	}
}

// configure reads a configuration strictly over the defaults. The error is descriptors.Faults.
func configure(node *yaml.Node) (configuration, error) {
	c := defaults()
	if err := vendormodules.Configure(node, &c, c.check); err != nil {
		return c, err
	}
	if len(c.Hosts) == 0 {
		c.Hosts = map[string]string{"local": "qemu:///system"}
	}
	c.Terms = c.WithDefaults(catalogue.Terms{
		Region: strings.Join(slices.Sorted(maps.Keys(c.Hosts)), "-"), Types: resourceTypes(), ReadyIn: quantity.Duration(time.Minute),
		Availability: map[descriptors.ResourceType]quantity.Percent{
			descriptors.Compute: 0.99, descriptors.Network: 0.99, descriptors.Volume: 0.99,
		},
	})
	return c, nil
}

// check finds what can be read and makes no sense.
func (c *configuration) check(_ descriptors.Positions, fault vendormodules.Fault) {
	c.Terms.Check(fault, resourceTypes())
	c.Images.Check(fault)
	for _, name := range slices.Sorted(maps.Keys(c.Hosts)) {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || name == "" {
			fault("hosts."+name, "a host's name is of a-z, 0-9, hyphens and dots")
		}
		if _, err := link.ParseAddress(c.Hosts[name]); err != nil {
			fault("hosts."+name, "%v", err)
		}
	}
	if bits := c.Ranges.Bits(); !c.Ranges.Addr().Is4() || c.Ranges.Masked() != c.Ranges || bits > rangeBits {
		fault("ranges", "%s is no range of IPv4 addresses with room for a /%d; write 10.213.0.0/16", c.Ranges, rangeBits)
	}
	if c.Virtualization != "" && !slices.Contains([]string{"kvm", "qemu"}, c.Virtualization) {
		fault("virtualization", "%q is neither kvm nor qemu", c.Virtualization)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Kernels)) {
		one := c.Kernels[name]
		if !path.IsAbs(one.Kernel) {
			fault("kernels."+name+".kernel", "%q is not an absolute path", one.Kernel)
		}
		if one.Initrd != "" && !path.IsAbs(one.Initrd) {
			fault("kernels."+name+".initrd", "%q is not an absolute path", one.Initrd)
		}
		if _, twice := c.Aliases[name]; twice {
			fault("kernels."+name, "is among the images too")
		}
	}
	c.checkSizes(fault)
}

func (c *configuration) checkSizes(fault vendormodules.Fault) {
	if c.Pool == "" {
		fault("pool", "there is no machine without a storage pool")
	}
	if c.Network == "" {
		fault("network", "there is no machine without a network")
	}
	if c.Overcommit < 1 {
		fault("overcommit", "write 1 or more")
	}
	for _, one := range []struct {
		name  string
		value int64
	}{
		{"capacity.instances", int64(c.Capacity.Instances)}, {"capacity.cores", int64(c.Capacity.Cores)},
		{"capacity.memory", int64(c.Capacity.Memory)}, {"capacity.storage", int64(c.Capacity.Storage)},
		{"disk", int64(c.Disk)}, {"stop-within", int64(c.StopWithin)}, {"address-within", int64(c.AddressWithin)},
	} {
		if one.value < 0 {
			fault(one.name, "below zero")
		}
	}
}

// imageNames are those that the configuration says, sorted.
func (c *configuration) imageNames() []string {
	names := append(c.Names(), slices.Collect(maps.Keys(c.Kernels))...)
	slices.Sort(names)
	return slices.Compact(names)
}

// kernel that serves a class; false where it wants an image with a disk.
func (c *configuration) kernel(class descriptors.Class) (kernel, bool, error) {
	name := cmp.Or(class.Image, c.Default)
	found, has := c.Kernels[cmp.Or(c.Aliases[name], name)]
	if has && class.Architecture != "" && cmp.Or(found.Architecture, descriptors.DefaultArchitecture) != class.Architecture {
		return kernel{}, true, fmt.Errorf("image %q is not there for %s", class.Image, class.Architecture)
	}
	return found, has, nil
}
