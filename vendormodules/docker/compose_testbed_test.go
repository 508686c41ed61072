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
	files       []string // further ones than the top level's
}

func (c composition) compose(arguments ...string) (string, error) {
	all := []string{"--project-name", "agency-test", "--file", "docker-compose.yml"}
	for _, file := range c.files {
		all = append(all, "--file", file)
	}
	command := exec.Command("docker-compose", append(all, arguments...)...)
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

// TestCompose brings the agency up in containers, on its own bus and on a NATS server of the user's, deploys an application
// on the engine that runs it, and takes both down.
func TestCompose(t *testing.T) {
	one := engines()["docker"]
	files := t.TempDir()
	must(t, os.WriteFile(filepath.Join(files, "hello.yaml"), []byte(shop), 0o600))
	build := exec.Command("make", "image")
	build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "DOCKER_HOST="+string(one))
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make image: %v\n%s", err, output)
	}
	environment := append(os.Environ(), "DOCKER_HOST="+string(one), "DOCKER_SOCKET="+strings.TrimPrefix(string(one), "unix://"),
		"AGENCY_FILES="+files, "NATS_IMAGE="+natsImage(t, one))
	t.Run("bus", func(t *testing.T) { composition{one, environment, nil}.prove(t) })
	t.Run("nats", func(t *testing.T) { composition{one, environment, []string{"examples/containers/nats.yml"}}.prove(t) })
}

// natsImage builds what NATS's official image is: the server's program, on its path, and nothing beside it.
func natsImage(t *testing.T, one engine) string {
	t.Helper()
	const name = "nats:agency-test"
	directory := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(directory, "nats-server"), "github.com/nats-io/nats-server/v2")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build nats-server: %v\n%s", err, output)
	}
	recipe := "FROM scratch\nENV PATH=/\nCOPY nats-server /nats-server\nENTRYPOINT [\"/nats-server\"]\n"
	must(t, os.WriteFile(filepath.Join(directory, "Dockerfile"), []byte(recipe), 0o600))
	one.run(t, "build", "--quiet", "--tag", name, directory)
	t.Cleanup(func() { one.run(t, "image", "rm", name) })
	return name
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c composition) prove(t *testing.T) {
	t.Cleanup(func() {
		if output, err := c.compose("down", "--volumes", "--timeout", "20"); err != nil {
			t.Errorf("docker-compose down: %v\n%s", err, output)
		}
		if left := c.engine.run(t, "ps", "-aq", "--filter", "label=agency.key"); left != "" {
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
	machine := c.engine.run(t, "ps", "-q", "--filter", "label=agency.name=web-1")
	if logs := c.engine.run(t, "logs", machine); logs != "hello from web-1" {
		t.Errorf("the machine prints %q", logs)
	}
	if output, err := c.client("remove", "-y", "hello"); err != nil || !strings.Contains(output, "hello is removed") {
		t.Errorf("agency remove: %v\n%s", err, output)
	}
}
