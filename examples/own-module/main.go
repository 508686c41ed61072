// Command own-module runs a vendor agent with a module that is not in the agency's tree.
package main

import (
	"os"

	"github.com/cloud-agency/agency/agents/standalone"
)

func main() { os.Exit(standalone.Main(Kind())) }
