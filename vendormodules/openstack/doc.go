// Package openstack is the module for clouds that speak OpenStack's APIs: Nova for machines, Glance for their images,
// Cinder for volumes, Neutron for networks, and Octavia for load balancers.
//
// A machine is made of several things: ports, a security group for its class, perhaps a floating address, and the server
// last. None of them is made twice, for each bears the request's key. What is left when that is cut short is shown by List
// as one resource in error, which Delete removes. The group of a class stays until its deployment has no machine left, so
// that the rules of other classes may point to it.
//
// Nova recognises no repeated create; the module looks for a server of the key first, and says by its description that
// the agency must do the same before it repeats one whose outcome is not known.
package openstack
