package ptc_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
)

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAQVeE1H4NkNOtd0s4HYDSDmm6DEFrwRX7t1dhgQk7PJ deploy"

func TestKeysMayLogInToAMachine(t *testing.T) {
	b := newBench(t)
	class := shell("exec sleep 86400")
	class.Keys = descriptors.Names{key, key + "-2"}
	file := filepath.Join(b.at(b.start(request(class, "shell-1")).ID).Root(), "root", ".ssh", "authorized_keys")
	content, err := os.ReadFile(file)
	if err != nil || string(content) != key+"\n"+key+"-2\n" {
		t.Errorf("the keys are %q, %v", content, err)
	}
	for path, want := range map[string]fs.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		information, err := os.Stat(path)
		if err != nil || information.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, want %v: a server of SSH takes no others (%v)", path, information.Mode().Perm(), want, err)
		}
	}
}

// A network on loopback cannot have the addresses that are asked for, nor keep anybody out, and says so.
func TestANetworkSaysWhatItCannotKeep(t *testing.T) {
	b := newBench(t)
	class := descriptors.Class{
		Type: descriptors.Network, Range: "10.20.0.0/24", Rules: []descriptors.NetworkRule{{Protocol: "tcp"}},
	}
	lan := b.start(request(class, "lan-1"))
	if len(lan.Addresses) != 1 || !strings.HasPrefix(lan.Addresses[0].Address, "127.") {
		t.Errorf("its range is %+v", lan.Addresses)
	}
	b.warns(lan.ID, "on the loopback, not of 10.20.0.0/24")
	b.warns(lan.ID, "its rules keep nobody out")
}
