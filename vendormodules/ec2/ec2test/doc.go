// Package ec2test is a server for tests that speaks the wire format of the EC2 API, and of those beside it that the module asks: the Query protocol in, XML out, or JSON both ways, with
// pages, client tokens, states that take time, listings that are late, and errors with the cloud's codes.
//
// It is made from the API's reference and what the official SDK sends and reads, and not from a recording. It is no cloud:
// nothing boots but what Boot does, a subnet carries nothing, images and snapshots hold nothing, it checks no signature
// beyond the access key, and of every action it knows the parameters that are named in its source and ignores the rest.
// What a module can do here it may still fail to do at Amazon's; what it cannot do here it cannot do there.
package ec2test
