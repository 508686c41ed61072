package vsphere

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// configuration is the module's part of the agency's configuration file. Only the URL is required.
type configuration struct {
	catalogue.Terms  `yaml:",inline"`
	catalogue.Images `yaml:",inline"`

	// URL of vCenter: https://vcenter.example.org/sdk.
	URL string `yaml:"url"`
	// Thumbprint of its certificate (SHA-1 or SHA-256, with colons), or CA, the certificates in PEM that sign it, where the
	// host does not trust it otherwise.
	Thumbprint string `yaml:"thumbprint"`
	CA         string `yaml:"ca"`

	// Where machines run and what they use, by name or inventory path; by default the only one there is.
	Datacenter string `yaml:"datacenter"`
	Cluster    string `yaml:"cluster"`
	Pool       string `yaml:"resource-pool"`
	Datastore  string `yaml:"datastore"`
	// Folder below that of the datacenter's machines; agency-<id> by default, which is made.
	Folder string `yaml:"folder"`
	// Switch that networks are made of.
	Switch string `yaml:"switch"`
	// Public is the network of machines that are in none of the agency's.
	Public public `yaml:"public"`
	// Ranges is what networks get theirs of, each a /24, that ask for none; 10.240.0.0/12 by default.
	Ranges netip.Prefix `yaml:"ranges"`
	// VLANs to keep networks apart by, 1 to 4094, one for each network. Without any they are not kept apart.
	VLANs quantity.Range `yaml:"vlans"`
	// Sizes of machines; by default 1 to 32 cores with 1 to 8 GiB for each.
	Flavors []flavor `yaml:"sizes"`
	// Capacity that may be used in all; where it says nothing, all that the cluster and the datastore have.
	Capacity vendormodules.Usage `yaml:"capacity"`
}

// public is a network that is there.
type public struct {
	// Network by name or inventory path.
	Network string `yaml:"network"`
	// Range that machines get addresses of; by DHCP without one, and vCenter's tools tell which.
	Range       netip.Prefix `yaml:"range"`
	Gateway     netip.Addr   `yaml:"gateway"`
	NameServers []netip.Addr `yaml:"name-servers"`
}

// flavor is a size of machine.
type flavor struct {
	Name   string         `yaml:"name"`
	Cores  int            `yaml:"cores"`
	Memory quantity.Bytes `yaml:"memory"`
}

// offered are the types that the module can create, sorted. Balancers are a product of their own at VMware.
var offered = [...]descriptors.ResourceType{
	descriptors.Cluster, descriptors.Compute, descriptors.Network, descriptors.Volume,
}

var thumbprint = regexp.MustCompile(`^([0-9A-Fa-f]{2}:){19}([0-9A-Fa-f]{2}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){12})$`)

// configure reads a configuration strictly and fills in what it leaves out. The error is descriptors.Faults.
func configure(node *yaml.Node) (configuration, error) {
	var c configuration
	if err := vendormodules.Configure(node, &c, c.check); err != nil {
		return c, err
	}
	c.Terms = c.Terms.WithDefaults(catalogue.Terms{
		Region: cmp.Or(c.Datacenter, kindName), Types: offered[:], ReadyIn: quantity.Duration(2 * time.Minute),
	})
	if !c.Ranges.IsValid() {
		c.Ranges = netip.MustParsePrefix("10.240.0.0/12")
	}
	if len(c.Flavors) == 0 {
		c.Flavors = defaultFlavors()
	}
	return c, nil
}

// check finds what can be read and makes no sense.
func (c *configuration) check(_ descriptors.Positions, fault vendormodules.Fault) {
	c.Terms.Check(fault, offered[:])
	c.Images.Check(fault)
	switch parsed, err := url.Parse(c.URL); {
	case c.URL == "":
		fault("url", "missing; write that of vCenter, such as https://vcenter.example.org/sdk")
	case err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http":
		fault("url", "not a URL; write one such as https://vcenter.example.org/sdk")
	case parsed.User != nil:
		fault("url", "holds a user; user and password are a credential: agency credentials set")
	}
	if c.Thumbprint != "" && !thumbprint.MatchString(c.Thumbprint) {
		fault("thumbprint", "not a thumbprint; write 20 or 32 bytes in hexadecimal digits with colons between")
	}
	if c.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)) {
		fault("ca", "no certificate in PEM")
	}
	if c.Cluster != "" && c.Pool != "" {
		fault("resource-pool", "a cluster is said too; write one of the two")
	}
	if c.VLANs != (quantity.Range{}) && (c.VLANs.Min < 1 || c.VLANs.Max > 4094) {
		fault("vlans", "%s is not within 1..4094", c.VLANs)
	}
	c.checkRanges(fault)
	for index, one := range c.Flavors {
		if one.Name == "" || one.Cores < 1 || one.Memory < quantity.MiB {
			fault(fmt.Sprintf("sizes[%d]", index), "a size has a name, cores and memory")
		}
	}
}

func (c *configuration) checkRanges(fault vendormodules.Fault) {
	for path, prefix := range map[string]netip.Prefix{"ranges": c.Ranges, "public.range": c.Public.Range} {
		if prefix.IsValid() && (!prefix.Addr().Is4() || prefix != prefix.Masked()) {
			fault(path, "%s is not a range of IPv4 addresses such as %s", prefix, prefix.Masked())
		}
	}
	if c.Ranges.IsValid() && c.Ranges.Bits() > networkBits {
		fault("ranges", "%s has no room for a /%d", c.Ranges, networkBits)
	}
	if c.Public.Gateway.IsValid() && !c.Public.Range.Contains(c.Public.Gateway) {
		fault("public.gateway", "%s is not within the range of the public network", c.Public.Gateway)
	}
}
