package ec2

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// configuration is the module's part of the agency's configuration file.
type configuration struct {
	// Region of the terms is that of the cloud, as in eu-west-1.
	catalogue.Terms  `yaml:",inline"`
	catalogue.Images `yaml:",inline"`
	// Endpoint is the URL of a cloud other than Amazon's.
	Endpoint string `yaml:"endpoint"`
	// Endpoints of the cloud's other services, as URLs; the word none for one that is not to be used. By default Amazon's,
	// and none at another's endpoint.
	Endpoints map[service]string `yaml:"endpoints"`
	// Zone that everything is created in; by default the first that is available.
	Zone string `yaml:"zone"`
	// VPC that networks are made in; by default the account's default VPC.
	VPC string `yaml:"vpc"`
	// EnforceRules puts the machines of a class in a security group of its own, which lets in what its rules say; true by
	// default. Otherwise rules have no effect.
	EnforceRules bool `yaml:"enforce-rules"`
	// SecurityGroups that machines are in, by id, besides their class's own. Those in none are in the VPC's default group.
	SecurityGroups descriptors.Names `yaml:"security-groups"`
	// ElasticAddresses says which machines have an elastic address; by default those that are asked to be reached from
	// outside and are in a network of the agency's.
	ElasticAddresses elastic `yaml:"elastic-addresses"`
	// Owners whose images are looked for: account ids, amazon, self. By default self and amazon.
	Owners descriptors.Names `yaml:"image-owners"`
	// FlavorFamilies are the beginnings of the names of instance types that may be used, as in t3. or m; all by default.
	FlavorFamilies descriptors.Names `yaml:"flavor-families"`
	// Flavors that there are, for a cloud that does not tell them.
	Flavors []flavor `yaml:"flavors"`
	// ClientTokens says that the cloud makes a create with the token of an earlier one harmless; true by default.
	ClientTokens bool `yaml:"client-tokens"`
	// VolumeType as the cloud calls it, gp3 by default.
	VolumeType string `yaml:"volume-type"`
	// SSH lets the agency into machines, as root and with keys of its own, to run commands and to bring files.
	SSH bool `yaml:"ssh"`
	// Settle is how long after a create a listing may miss what was created; 30s by default.
	Settle quantity.Duration `yaml:"settle"`
	// Refresh is how long what the cloud sells is kept; 1h by default.
	Refresh quantity.Duration `yaml:"refresh"`

	// storagePriced says that the configuration tells the price of storage.
	storagePriced bool
}

// flavor is a size of machine, as a configuration says it.
type flavor struct {
	Name         string         `yaml:"name"`
	Cores        int            `yaml:"cores"`
	Memory       quantity.Bytes `yaml:"memory"`
	Architecture string         `yaml:"architecture"`
}

// creatable are the types that the module can create, sorted.
func (c *configuration) creatable() []descriptors.ResourceType {
	all := []descriptors.ResourceType{descriptors.Cluster, descriptors.Compute, descriptors.Network, descriptors.Volume}
	if c.absence(balancing) == "" {
		all = append(all, descriptors.LoadBalancer)
		slices.Sort(all)
	}
	return all
}

// configure reads a configuration strictly and fills in what it leaves out. The error is descriptors.Faults.
func configure(node *yaml.Node) (configuration, error) {
	c := configuration{
		ClientTokens: true, EnforceRules: true, ElasticAddresses: elasticAsked, Owners: descriptors.Names{"self", "amazon"}, VolumeType: "gp3", Settle: quantity.Duration(30 * time.Second),
		Refresh: quantity.Duration(time.Hour),
	}
	err := vendormodules.Configure(node, &c, c.check)
	c.storagePriced = c.Prices.StorageGiBMonth.Currency != ""
	if c.absence(priceList) == "" {
		c.Prices = c.Prices.InCurrency(priceCurrency(c.Region))
	}
	c.Terms = c.Terms.WithDefaults(catalogue.Terms{Types: c.creatable(), ReadyIn: quantity.Duration(2 * time.Minute)})
	return c, err
}

func (c *configuration) check(_ descriptors.Positions, fault vendormodules.Fault) {
	c.Terms.Check(fault, c.creatable())
	c.Images.Check(fault)
	if c.Region == "" {
		fault("region", "a region is needed, such as eu-west-1")
	}
	if c.Endpoint != "" && !isURL(c.Endpoint) {
		fault("endpoint", "%q is no URL such as https://ec2.example.org", c.Endpoint)
	}
	for index, one := range c.Flavors {
		if one.Name == "" || one.Cores < 1 || one.Memory < 1 {
			fault(fmt.Sprintf("flavors[%d]", index), "write a name, cores and memory")
		}
	}
	catalogue.Known(fault, "elastic-addresses", string(c.ElasticAddresses), catalogue.Texts(elastics()))
	for _, one := range slices.Sorted(maps.Keys(c.Endpoints)) {
		path := "endpoints." + string(one)
		if endpoint := c.Endpoints[one]; catalogue.Known(fault, path, string(one), catalogue.Texts(serviceNames())) && endpoint != without && !isURL(endpoint) {
			fault(path, "%q is no URL such as https://%s.example.org, and not the word none", endpoint, one)
		}
	}
}

func isURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && parsed.Host != "" && strings.HasPrefix(parsed.Scheme, "http")
}

// subnetBits is how large a network is whose range nobody asked for.
const subnetBits = 24

// within says whether a range lies in another.
func within(inner, outer netip.Prefix) bool {
	return inner.IsValid() && outer.Contains(inner.Addr()) && inner.Bits() >= outer.Bits()
}
