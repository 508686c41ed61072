// Package deployer is the agent that turns a deployment descriptor into resources and back into nothing.
//
// It walks the descriptor as a graph, in parallel where it may, and tells each vendor what to do under the agreement that
// binds it. An operation does not go through a list of steps; it compares what is wanted with what stands and closes the
// gap. What each vendor is told is written down before, under a command id that stays the same, so that an operation that
// was cut off is simply carried out again: what is done already is answered, not done twice.
//
// One operation at a time is at work on a deployment; only a removal interrupts. Memory shows nothing that is not in the
// store, and events tell of nothing that memory does not show.
package deployer
