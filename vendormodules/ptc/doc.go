// Package ptc is the portable testbed cluster: a cloud made of this machine alone, without privileges and without a
// daemon.
//
// A compute is a supervised tree of processes with a directory and a loopback address of its own; a volume is a
// directory that outlives it, a network a block of addresses, a load balancer a process that balances. Everything is
// real, and everything lies in the directory that the module is given, one directory a resource. What this machine
// cannot keep (isolation, sizes, machines apart), the module says in its proposals and in the resources' warnings.
//
// Machines and balancers live on when the agency ends: each has a keeper, a process of the agency's own program
// (Keeper). A module that is opened on a directory finds all of them again.
//
//	record     what is known of a resource, and the layout of its directory
//	keeper     the process that each machine and balancer has
//	balancer   what the keeper of a load balancer does
//	images     the images that are built in
//	loopback   addresses: who has which
//	confine    keeping a machine's commands to its own files
//	limits     bounding its memory and processor time
//	archive    unpacking files into a machine
//	process    looking at processes
package ptc
