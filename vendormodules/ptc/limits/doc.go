// Package limits bounds the memory and the processor time of a machine by control groups, wherever whoever runs the
// agency may make some: in a subtree of version 2 that is theirs, or in the controllers of version 1. It never moves
// processes that are not the machine's, and switches no controller on for others.
package limits
