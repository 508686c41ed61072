package standalone_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/conformance"
	"github.com/cloud-agency/agency/agents/standalone"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/simulated"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// build makes examples/own-module in a directory that has nothing else, as somebody would who starts a tree of his own,
// and returns the program. Modules come from this machine's cache alone.
func build(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	must(t, err)
	directory := t.TempDir()
	must(t, os.CopyFS(directory, os.DirFS(filepath.Join(root, "examples", "own-module"))))
	module, err := os.ReadFile(filepath.Join(directory, "go.mod"))
	must(t, err)
	module = bytes.ReplaceAll(module, []byte("=> ../.."), []byte("=> "+root))
	must(t, os.WriteFile(filepath.Join(directory, "go.mod"), module, 0o600))
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(directory, "go.sum"), sums, 0o600))
	program := filepath.Join(directory, "own-module")
	command := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", program, ".")
	command.Dir, command.Env = directory, append(os.Environ(), "GOPROXY=off", "GOSUMDB=off", "GOFLAGS=", "GOWORK=off")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

// process is a program that is killed and started again.
type process struct {
	make    func() *exec.Cmd
	running *exec.Cmd
}

func (p *process) start() error {
	p.running = p.make()
	return p.running.Start()
}

func (p *process) kill() {
	_ = p.running.Process.Kill() // gone already is as good
	_ = p.running.Wait()         // killed is no exit code
}

// TestAModuleOfOnesOwn builds a vendor agent with a module that is not in this tree and puts it through the protocol.
func TestAModuleOfOnesOwn(t *testing.T) {
	program := build(t)
	bench, err := conformance.OpenBench(t.Context(), conformance.BenchOptions{Directory: t.TempDir(), Vendor: "shelves"})
	must(t, err)
	defer func() { must(t, bench.Close()) }()
	directory := t.TempDir()
	file := filepath.Join(directory, "shelves.creds")
	must(t, bench.Credentials().Save(file))
	var log bytes.Buffer
	agent := process{make: func() *exec.Cmd {
		command := exec.Command(program, "--credentials", file, "--data", filepath.Join(directory, "data"),
			"--config", filepath.Join(filepath.Dir(program), "try.yaml"))
		command.Stderr = &log
		return command
	}}
	must(t, agent.start())
	defer agent.kill()
	report, err := conformance.Run(t.Context(), conformance.Options{
		Bench: bench,
		Restart: func(context.Context) error {
			agent.kill()
			return agent.start()
		},
	}, func(check conformance.Check) {
		if check.Result == conformance.Failed {
			t.Errorf("%s: %s", check.Name, check.Reason)
		}
	})
	must(t, err)
	if !report.Conforms() || report.Passed < 90 {
		agent.kill()
		t.Errorf("%d checks passed\n%s", report.Passed, &log)
	}
}

// TestWhatItIsGiven runs the program with what makes no sense.
func TestWhatItIsGiven(t *testing.T) {
	directory := t.TempDir()
	authority, err := bus.OpenAuthority(filepath.Join(directory, "authority"))
	must(t, err)
	save := func(identity proto.Identity) string {
		credentials, err := authority.Enrol(identity)
		must(t, err)
		file := filepath.Join(directory, identity.String())
		must(t, credentials.Save(file))
		return file
	}
	write := func(name, content string) string {
		file := filepath.Join(directory, name)
		must(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	vendor, broker := save(proto.Vendor("mine")), save(proto.Agent(proto.RoleBroker))
	one := []vendormodules.Kind{simulated.Kind()}
	for name, given := range map[string]struct {
		kinds     []vendormodules.Kind
		arguments []string
		says      string
	}{
		"nothing":            {one, nil, "give --credentials"},
		"an unknown flag":    {one, []string{"--colour"}, "colour"},
		"words":              {one, []string{"--credentials", vendor, "now"}, "flags only"},
		"no such file":       {one, []string{"--credentials", vendor + "x"}, "no such file"},
		"another role":       {one, []string{"--credentials", broker}, "credentials of broker"},
		"no kind chosen":     {nil, []string{"--credentials", vendor}, "give --config"},
		"no such vendor":     {one, []string{"--credentials", vendor, "--config", write("a", "vendors: { other: { module: simulated } }")}, "no vendor mine"},
		"no module":          {one, []string{"--credentials", vendor, "--config", write("b", "vendors: { mine: { region: x } }")}, "names no module"},
		"not a mapping":      {one, []string{"--credentials", vendor, "--config", write("c", "vendors: { mine: simulated }")}, "write a mapping"},
		"an unknown setting": {one, []string{"--credentials", vendor, "--config", write("d", "vendor: {}")}, `d:1:1`},
		"no such module": {
			one, []string{"--credentials", vendor, "--nats", "nats://127.0.0.1:1", "--data", filepath.Join(directory, "data"), "--config",
				write("e", "vendors: { mine: { module: simulatd } }")}, `did you mean "simulated"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			err := standalone.Run(t.Context(), given.kinds, given.arguments, &log)
			if err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), given.says) {
				t.Errorf("said %v, want %q", err, given.says)
			}
		})
	}
}
