package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/archive"
)

func TestPackKeepsToTheMachinesFiles(t *testing.T) {
	root, volume, outside := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(path, content string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(root, "srv", "page"), "a page")
	write(filepath.Join(volume, "kept"), "on the volume")
	write(filepath.Join(outside, "secret"), "the host's")
	err := errors.Join(
		os.Symlink(volume, filepath.Join(root, "srv", "data")),
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(root, "srv", "link")),
		os.Symlink(outside, filepath.Join(root, "srv", "way-out")),
		unix.Mkfifo(filepath.Join(root, "srv", "pipe"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	target := archive.Target{Root: root, Mounts: map[string]string{"/srv/data": volume}}
	var packed bytes.Buffer
	if err := target.Pack(t.Context(), "/srv", &packed); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for reader := tar.NewReader(&packed); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		content, failure := io.ReadAll(reader)
		if err = errors.Join(err, failure); err != nil {
			t.Fatal(err)
		}
		found[header.Name] = string(content)
	}
	want := map[string]string{"/srv/": "", "/srv/page": "a page", "/srv/data/": "", "/srv/data/kept": "on the volume"}
	for name, content := range want {
		if got, there := found[name]; !there || got != content {
			t.Errorf("%s holds %q, should be %q", name, got, content)
		}
		delete(found, name)
	}
	if len(found) > 0 {
		t.Errorf("there is %v too", found)
	}
	for _, path := range []string{"/srv/link", "/srv/way-out/secret"} {
		if err := target.Pack(t.Context(), path, io.Discard); err == nil {
			t.Errorf("%s was packed", path)
		}
	}
	if err := target.Pack(t.Context(), "/no", io.Discard); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}
