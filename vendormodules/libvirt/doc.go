// Package libvirt is a cloud of one's own: virtual machines on a host, or on a handful of hosts, each with a libvirt
// daemon.
//
// A machine is a domain whose name is the resource's key and whose UUID follows from it; its disk is a qcow2 overlay on
// an image of the storage pool, and what it is told at its first boot lies on a NoCloud seed. Volumes, snapshots and
// images are volumes of the pool, networks are libvirt's own. Tags are kept in the metadata of domains and networks, and
// in the names of storage volumes, which have no metadata: nothing is known of a resource that its host does not know.
//
// Ids are host:kind:key, so that each says where to ask. What belongs together must be on one host: everything of a
// deployment goes to one, except that machines which are to be apart, and join nothing, are spread.
package libvirt
