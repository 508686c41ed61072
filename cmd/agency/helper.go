package main

import (
	"os"

	"github.com/cloud-agency/agency/vendormodules/ptc"
	"github.com/cloud-agency/agency/vendormodules/ptc/balancer"
)

// runHelper runs the processes that modules start of this program: a keeper for each machine and balancer of ptc, the
// commands of its built-in images, and the balancers of docker. They come before everything else, so that they start fast.
func runHelper(arguments []string) (status int, ours bool) {
	if len(arguments) == 0 {
		return 0, false
	}
	switch arguments[0] {
	case "keeper":
		return ptc.Keeper(arguments[1:]), true
	case "image":
		return ptc.Image(arguments[1:]), true
	case "balancer":
		return balancer.Main(arguments[1:], os.Stdout, os.Stderr), true
	}
	return 0, false
}
