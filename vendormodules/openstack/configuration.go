package openstack

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// configuration is the module's part of the agency's configuration file.
type configuration struct {
	catalogue.Terms  `yaml:",inline"`
	catalogue.Images `yaml:",inline"`

	// AuthURL of Keystone. A clouds.yaml says it itself.
	AuthURL string `yaml:"auth-url"`
	// SignIn says which credential is stored; by default an application credential.
	SignIn signIn `yaml:"sign-in"`
	// Project, and the domains of Keystone v3, for signing in with a password.
	Project       string `yaml:"project"`
	UserDomain    string `yaml:"user-domain"`
	ProjectDomain string `yaml:"project-domain"`
	// Cloud is the name of the cloud in a clouds.yaml; CloudsFile is the path of one, where none is stored.
	Cloud      string `yaml:"cloud"`
	CloudsFile string `yaml:"clouds-file"`

	// Interface of the endpoints in the catalogue: public by default, internal or admin.
	Interface string `yaml:"interface"`
	// Endpoints go before those in the catalogue, by service. An empty one says that the service is not to be used.
	Endpoints map[service]string `yaml:"endpoints"`
	// Zone is the availability zone of machines and volumes; the cloud's choice by default.
	Zone string `yaml:"zone"`

	// Network that a machine joins which no network of the agency's has, by name or id.
	Network string `yaml:"network"`
	// ExternalNetwork is where floating addresses come from, by name or id.
	ExternalNetwork string `yaml:"external-network"`
	// FloatingAddresses says which machines and balancers get one.
	FloatingAddresses floating `yaml:"floating-addresses"`
	// SecurityGroups and Routers are made; true by default.
	SecurityGroups *bool `yaml:"security-groups"`
	Routers        *bool `yaml:"routers"`
	// NameServers that machines on the agency's networks ask.
	NameServers []netip.Addr `yaml:"name-servers"`

	// SSH lets the agency into machines, as root and with keys of its own, to run commands and to bring files.
	SSH bool `yaml:"ssh"`

	// BootVolume, if not zero, is the size of the volume that a machine boots from, and that goes with it.
	BootVolume quantity.Bytes `yaml:"boot-volume"`
	// VolumeType and BalancerProvider by the cloud's names.
	VolumeType       string `yaml:"volume-type"`
	BalancerProvider string `yaml:"balancer-provider"`
	// ConfigDrive hands user data to machines by a drive, for networks without a metadata service; true by default.
	ConfigDrive *bool `yaml:"config-drive"`
}

// signIn is a way to sign in.
type signIn string

const (
	byApplicationCredential signIn = "application-credential"
	byPassword              signIn = "password"
	byClouds                signIn = "clouds.yaml"
)

// floating says who gets a floating address.
type floating string

const (
	floatingAsked  floating = "asked" // who is to be reached from outside
	floatingAlways floating = "always"
	floatingNever  floating = "never"
)

// service is one of OpenStack's.
type service string

const (
	computeService  service = "compute"
	imageService    service = "image"
	volumeService   service = "volume"
	networkService  service = "network"
	balancerService service = "load-balancer"
	metricService   service = "metric"
)

func services() []service {
	return []service{balancerService, computeService, imageService, metricService, networkService, volumeService}
}

// types are those that the module can create, sorted.
func types() []descriptors.ResourceType {
	return []descriptors.ResourceType{
		descriptors.Cluster, descriptors.Compute, descriptors.LoadBalancer, descriptors.Network, descriptors.Volume,
	}
}

// defaultReadyIn is what a machine takes at an ordinary OpenStack.
const defaultReadyIn = quantity.Duration(60_000_000_000)

// configure reads a configuration strictly and fills in what it leaves out. The error is descriptors.Faults.
func configure(node *yaml.Node) (configuration, error) {
	yes := true
	c := configuration{
		SignIn: byApplicationCredential, UserDomain: "Default", ProjectDomain: "Default", Interface: "public",
		FloatingAddresses: floatingAsked, SecurityGroups: &yes, Routers: &yes, ConfigDrive: &yes,
	}
	if err := vendormodules.Configure(node, &c, c.check); err != nil {
		return c, err
	}
	c.Terms = c.Terms.WithDefaults(catalogue.Terms{ReadyIn: defaultReadyIn, Types: types()})
	return c, nil
}

// check finds what can be read and makes no sense.
func (c *configuration) check(_ descriptors.Positions, fault vendormodules.Fault) {
	c.Terms.Check(fault, types())
	c.Images.Check(fault)
	c.checkSignIn(fault)
	oneOf(fault, "interface", c.Interface, "public", "internal", "admin")
	oneOf(fault, "floating-addresses", c.FloatingAddresses, floatingAsked, floatingAlways, floatingNever)
	for _, name := range slices.Sorted(maps.Keys(c.Endpoints)) {
		path := "endpoints." + string(name)
		oneOf(fault, path, name, services()...)
		if address := c.Endpoints[name]; address != "" && !isURL(address) {
			fault(path, "%q is not a URL; write https://cloud.example.org:8774/v2.1", address)
		}
	}
	if c.BootVolume < 0 {
		fault("boot-volume", "below zero")
	}
}

func (c *configuration) checkSignIn(fault vendormodules.Fault) {
	oneOf(fault, "sign-in", c.SignIn, byApplicationCredential, byPassword, byClouds)
	switch {
	case c.SignIn == byClouds:
		if c.Cloud == "" {
			fault("cloud", "which of the clouds in the clouds.yaml? write its name")
		}
		if c.CloudsFile != "" && !filepath.IsAbs(c.CloudsFile) {
			fault("clouds-file", "%q is not an absolute path", c.CloudsFile)
		}
		return
	case c.CloudsFile != "":
		fault("clouds-file", "only with sign-in: clouds.yaml")
	case c.Cloud != "":
		fault("cloud", "only with sign-in: clouds.yaml")
	}
	if !isURL(c.AuthURL) {
		fault("auth-url", "%q is not a URL; write https://cloud.example.org:5000/v3", c.AuthURL)
	}
	if c.SignIn == byPassword && c.Project == "" {
		fault("project", "a password is good for many projects; write the one to use")
	}
}

func isURL(text string) bool {
	address, err := url.Parse(text)
	return err == nil && (address.Scheme == "https" || address.Scheme == "http") && address.Host != ""
}

// oneOf is a fault if a word is not among those that have a meaning.
func oneOf[S ~string](fault vendormodules.Fault, path string, word S, words ...S) {
	if slices.Contains(words, word) {
		return
	}
	refusal := catalogue.Unsupported("word", string(word), catalogue.Texts(words))
	fault(path, "%q means nothing here; %s", word, refusal.Hint)
}

// offers says whether the configuration has a type among those it offers.
func (c *configuration) offers(kind descriptors.ResourceType) bool {
	return slices.Contains(c.Types, kind)
}

// credentialFields are what must be stored.
func (c *configuration) credentialFields() []vendormodules.CredentialField {
	switch {
	case c.SignIn == byPassword:
		return []vendormodules.CredentialField{
			{Name: fieldUser, Help: fmt.Sprintf("user of domain %s at %s, with the role member in project %s", c.UserDomain, c.AuthURL, c.Project)},
			{Name: fieldPassword, Help: "the user's password", Secret: true},
		}
	case c.SignIn == byApplicationCredential:
		return []vendormodules.CredentialField{
			{Name: fieldApplicationID, Help: "id that `openstack application credential create` shows"},
			{Name: fieldApplicationSecret, Help: "secret that it shows, once", Secret: true},
		}
	case c.CloudsFile == "":
		return []vendormodules.CredentialField{
			{Name: fieldClouds, Help: "the content of a clouds.yaml that has the cloud " + c.Cloud, Secret: true},
		}
	}
	return nil
}

// Names of the credentials' fields.
const (
	fieldUser              = "username"
	fieldPassword          = "password"
	fieldApplicationID     = "application-credential-id"
	fieldApplicationSecret = "application-credential-secret"
	fieldClouds            = "clouds.yaml"
)
