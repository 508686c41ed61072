package vendortest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// brokenVariable names, in a process that TestBroken starts, the broken module that the suite must fail.
const brokenVariable = "VENDORTEST_BROKEN"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSuite runs the suite on the correct module. Run again by TestBroken, it does so on a broken one.
func TestSuite(t *testing.T) {
	breakage := func(_ *memory.Cloud, module *memory.Module) vendormodules.Module { return module }
	if name := os.Getenv(brokenVariable); name != "" {
		breakage = breakages[name].module
	}
	provider := memory.Provider(breakage)
	if os.Getenv(brokenVariable) != "" {
		provider.Wait = waitForBroken
	}
	vendortest.Run(t, provider)
}

// TestEveryTestIsNeeded sees that every test of the suite has a broken module that it finds out.
func TestEveryTestIsNeeded(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-test.run=^TestSuite$", "-test.v")
	command.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("the suite fails the correct module: %v\n%s", err, output)
	}
	needed := map[string]bool{}
	for _, breakage := range breakages {
		kind, _, _ := strings.Cut(breakage.found, "/")
		needed[kind] = true
	}
	for line := range strings.Lines(string(output)) {
		name, found := strings.CutPrefix(strings.TrimSpace(line), "=== RUN   TestSuite/")
		if kind, _, _ := strings.Cut(name, "/"); found && !needed[kind] {
			t.Errorf("no broken module shows that %s finds anything", name)
		}
	}
}

// TestBroken sees the suite fail on every broken module, and in the test that is meant to find it out.
func TestBroken(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, breakage := range breakages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := "^TestSuite$/^" + strings.ReplaceAll(breakage.found, "/", "$/^") + "$"
			command := exec.CommandContext(t.Context(), program, "-test.run="+pattern)
			// A process with the race detector would linger for a second when it exits.
			command.Env = append(os.Environ(), brokenVariable+"="+name, "GORACE=atexit_sleep_ms=0")
			output, err := command.CombinedOutput()
			if err == nil {
				t.Fatalf("the suite passes a module that %s:\n%s", name, output)
			}
			if !strings.Contains(string(output), "--- FAIL: TestSuite/"+breakage.found+" ") {
				t.Errorf("the suite fails a module that %s, but not in %s:\n%s", name, breakage.found, output)
			}
			if !strings.Contains(string(output), breakage.says) {
				t.Errorf("the failure of a module that %s does not say %q:\n%s", name, breakage.says, output)
			}
		})
	}
}

func TestCapabilities(t *testing.T) {
	whole := memory.New().Open(memory.Agency)
	for _, capability := range vendortest.Capabilities(whole) {
		if lacks := capability.Name == "isolation"; capability.Has == lacks {
			t.Errorf("%s: %v", capability.Name, capability)
		}
	}
	bare := struct{ vendormodules.Module }{described{whole}}
	for _, capability := range vendortest.Capabilities(bare) {
		if !capability.Has && capability.Reason == "" {
			t.Errorf("%s is missing without a reason", capability.Name)
		}
		switch capability.Name {
		case "power":
			if capability.Reason != "power is the customer's business" {
				t.Errorf("the reason is %q, and should be the description's note", capability.Reason)
			}
		case "console":
			if capability.Has || !strings.Contains(capability.Reason, "vendormodules.Console") {
				t.Errorf("console: %v", capability)
			}
		}
	}
}

// described has a note that says why there is no power.
type described struct{ vendormodules.Module }

func (d described) Describe() vendormodules.Description {
	description := d.Module.Describe()
	description.Notes = []string{"power is the customer's business"}
	return description
}
