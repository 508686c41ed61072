// Package ec2 is Amazon's cloud, and every other that speaks the EC2 API.
//
// A compute is an instance, a volume one of EBS, a network a subnet of the VPC that the configuration names. RunInstances
// and CreateVolume take the request's key as their ClientToken. CreateSubnet takes none: the range of a subnet follows from
// the key, so that a repeat collides with the first one's, which is then found by its tags. CreateImage is unique by its
// name. CreateSnapshot has nothing of the kind: its repeat is harmless once DescribeSnapshots shows the first.
//
// EC2 attaches volumes to instances that run, and instances run a while after they were created; until then the volumes
// that one is to have stand in a tag of it, and whoever looks at it when it runs attaches them. Listings are late after a
// create, so for a while the module answers from what the create said.
package ec2
