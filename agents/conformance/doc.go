// Package conformance puts a vendor agent of any make through the protocol and tells what it does otherwise than
// docs/protocol.md says.
//
// A Bench is a bus of its own with the identities of broker, deployer and client, and credentials for the vendor that
// is to be tried. The agent comes to the bench as it would to an agency; Run then plays everybody else, well-behaved and
// not, and reports check by check. Every check cleans up after itself, so that a run leaves nothing at the vendor.
package conformance
