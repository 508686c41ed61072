package script_test

import (
	"archive/tar"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/docker/script"
)

// files are the entries of an archive by name.
func files(t *testing.T, machine script.Machine) map[string]string {
	t.Helper()
	archive, err := script.Archive(machine)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = string(content)
	}
}

func TestAShellReadsTheEnvironment(t *testing.T) {
	found := files(t, script.Machine{
		Name: "web-1", Hostname: "web-1", Run: []string{"one", "two"}, UserData: "#cloud-config", Keys: []string{"ssh-ed25519 AAAA"},
		Environment: map[string]string{"SAID": `it's "$HOME" \ and` + "\nmore", "ADDRESS": "overruled", "ROOT": "/nowhere"},
		Networks:    []script.Network{{Name: "lan", Address: "10.1.0.2"}, {Name: "back-end", Address: "10.2.0.2"}},
	})
	shell := exec.Command("/bin/sh", "-c", found[".agency/environment"]+
		`printf '%s|' "$SAID" "$NAME" "$ADDRESS" "$ADDRESS_LAN" "$ADDRESS_BACK_END" "$ROOT" "$TMPDIR"`)
	shell.Env = []string{}
	printed, err := shell.Output()
	if wanted := `it's "$HOME" \ and` + "\nmore|web-1|10.1.0.2|10.1.0.2|10.2.0.2||/tmp|"; err != nil || string(printed) != wanted {
		t.Errorf("a shell reads %q, %v; should be %q", printed, err, wanted)
	}
	for name, content := range map[string]string{
		".agency/commands/001": "one\n", ".agency/commands/002": "two\n", "user-data": "#cloud-config",
		"root/.ssh/authorized_keys": "ssh-ed25519 AAAA\n",
	} {
		if found[name] != content {
			t.Errorf("%s is %q; should be %q", name, found[name], content)
		}
	}
}

func TestAVariableThatNoShellTakesIsRefused(t *testing.T) {
	if _, err := script.Archive(script.Machine{Environment: map[string]string{"NO-NAME": "x"}}); err == nil ||
		!strings.Contains(err.Error(), "NO-NAME") {
		t.Errorf("the error is %v", err)
	}
}
