//go:build testbed

package remote_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules/cloudinit"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// TestOpenSSH is that of OpenSSH's server, for who runs the test; `testbed/libvirt up` installs it.
func TestOpenSSH(t *testing.T) {
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	prove(t, reach(t, sshd, self.Username))
}

// sshd starts OpenSSH's server in a directory of its own.
func sshd(t *testing.T, host cloudinit.HostKey, login string) string {
	t.Helper()
	directory := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	configuration := write("configuration", fmt.Sprintf(
		"ListenAddress 127.0.0.1\nPort %s\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\n",
		port, write("host", host.Private.Reveal()), write("authorized", login+"\n")))
	server := exec.CommandContext(t.Context(), "/bin/sh", "-c", // it tries every descriptor that it may have, for every login
		"ulimit -n 1024; exec /usr/sbin/sshd -D -e -f "+configuration)
	log := &strings.Builder{}
	server.Stderr = log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Log(log)
		}
	})
	vendortest.Eventually(t, 20*time.Second, "sshd answers", func() error {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		defer connection.Close()
		_, err = io.ReadFull(connection, make([]byte, 4))
		return err
	})
	return address
}
