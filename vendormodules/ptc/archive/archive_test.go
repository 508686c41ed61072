package archive_test

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/ptc/archive"
)

// pack writes a plain archive; every file holds its own name.
func pack(t testing.TB, headers ...tar.Header) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "files.tar"))
	if err != nil {
		t.Fatal(err)
	}
	writer := tar.NewWriter(file)
	for _, header := range headers {
		if header.Mode == 0 {
			header.Mode = 0o640
		}
		content := ""
		if header.Typeflag == 0 || header.Typeflag == tar.TypeReg {
			content = header.Name
		}
		header.Size = int64(len(content))
		err = errors.Join(err, writer.WriteHeader(&header))
		_, failure := writer.Write([]byte(content))
		err = errors.Join(err, failure)
	}
	if err := errors.Join(err, writer.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

func TestUnpack(t *testing.T) {
	root, volume := t.TempDir(), t.TempDir()
	target := archive.Target{Root: root, Mounts: map[string]string{"/var/lib/kv": volume}}
	path := pack(t,
		tar.Header{Name: "/etc/dir/", Typeflag: tar.TypeDir, Mode: 0o500},
		tar.Header{Name: "/etc/dir/file", Mode: 0o4755},
		tar.Header{Name: "/../../up", Mode: 0o644},
		tar.Header{Name: "/var/lib/kv/deep/seed"},
		tar.Header{Name: "/var/lib/kvetch"},
		tar.Header{Name: "/etc/absolute", Typeflag: tar.TypeSymlink, Linkname: "/up"},
		tar.Header{Name: "/etc/hard", Typeflag: tar.TypeLink, Linkname: "/etc/dir/file"},
	)
	for range 2 { // a repeat replaces everything
		if err := target.Unpack(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	for file, content := range map[string]string{
		filepath.Join(root, "etc/dir/file"): "/etc/dir/file", filepath.Join(root, "up"): "/../../up",
		filepath.Join(volume, "deep/seed"): "/var/lib/kv/deep/seed", filepath.Join(root, "var/lib/kvetch"): "/var/lib/kvetch",
		filepath.Join(root, "etc/absolute"): "/../../up", filepath.Join(root, "etc/hard"): "/etc/dir/file",
	} {
		if got, err := os.ReadFile(file); string(got) != content {
			t.Errorf("%s holds %q, %v", file, got, err)
		}
	}
	if information, err := os.Stat(filepath.Join(root, "etc/dir/file")); err != nil || information.Mode() != 0o755 {
		t.Errorf("the file's mode is %v, %v", information.Mode(), err)
	}
}

func TestNothingLandsOutside(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"by a relative link": {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "../secret"}, {Name: "out/planted"}},
		"by an absolute link": {
			{Name: "a/b/out", Typeflag: tar.TypeSymlink, Linkname: "/../../../../../../../../tmp"}, {Name: "a/b/out/../../../planted/x"},
			{Name: "c", Typeflag: tar.TypeSymlink, Linkname: "../secret/planted"}, {Name: "c/d"},
		},
		"by a hard link":     {{Name: "in", Typeflag: tar.TypeLink, Linkname: "../secret/key"}},
		"over a link's file": {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "../secret/key"}, {Name: "out"}},
		"as a device":        {{Name: "disk", Typeflag: tar.TypeBlock}},
		"as a pipe":          {{Name: "pipe", Typeflag: tar.TypeFifo}},
	} {
		parent := t.TempDir()
		secret, root := filepath.Join(parent, "secret"), filepath.Join(parent, "root")
		if err := errors.Join(os.Mkdir(secret, 0o700), os.Mkdir(root, 0o700),
			os.WriteFile(filepath.Join(secret, "key"), []byte("key"), 0o600)); err != nil {
			t.Fatal(err)
		}
		err := archive.Target{Root: root}.Unpack(t.Context(), pack(t, headers...))
		if name != "over a link's file" && !errors.Is(err, archive.ErrEntry) {
			t.Errorf("%s: %v, should wrap %q", name, err, archive.ErrEntry)
		}
		left, _ := os.ReadDir(secret)
		if key, err := os.ReadFile(filepath.Join(secret, "key")); string(key) != "key" || err != nil || len(left) != 1 {
			t.Errorf("%s: the secret is %q, %v, with %d files", name, key, err, len(left))
		}
		if linked, err := os.ReadFile(filepath.Join(root, "in")); err == nil {
			t.Errorf("%s: the secret is linked in: %q", name, linked)
		}
	}
}

func TestCopy(t *testing.T) {
	image, root := t.TempDir(), t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(image, "bin", "deep"), 0o755),
		os.WriteFile(filepath.Join(image, "bin", "tool"), []byte("tool"), 0o755),
		os.Symlink("tool", filepath.Join(image, "bin", "alias"))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := (archive.Target{Root: root}).Copy(t.Context(), image); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tool", "alias"} {
		if content, err := os.ReadFile(filepath.Join(root, "bin", name)); string(content) != "tool" {
			t.Errorf("%s is %q, %v", name, content, err)
		}
	}
	if information, err := os.Stat(filepath.Join(root, "bin", "tool")); err != nil || information.Mode().Perm() != 0o755 {
		t.Errorf("the mode is %v, %v", information.Mode(), err)
	}
}

func TestAContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (archive.Target{Root: t.TempDir()}).Unpack(ctx, pack(t, tar.Header{Name: "a"})); !errors.Is(err, context.Canceled) {
		t.Errorf("Unpack: %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, headers := range [][]tar.Header{
		{{Name: "a"}}, {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: ".."}, {Name: "out/b"}},
	} {
		content, err := os.ReadFile(pack(f, headers...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		parent := t.TempDir()
		root, path := filepath.Join(parent, "root"), filepath.Join(parent, "files")
		if err := errors.Join(os.Mkdir(root, 0o700), os.WriteFile(path, content, 0o600)); err != nil {
			t.Fatal(err)
		}
		err := archive.Target{Root: root}.Unpack(t.Context(), path)
		if err != nil && !errors.Is(err, archive.ErrEntry) {
			t.Errorf("an error of another kind: %v", err)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) != 2 {
			t.Errorf("beside the root there are %v, %v", left, err)
		}
	})
}
