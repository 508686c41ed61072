// Package all lists the kinds of clouds that the program knows. A new module is one line here.
package all

import (
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/docker"
	"github.com/cloud-agency/agency/vendormodules/ec2"
	"github.com/cloud-agency/agency/vendormodules/libvirt"
	"github.com/cloud-agency/agency/vendormodules/openstack"
	"github.com/cloud-agency/agency/vendormodules/ptc"
	"github.com/cloud-agency/agency/vendormodules/simulated"
	"github.com/cloud-agency/agency/vendormodules/vsphere"
)

// Kinds returns every kind of cloud, sorted by name.
func Kinds() []vendormodules.Kind {
	return []vendormodules.Kind{docker.Kind(), ec2.Kind(), libvirt.Kind(), openstack.Kind(), ptc.Kind(), simulated.Kind(), vsphere.Kind()}
}
