// Package balancer spreads HTTP requests or TCP connections over targets, in a process of its own.
//
// It takes the healthy target with the least to do, and another one when a connection cannot be made, as long as nothing
// has been sent. Targets change while it runs: the module replaces the resource's record and knocks at the control
// socket in the resource's directory. A target that goes gets nothing new and finishes what it has; the last that serves
// goes only when another is healthy.
package balancer
