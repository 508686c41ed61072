// Package sla holds what vendors and the broker agree on: proposals, the plans made of them, the attempt to take a plan,
// and the agreements that come of it, each with its state machine.
//
// The names are those of WS-Agreement (GFD.192) where it has one. The package is plain data and pure functions: it asks
// nobody and remembers nothing.
package sla
