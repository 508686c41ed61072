//go:build testbed

package docker_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// composition is the agency of the top level's docker-compose.yml, on the testbed's Docker.
type composition struct {
	engine      engine
	environment []string
}

func (c composition) compose(arguments ...string) (string, error) {
	command := exec.Command("docker-compose", append([]string{"--project-name", "agency-test"}, arguments...)...)
	command.Dir, command.Env = filepath.Join("..", ".."), c.environment
	output, err := command.CombinedOutput()
	return string(output), err
}

// client runs a verb of the agency's client.
func (c composition) client(arguments ...string) (string, error) {
	return c.compose(append([]string{"run", "--rm", "-T", "client"}, arguments...)...)
}

// shop is an application for the one vendor of the composition.
const shop = `name: hello
resources:
  web: { type: compute, image: shell, memory: 64MiB, run: ["echo hello from $NAME; exec sleep 86400"] }
`

// TestCompose brings the agency up in containers, deploys an application on the engine that runs it, and takes both down.
func TestCompose(t *testing.T) {
	one := engines()["docker"]
	socket := strings.TrimPrefix(string(one), "unix://")
	files := t.TempDir()
	if err := os.WriteFile(filepath.Join(files, "hello.yaml"), []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("make", "image")
	build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "DOCKER_HOST="+string(one))
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make image: %v\n%s", err, output)
	}
	c := composition{one, append(os.Environ(), "DOCKER_HOST="+string(one), "DOCKER_SOCKET="+socket, "AGENCY_FILES="+files)}
	t.Cleanup(func() {
		if output, err := c.compose("down", "--volumes", "--timeout", "20"); err != nil {
			t.Errorf("docker-compose down: %v\n%s", err, output)
		}
		if left := one.run(t, "ps", "-aq", "--filter", "label=agency.key"); left != "" {
			t.Errorf("what the agency made is still there: %s", left)
		}
	})
	if output, err := c.compose("up", "-d"); err != nil {
		t.Fatalf("docker-compose up: %v\n%s", err, output)
	}
	vendortest.Eventually(t, 2*time.Minute, "the vendor takes part", func() error {
		_, err := c.client("submit", "hello.yaml", "--accept", "best")
		return err
	})
	for _, step := range []struct {
		verb   []string
		prints string
	}{
		{[]string{"deploy", "hello"}, "hello is running"},
		{[]string{"status", "hello"}, "running"},
		{[]string{"resources"}, "containers"},
	} {
		if output, err := c.client(step.verb...); err != nil || !strings.Contains(output, step.prints) {
			t.Fatalf("agency %s: %v\n%s", strings.Join(step.verb, " "), err, output)
		}
	}
	machine := one.run(t, "ps", "-q", "--filter", "label=agency.name=web-1")
	if logs := one.run(t, "logs", machine); logs != "hello from web-1" {
		t.Errorf("the machine prints %q", logs)
	}
	if output, err := c.client("remove", "-y", "hello"); err != nil || !strings.Contains(output, "hello is removed") {
		t.Errorf("agency remove: %v\n%s", err, output)
	}
}
