package vendortest_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

func TestLocalTargetAnswersByItsName(t *testing.T) {
	target := vendortest.LocalTarget(t, "one")
	balancer := vendormodules.Resource{ID: "b", Addresses: []vendormodules.Address{{Address: target.Address}}}
	name, err := vendortest.HTTPFetch(t.Context(), balancer, descriptors.Class{Listen: target.Port})
	if err != nil || name != "one" || target.Name != "one" {
		t.Errorf("%q answers, %v", name, err)
	}
	if _, err := vendortest.HTTPFetch(t.Context(), vendormodules.Resource{ID: "b"}, descriptors.Class{}); err == nil {
		t.Error("a balancer without an address answers")
	}
}

func TestShellScripts(t *testing.T) {
	root := t.TempDir()
	scripts := vendortest.ShellScripts()
	class := descriptors.Class{Type: descriptors.Compute, Run: []string{"false"}}
	prints(t, root, scripts.Print(class, "hello"), "hello")
	prints(t, root, scripts.Write(class, "/kept", "data"), "data")
	if written, err := os.ReadFile(filepath.Join(root, "kept")); err != nil || string(written) != "data\n" {
		t.Errorf("the file has %q, %v", written, err)
	}
	prints(t, root, scripts.Show(class, "/kept"), "data")
	if class.Run[0] != "false" {
		t.Error("the class itself was changed")
	}
}

// prints runs a class's command, and fails the test unless it prints a line and then stays running.
func prints(t *testing.T, root string, class descriptors.Class, line string) {
	t.Helper()
	command := exec.Command("sh", "-c", class.Run[0])
	command.Env = append(os.Environ(), "ROOT="+root)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	printed, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || strings.TrimSpace(printed) != line {
		t.Errorf("it prints %q, %v, and should print %q", printed, err, line)
	}
	if err := command.Process.Kill(); err != nil {
		t.Errorf("it has ended by itself: %v", err)
	}
	if err := command.Wait(); err == nil {
		t.Error("it ended well before it was killed")
	}
}
