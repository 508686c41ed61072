// Package client is how a program that is no agent itself uses the agency: a typed call for everything that a person can
// ask for, over the bus.
//
// A read asks one agent and returns what it says, or an *Error that tells what went wrong, where, and the way out. A
// long action is an Operation: starting it returns once the deployer has written the command down, and waiting for it
// can be given up and taken up again from anywhere, by the operation's id.
package client
