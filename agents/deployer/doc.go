// Package deployer is the agent that turns a deployment descriptor into resources and back into nothing.
//
// It walks the descriptor as a graph, in parallel where it may, and tells each vendor what to do under the agreement that
// binds it. What it wants of each resource is written down before the vendor is told, under a command id that stays the
// same, so that an operation that was cut off is simply carried out again: what is done already is answered, not done
// twice.
package deployer
