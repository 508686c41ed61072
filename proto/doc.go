// Package proto says what agents say to each other: FIPA performatives and protocols, the envelope in message headers,
// signatures, subjects, and the versioned JSON contents.
//
// The envelope travels in NATS headers and the body is the content alone, so that an agent can be written in any language
// that has a NATS client. Subjects route; signatures authorise.
package proto
