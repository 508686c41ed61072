// Package memory is a cloud that exists only in memory, for tests that need a correct one at no cost.
//
// It does what the contract asks and every optional interface, so that the conformance suite passes on it. Nothing in
// it waits: a resource moves on to its next state each time somebody looks at it. Failures are injected call by call.
package memory
