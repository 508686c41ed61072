// Command agency is the part of the program that balancers run, for tests.
package main

import (
	"os"

	"github.com/cloud-agency/agency/vendormodules/ptc/balancer"
)

func main() { os.Exit(balancer.Main(os.Args[2:], os.Stdout, os.Stderr)) }
