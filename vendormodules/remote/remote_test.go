package remote_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/cloudinit"
	"github.com/cloud-agency/agency/vendormodules/remote"
)

// openKeys makes the keys of an account.
func openKeys(t *testing.T) remote.Keys {
	t.Helper()
	keys, err := remote.OpenKeys(filepath.Join(t.TempDir(), "ssh.key"))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// server starts an SSH server with a host key, at which a public key may log in as user; it returns its address.
type server func(t *testing.T, host cloudinit.HostKey, login string) (address string)

// reach is a way into machine "m", which a server stands for.
func reach(t *testing.T, serve server, user string) *remote.Access {
	t.Helper()
	keys := openKeys(t)
	host, err := keys.HostKey("key-1")
	if err != nil {
		t.Fatal(err)
	}
	login, err := keys.Login()
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, host, login)
	return remote.New(keys, func(_ context.Context, id string) (remote.Machine, error) {
		if id != "m" {
			return remote.Machine{}, vendormodules.ErrNotFound
		}
		return remote.Machine{Address: address, Key: "key-1", User: user}, nil
	})
}

func TestInProcess(t *testing.T) {
	prove(t, reach(t, serve, ""))
}

// prove shows that commands and files work as the contract wants.
func prove(t *testing.T, access *remote.Access) {
	t.Run("commands", func(t *testing.T) { proveCommands(t, access) })
	t.Run("cancellation", func(t *testing.T) { proveCancellation(t, access) })
	t.Run("files", func(t *testing.T) { proveFiles(t, access) })
}

func proveCommands(t *testing.T, access *remote.Access) {
	for _, test := range []struct {
		arguments         []string
		directory         string
		input             string
		exit              int
		stdout, complaint string
	}{
		{arguments: []string{"echo", "it's  two", "$HOME"}, stdout: "it's  two $HOME\n"},
		{arguments: []string{"pwd"}, directory: "/usr", stdout: "/usr\n"},
		{arguments: []string{"cat"}, input: strings.Repeat("line\n", 1<<16), stdout: strings.Repeat("line\n", 1<<16)},
		{arguments: []string{"cat"}},
		{arguments: []string{"false"}, exit: 1},
		{arguments: []string{"sh", "-c", "exit 7"}, exit: 7},
		{arguments: []string{"sh", "-c", "kill -TERM $$"}, exit: 143},
		{arguments: []string{"no-such-program"}, exit: 127, complaint: "no-such-program"},
	} {
		command := vendormodules.Command{Arguments: test.arguments, Directory: test.directory}
		if test.input != "" {
			command.Input = strings.NewReader(test.input)
		}
		var stdout, stderr strings.Builder
		exit, err := access.Execute(t.Context(), "m", command, &stdout, &stderr)
		if err != nil || exit != test.exit || stdout.String() != test.stdout || !strings.Contains(stderr.String(), test.complaint) {
			t.Errorf("%q ends with %d, %v, %d bytes, %q; should be %d, %d bytes, %q", test.arguments, exit, err, stdout.Len(), stderr.String(),
				test.exit, len(test.stdout), test.complaint)
		}
	}
	for id, want := range map[string]error{"other": vendormodules.ErrNotFound} {
		if _, err := access.Execute(t.Context(), id, vendormodules.Command{Arguments: []string{"true"}}, io.Discard, io.Discard); !errors.Is(err, want) {
			t.Errorf("in %s: %v", id, err)
		}
	}
	if _, err := access.Execute(t.Context(), "m", vendormodules.Command{}, io.Discard, io.Discard); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("of nothing: %v", err)
	}
}

// proveCancellation ends a command by its context, and sees that it is gone: its end closes the pipe that it holds.
func proveCancellation(t *testing.T, access *remote.Access) {
	ctx, cancel := context.WithCancel(t.Context())
	started, said := io.Pipe()
	go func() {
		line := make([]byte, 3)
		_, _ = io.ReadFull(started, line)
		cancel()
		_, _ = io.Copy(io.Discard, started)
	}()
	_, err := access.Execute(ctx, "m", vendormodules.Command{Arguments: []string{"sh", "-c", "echo up; exec sleep 3600"}}, said, io.Discard)
	said.Close()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a command whose context ends: %v", err)
	}
	past, done := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer done()
	if err := access.WriteFiles(past, "m", strings.NewReader("")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
}

func proveFiles(t *testing.T, access *remote.Access) {
	root := t.TempDir()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	content := strings.Repeat("all of it, ", 1<<15)
	for _, header := range []tar.Header{
		{Typeflag: tar.TypeReg, Name: root + "/below/a", Mode: 0o640, Size: int64(len(content))},
		{Typeflag: tar.TypeSymlink, Name: root + "/link", Linkname: "/etc"},
		{Typeflag: tar.TypeReg, Name: "../../../../.." + root + "/b", Mode: 0o600},
	} {
		if err := writer.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(writer, content[:header.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := access.WriteFiles(t.Context(), "m", &archive); err != nil {
		t.Fatal(err)
	}
	if written, err := os.ReadFile(root + "/below/a"); err != nil || string(written) != content {
		t.Errorf("%d bytes are written, %v", len(written), err)
	}
	if _, err := os.Lstat(root + "/link"); err == nil {
		t.Error("a link is written")
	}
	reader, err := access.ReadFiles(t.Context(), "m", root+"/")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for entries := tar.NewReader(reader); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		read, err := io.ReadAll(entries)
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = fmt.Sprint(header.FileInfo().Mode().Perm(), len(read))
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if found[root+"/below/a"] != fmt.Sprint(os.FileMode(0o640), len(content)) || found[root+"/b"] == "" {
		t.Errorf("read are %v", found)
	}
	if _, err := access.ReadFiles(t.Context(), "m", root+"/none"); !errors.Is(err, vendormodules.ErrNotFound) {
		t.Errorf("of no file: %v", err)
	}
	garbage := strings.NewReader(strings.Repeat("this is no archive ", 100))
	if err := access.WriteFiles(t.Context(), "m", garbage); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("of no archive: %v", err)
	}
}

func TestAStrangersServerIsNotSpokenTo(t *testing.T) {
	other, keys := openKeys(t), openKeys(t)
	host, err := other.HostKey("key-1")
	if err != nil {
		t.Fatal(err)
	}
	login, err := keys.Login()
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, host, login)
	access := remote.New(keys, func(context.Context, string) (remote.Machine, error) {
		return remote.Machine{Address: address, Key: "key-1"}, nil
	})
	_, err = access.Execute(t.Context(), "m", vendormodules.Command{Arguments: []string{"true"}}, io.Discard, io.Discard)
	if !errors.Is(err, vendormodules.ErrAuthentication) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("a server with another key: %v", err)
	}
	own, err := keys.HostKey("key-1")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := other.Login()
	if err != nil {
		t.Fatal(err)
	}
	address = serve(t, own, stranger)
	_, err = access.Execute(t.Context(), "m", vendormodules.Command{Arguments: []string{"true"}}, io.Discard, io.Discard)
	if !errors.Is(err, vendormodules.ErrAuthentication) {
		t.Errorf("a server that does not let the module in: %v", err)
	}
}

func TestKeysFollowFromTheAccountsSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ssh.key")
	first, err := remote.OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := remote.OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := first.HostKey("a")
	same, err2 := again.HostKey("a")
	other, err3 := again.HostKey("b")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if one.Public != same.Public || one.Public == other.Public {
		t.Errorf("the host keys are %s, %s and %s", one.Public, same.Public, other.Public)
	}
	if text := fmt.Sprintf("%v %+v", one, first); strings.Contains(text, "PRIVATE") {
		t.Errorf("the keys show themselves: %s", text)
	}
}
