//go:build testbed

package docker_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/docker"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

const agencyID = "agency-docker-test"

// engine is one engine of the testbed, reached by its command line.
type engine string

// engines are those of the testbed; `make testbed-up` starts them.
func engines() map[string]engine {
	home := os.Getenv("TESTBED")
	if home == "" {
		home = "/var/tmp/agency-testbed"
	}
	return map[string]engine{
		"docker": engine("unix://" + filepath.Join(home, "docker", "engine.sock")),
		"podman": engine("unix://" + filepath.Join(home, "podman", "engine.sock")),
	}
}

// run runs a command of the plain docker program at the engine, and returns what it prints.
func (e engine) run(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.Command("docker", append([]string{"--host", string(e)}, arguments...)...)
	var complaints strings.Builder
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("docker %s: %v: %s", strings.Join(arguments, " "), err, complaints.String())
	}
	return strings.TrimSpace(string(output))
}

// count is how many things of the agency's the engine has.
func (e engine) count(t *testing.T) int {
	t.Helper()
	filter := "label=agency.id=" + agencyID
	listed := e.run(t, "ps", "-aq", "--filter", filter) + "\n" + e.run(t, "volume", "ls", "-q", "--filter", filter) + "\n" +
		e.run(t, "network", "ls", "-q", "--filter", filter) + "\n" + e.run(t, "images", "-q", "--filter", filter)
	return len(strings.Fields(listed))
}

// target starts a web server in a container that answers by a name, until the test ends.
func (e engine) target(t *testing.T, name string) vendormodules.Target {
	t.Helper()
	id := e.run(t, "run", "-d", "agency-shell", "sh", "-c", "mkdir /site && echo "+name+" >/site/index.html && exec httpd -f -p 8080 -h /site")
	t.Cleanup(func() { e.run(t, "rm", "-f", id) })
	address := e.run(t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id)
	return vendormodules.Target{Name: name, Address: address, Port: 8080}
}

// program builds what balancers run, linked statically, once for all tests.
var program = sync.OnceValues(func() (string, error) {
	directory, err := os.MkdirTemp("", "agency-docker-test-")
	if err != nil {
		return "", err
	}
	built := filepath.Join(directory, "agency")
	command := exec.Command("go", "build", "-o", built, "./testdata/agency")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w: %s", err, output)
	}
	return built, nil
})

// TestMain takes away what program has made.
func TestMain(m *testing.M) {
	exit := m.Run()
	if built, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(exit)
}

// open opens a module on a configuration.
func open(t *testing.T, configuration string, credentials services.Credentials) *docker.Module {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(configuration), &node); err != nil {
		t.Fatal(err)
	}
	built, err := program()
	if err != nil {
		t.Fatal(err)
	}
	module, err := docker.Open(t.Context(), &node, vendormodules.Environment{
		Vendor: "docker-test", Agency: agencyID, Directory: t.TempDir(), Program: built, Credentials: credentials, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// classes are what the suite makes.
func classes() map[descriptors.ResourceType]descriptors.Class {
	return map[descriptors.ResourceType]descriptors.Class{
		descriptors.Compute:      {Type: descriptors.Compute, Image: "agency-shell", Memory: 64 * quantity.MiB, Run: []string{"exec sleep 86400"}},
		descriptors.Volume:       {Type: descriptors.Volume, Size: quantity.MiB},
		descriptors.Network:      {Type: descriptors.Network, Private: true},
		descriptors.LoadBalancer: {Type: descriptors.LoadBalancer, Targets: "web", Listen: 8080},
	}
}

// against are the engines that Debian 12 has.
var against = map[string]string{"docker": "Docker 20.10.24", "podman": "Podman 4.3.1"}

// TestConformanceOfDocker puts the module through the suite on Docker's engine.
func TestConformanceOfDocker(t *testing.T) { conforms(t, "docker") }

// TestConformanceOfPodman puts the module through the suite on Podman.
func TestConformanceOfPodman(t *testing.T) { conforms(t, "podman") }

// conforms puts the module through the suite on an engine, spoken to by TLS with a client's certificate.
func conforms(t *testing.T, name string) {
	one := engines()[name]
	guard := newGuard(t, strings.TrimPrefix(string(one), "unix://"))
	vendortest.Run(t, vendortest.Provider{
		Agency: agencyID,
		Account: func(t *testing.T) vendortest.Account {
			return vendortest.Account{
				Open:    func(t *testing.T) vendormodules.Module { return open(t, guard.configuration(), guard) },
				Listing: one.count,
			}
		},
		Classes: classes(), Wait: 60 * time.Second, Scripts: vendortest.ShellScripts(), Target: one.target,
		Fetch: vendortest.HTTPFetch, Credential: guard.take, Line: guard.line,
		Against: against[name], Record: "conformance-" + name + ".json",
	})
}

// Credential implements services.Credentials.
func (g *guard) Credential(context.Context, services.Scope) (services.Credential, error) {
	return g.shown(), nil
}
