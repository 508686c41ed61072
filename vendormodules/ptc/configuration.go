package ptc

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	"github.com/cloud-agency/agency/vendormodules/ptc/images"
)

// configuration is the module's part of the agency's configuration file. Everything has a default.
type configuration struct {
	catalogue.Terms `yaml:",inline"`
	Capacity        capacity `yaml:"capacity"`
	// Images offered; all by default.
	Images descriptors.Names `yaml:"images"`
	// ImageFiles are further images by name: the absolute path of a directory or a tar archive, gzipped or not.
	ImageFiles map[string]string `yaml:"image-files"`
}

// capacity is what the module gives out in all. By default machines up to 64, cores eight times those of the host and
// at least 16, memory and storage what the host has.
type capacity struct {
	Machines int            `yaml:"machines"`
	Cores    int            `yaml:"cores"`
	Memory   quantity.Bytes `yaml:"memory"`
	Storage  quantity.Bytes `yaml:"storage"`
}

// types are the types that the module can create, sorted.
var types = [...]descriptors.ResourceType{
	descriptors.Cluster, descriptors.Compute, descriptors.LoadBalancer, descriptors.Network, descriptors.Volume,
}

const defaultReadyIn = quantity.Duration(1_000_000_000)

// configure reads a configuration strictly and fills in what it leaves out. The error is descriptors.Faults.
func configure(node *yaml.Node) (configuration, error) {
	var c configuration
	if err := vendormodules.Configure(node, &c, c.check); err != nil {
		return c, err
	}
	c.Terms = c.Terms.WithDefaults(catalogue.Terms{Region: "local", Types: types[:], ReadyIn: defaultReadyIn})
	if len(c.Images) == 0 {
		c.Images = c.everyImage()
	}
	return c, nil
}

// check finds what can be read and makes no sense.
func (c *configuration) check(_ descriptors.Positions, fault vendormodules.Fault) {
	c.Terms.Check(fault, types[:])
	for name, value := range map[string]int64{
		"machines": int64(c.Capacity.Machines), "cores": int64(c.Capacity.Cores),
		"memory": int64(c.Capacity.Memory), "storage": int64(c.Capacity.Storage),
	} {
		if value < 0 {
			fault("capacity."+name, "below zero")
		}
	}
	for name, path := range c.ImageFiles {
		if !filepath.IsAbs(path) {
			fault("image-files."+name, "%q is not an absolute path", path)
		}
		if slices.Contains(images.Names(), name) {
			fault("image-files."+name, "%q is built in; choose another name", name)
		}
	}
	for index, name := range c.Images {
		catalogue.Known(fault, fmt.Sprintf("images[%d]", index), name, c.everyImage())
	}
}

// everyImage is the built-in images and the configured ones.
func (c configuration) everyImage() []string {
	return append(images.Names(), slices.Sorted(maps.Keys(c.ImageFiles))...)
}
