package ptc_test

import (
	"os"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/vendormodules/ptc"
)

// TestMain lets the test's own program be the agency's: its keepers, and the commands of its images. They end at once,
// without the second that the race detector otherwise takes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "keeper":
			syscall.Exit(ptc.Keeper(os.Args[2:]))
		case "image":
			syscall.Exit(ptc.Image(os.Args[2:]))
		case crashVerb:
			syscall.Exit(crashHost(os.Args[2:]))
		}
	}
	os.Setenv("AGENCY_TEST_SECRET", "planted") // nothing that a machine sees
	goleak.VerifyTestMain(m)
}
