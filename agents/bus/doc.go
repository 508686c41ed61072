// Package bus connects agents: it makes their identities and rights, runs or reaches the NATS server between them, and
// sends, verifies and answers the messages of package proto.
//
// An Authority owns the keys of the agency and enrols agents. A Server is the embedded NATS server that admits them. A
// Peer is one agent's connection: it asks (Ask), calls many at once (Gather), answers (Serve), says what happened
// (Publish) and hears what others say (Listen, Follow).
//
// Subjects route and signatures authorise: what an agent may publish and subscribe to is in one table (rights.go), and
// whatever arrives is taken only if the register that the account signed knows its sender and the signature fits.
package bus
