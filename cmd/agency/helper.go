package main

import "github.com/cloud-agency/agency/vendormodules/ptc"

// runHelper runs the processes that the ptc module starts of this program: a keeper for each machine and balancer, and
// the commands of the built-in images. They come before everything else, so that they start fast.
func runHelper(arguments []string) (status int, ours bool) {
	if len(arguments) == 0 {
		return 0, false
	}
	switch arguments[0] {
	case "keeper":
		return ptc.Keeper(arguments[1:]), true
	case "image":
		return ptc.Image(arguments[1:]), true
	}
	return 0, false
}
