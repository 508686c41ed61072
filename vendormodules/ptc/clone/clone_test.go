package clone_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/clone"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func nothing(string) bool { return false }

// source is a directory with some of everything.
func source(t *testing.T) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "source")
	must(t, os.MkdirAll(filepath.Join(directory, "deep", "deeper"), 0o750))
	must(t, os.WriteFile(filepath.Join(directory, "deep", "script"), []byte("#!/bin/sh\n"), 0o755))
	must(t, os.WriteFile(filepath.Join(directory, "deep", "deeper", "data"), []byte("held"), 0o640))
	must(t, os.WriteFile(filepath.Join(directory, "left"), []byte("left out"), 0o600))
	must(t, os.Symlink("deep/script", filepath.Join(directory, "near")))
	must(t, os.Symlink(filepath.Join(directory, "deep", "script"), filepath.Join(directory, "deep", "deeper", "own")))
	must(t, os.Symlink("/etc/hostname", filepath.Join(directory, "far")))
	must(t, unix.Mkfifo(filepath.Join(directory, "pipe"), 0o600))
	return directory
}

func TestCopyTo(t *testing.T) {
	from, to := source(t), t.TempDir()
	tree, err := clone.Open(from)
	must(t, err)
	defer tree.Close()
	// What moves after it was opened is copied all the same.
	must(t, os.Rename(from, from+"-moved"))
	for range 2 { // the second time over what the first left
		size, err := tree.CopyTo(t.Context(), to, func(path string) bool { return path == "left" })
		must(t, err)
		if size != 14 {
			t.Errorf("the files hold %d bytes, should be 14", size)
		}
	}
	content, err := os.ReadFile(filepath.Join(to, "deep", "deeper", "data"))
	if err != nil || string(content) != "held" {
		t.Errorf("data holds %q, %v", content, err)
	}
	information, err := os.Stat(filepath.Join(to, "deep", "script"))
	must(t, err)
	if information.Mode().Perm() != 0o755 {
		t.Errorf("script has mode %s", information.Mode())
	}
	for link, target := range map[string]string{"near": "deep/script", "far": "/etc/hostname", "deep/deeper/own": "../script"} {
		if found, err := os.Readlink(filepath.Join(to, link)); err != nil || found != target {
			t.Errorf("%s leads to %q, %v; should be %q", link, found, err, target)
		}
	}
	for _, absent := range []string{"left", "pipe"} {
		if _, err := os.Lstat(filepath.Join(to, absent)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was copied: %v", absent, err)
		}
	}
	// Whatever is done to the copy, the original is as it was.
	must(t, os.WriteFile(filepath.Join(to, "deep", "deeper", "data"), []byte("changed"), 0o640))
	if content, err := os.ReadFile(filepath.Join(from+"-moved", "deep", "deeper", "data")); err != nil || string(content) != "held" {
		t.Errorf("the original holds %q, %v", content, err)
	}
}

func TestAContextEndsIt(t *testing.T) {
	tree, err := clone.Open(source(t))
	must(t, err)
	defer tree.Close()
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := tree.CopyTo(ended, t.TempDir(), nothing); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestNothingLandsOutside(t *testing.T) {
	from, to, outside := t.TempDir(), t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(from, "deep"), 0o700))
	must(t, os.WriteFile(filepath.Join(from, "deep", "data"), []byte("held"), 0o600))
	must(t, os.Symlink(outside, filepath.Join(to, "deep")))
	tree, err := clone.Open(from)
	must(t, err)
	defer tree.Close()
	if _, err := tree.CopyTo(t.Context(), to, nothing); err == nil {
		t.Error("a link of the copy led out of it")
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
		t.Errorf("outside lie %v, %v", left, err)
	}
}
