package ptc_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/vendormodules/ptc"
)

// TestMain lets the test's own program be the agency's: its keepers, and the commands of its images.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "keeper":
			os.Exit(ptc.Keeper(os.Args[2:]))
		case "image":
			os.Exit(ptc.Image(os.Args[2:]))
		case crashVerb:
			os.Exit(crashHost(os.Args[2:]))
		}
	}
	goleak.VerifyTestMain(m)
}
