// Package vsphere is the module for VMware vSphere: machines cloned from templates, disks, and networks of a distributed
// switch, in one datacenter of a vCenter.
//
// All that is made lies in one folder, named by its key, which vCenter lets be there once: a create that is repeated finds
// what the first one made. What a resource is and whose is written into the entity as it is made, in the extra
// configuration of a machine and the description of a port group. A volume is the disk of a machine that never runs, which
// alone lets vSphere find, copy and own a disk by name; a snapshot is a copy of such a machine, an image a template.
//
// One session serves all calls. It is begun at the first, and anew when vCenter has let it expire.
package vsphere
