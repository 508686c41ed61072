// Package vendortest is the conformance suite that every vendor module passes.
//
// A module's own test hands Run a Provider, which says how to reach an account and what runs there, and nothing else.
// Run finds out by itself what the module can do, proves each of it, and logs what the module lacks with the reason
// (Capabilities), so that nothing is left out in silence. Every test has an account without resources and ends with a
// sweep: the module and an independent count must both say that nothing is left.
//
// The suite waits by looking again until a deadline (Eventually), never by sleeping for a guessed time.
package vendortest
