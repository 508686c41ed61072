package docker

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// configuration is the module's part of the agency's configuration file. Everything has a default.
type configuration struct {
	catalogue.Terms  `yaml:",inline"`
	catalogue.Images `yaml:",inline"`

	// Hosts are the engines; by default the one of this machine.
	Hosts []hostConfiguration `yaml:"hosts"`
	// Pull lets images that the configuration names and an engine lacks be pulled from their registries.
	Pull bool `yaml:"pull"`
	// Ranges of addresses out of which networks get theirs when descriptors do not say; a /24 each.
	Ranges netip.Prefix `yaml:"ranges"`
	// Program is a statically linked agency to run balancers by; by default the one that runs.
	Program string `yaml:"program"`
}

// hostConfiguration is one engine.
type hostConfiguration struct {
	// Endpoint is where the engine listens: unix:///path, tcp://host:port (with TLS), or ssh://user@host[:port][/path].
	Endpoint string `yaml:"endpoint"`
	// Publish is the address of the engine's host at which the ports of its machines and balancers are open for all;
	// without one they can be reached where the containers' addresses can.
	Publish netip.Addr `yaml:"publish"`
	// Capacity that the engine gives out in all.
	Capacity capacity `yaml:"capacity"`
}

// capacity is by default 64 machines, four times the cores of the host, its memory, and no limit to storage.
type capacity struct {
	Machines int            `yaml:"machines"`
	Cores    int            `yaml:"cores"`
	Memory   quantity.Bytes `yaml:"memory"`
	Storage  quantity.Bytes `yaml:"storage"`
}

// networkBits is the length of the prefix of a network whose range nobody chose.
const networkBits = 24

const (
	defaultEndpoint = "unix:///var/run/docker.sock"
	defaultReadyIn  = quantity.Duration(2_000_000_000)
)

// types that the module can create, sorted.
func types() []descriptors.ResourceType {
	return []descriptors.ResourceType{
		descriptors.Cluster, descriptors.Compute, descriptors.LoadBalancer, descriptors.Network, descriptors.Volume,
	}
}

// configure reads a configuration strictly and fills in what it leaves out. The error is descriptors.Faults.
func configure(node *yaml.Node) (configuration, error) {
	var c configuration
	err := vendormodules.Configure(node, &c, func(_ descriptors.Positions, fault vendormodules.Fault) {
		c.Terms.Check(fault, types())
		c.Images.Check(fault)
		c.checkHosts(fault)
		if c.Ranges.IsValid() && (!c.Ranges.Addr().Is4() || c.Ranges.Bits() > networkBits) {
			fault("ranges", "%s has no room for a network of IPv4 addresses; write 10.210.0.0/16", c.Ranges)
		}
	})
	if err != nil {
		return c, err
	}
	c.Terms = c.Terms.WithDefaults(catalogue.Terms{Region: "local", Types: types(), ReadyIn: defaultReadyIn})
	if len(c.Hosts) == 0 {
		c.Hosts = []hostConfiguration{{Endpoint: defaultEndpoint}}
	}
	if !c.Ranges.IsValid() {
		c.Ranges = netip.MustParsePrefix("10.210.0.0/16")
	}
	return c, nil
}

func (c configuration) checkHosts(fault vendormodules.Fault) {
	for index, host := range c.Hosts {
		at := fmt.Sprintf("hosts[%d]", index)
		if err := checkEndpoint(host.Endpoint); err != "" {
			fault(at+".endpoint", "%s", err)
		}
		same := func(other hostConfiguration) bool { return other.Endpoint == host.Endpoint }
		if slices.IndexFunc(c.Hosts, same) < index {
			fault(at+".endpoint", "%s is there twice", host.Endpoint)
		}
		for name, value := range map[string]int64{
			"machines": int64(host.Capacity.Machines), "cores": int64(host.Capacity.Cores),
			"memory": int64(host.Capacity.Memory), "storage": int64(host.Capacity.Storage),
		} {
			if value < 0 {
				fault(at+".capacity."+name, "below zero")
			}
		}
	}
}

// checkEndpoint says what is wrong with an endpoint; nothing if it is empty.
func checkEndpoint(endpoint string) string {
	parsed, err := url.Parse(endpoint)
	switch {
	case endpoint == "" || err != nil:
		return fmt.Sprintf("%q is no endpoint; write unix:///var/run/docker.sock, tcp://HOST:2376 or ssh://USER@HOST", endpoint)
	case parsed.Scheme == "unix" && parsed.Host == "" && parsed.Path != "":
	case parsed.Scheme == "tcp" && parsed.Port() != "" && cmp.Or(parsed.Path, "/") == "/":
	case parsed.Scheme == "ssh" && parsed.Hostname() != "" && parsed.User.Username() != "":
	default:
		return fmt.Sprintf("%q is no endpoint; write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST", parsed.Redacted())
	}
	return ""
}

// needsTLS says whether some host is reached by TCP, which is always secured.
func (c configuration) needsTLS() bool { return c.uses("tcp://") }

func (c configuration) uses(scheme string) bool {
	return slices.ContainsFunc(c.Hosts, func(host hostConfiguration) bool {
		return len(host.Endpoint) > len(scheme) && host.Endpoint[:len(scheme)] == scheme
	})
}
