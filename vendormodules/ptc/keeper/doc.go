// Package keeper is the small process that each machine and each balancer has, so that they outlive the agency without a
// daemon.
//
// A keeper is the only one of its directory, by a lock; it is known by its process number and start time, which it
// writes into the directory's status. It adopts whatever its machine's processes leave behind, starts commands again
// that end, and at SIGTERM ends the whole tree before it goes itself. Should it be killed, the kernel kills the commands
// it started, and whoever notices kills the rest, which is known by a mark in the environment and by its control groups.
//
// Launcher is the other side: how the module starts and ends keepers and sees what they keep.
package keeper
