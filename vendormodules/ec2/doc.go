// Package ec2 is Amazon's cloud, and every other that speaks the EC2 API.
//
// A compute is an instance, a volume one of EBS, a network a subnet of the VPC that the configuration names, a load
// balancer one of ELBv2. RunInstances and CreateVolume take the request's key as their ClientToken. CreateSubnet takes
// none: the range of a subnet follows from the key, so that a repeat collides with the first one's, which is then found by
// its tags. Images, balancers and what belongs to these are unique by their names. CreateSnapshot has nothing of the kind:
// its repeat is harmless once DescribeSnapshots shows the first.
//
// EC2 attaches volumes to instances that run, and instances run a while after they were created; until then the volumes
// that one is to have stand in a tag of it, and so does its elastic address; whoever looks at it when it runs attaches
// them. Listings are late after a create, so for a while the module answers from what the create said.
//
// Security groups, target groups and elastic addresses are no resources. They belong to what is listed, and a listing that
// shows nothing they belong to sweeps them away.
//
// Other clouds know a part of the API. What one lacks is found out by asking, kept in the module's directory, and taken
// away from what the module says that it can do, at the next opening.
//
// Two services of Amazon's are not used. Elastic MapReduce runs jobs whose input and output lie in S3; a map-reduce of the
// agency reads what was uploaded with it, and its result is fetched from its coordinator, whatever the cloud. By the time
// that a vendor is asked, it is a cluster and a compute (descriptors.Application.Expanded), which run here like others.
// Auto Scaling starts and replaces machines by its own judgement, and all of a group alike. The machines of a cluster have
// a key, a name and volumes each, their number is the agency's to decide and an agreement's to pay for, and one that was
// replaced behind its back would look like a loss and a stranger.
package ec2
