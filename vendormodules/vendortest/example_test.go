package vendortest_test

import (
	"fmt"

	"github.com/cloud-agency/agency/vendormodules/vendortest"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// The table that Run logs before it begins.
func ExampleCapabilities() {
	module := memory.New().Open("agency-1")
	for _, capability := range vendortest.Capabilities(module) {
		fmt.Println(capability)
	}
	// Output:
	// compute        yes
	// volume         yes
	// network        yes
	// load-balancer  yes
	// power          yes
	// attach         yes
	// set-targets    yes
	// measure        yes
	// console        yes
	// execute        yes
	// files          yes
	// snapshot       yes
	// image          yes
	// resize         yes
	// catalogue      yes
	// keys           yes
	// rules          yes
	// range          yes
	// credentials    yes
	// create-token   yes
	// isolation      no: its description promises none
}
