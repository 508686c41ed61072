// Package loopback divides 127.0.0.0/8, which every Linux machine has whole, between the instances of the module, and
// shows who listens where on it.
//
// An instance has a block to itself. Nothing but the instances' good manners keeps them apart: each holds a listener on
// the last address of its block for as long as it runs, and each machine's keeper one on the machine's own address, all
// on ClaimPort, so that others see a block taken also when its instance is away.
package loopback
