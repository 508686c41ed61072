// Package link keeps a connection to a libvirt daemon: over a local socket, TCP, TLS or SSH.
//
// The connection is made when the first call needs it, is shared by all calls, and is made anew by the next call once it
// is lost, such as when the daemon restarts. Calls return when their contexts end, which the protocol itself cannot:
// what the daemon answers after that is dropped. Whether a call whose connection was lost had an effect is not known.
package link
