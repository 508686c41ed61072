// Package mapreduce is the program of the map-reduce image, which works through one job in the habit of Hadoop streaming:
// a coordinator divides the input among workers, which run the job's mapper and reducer as commands over lines of text.
//
// The coordinator has the input, and everything that workers bring it: what a worker has finished is not lost with the
// worker. Workers ask for tasks, so that they may come and go while the job runs; only the coordinator listens. What is
// done is written down before it counts, and a coordinator that is started again goes on from there.
//
// Invariants: a task's result is taken once, as a whole; a line is given to one mapper; all lines of a key are given to one
// reducer, in the order of their bytes, so that a job of commands that always do the same has always the same output.
package mapreduce
