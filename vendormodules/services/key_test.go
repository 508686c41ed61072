package services_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

func TestKeyFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	keys := make([]services.Key, 8)
	var opening sync.WaitGroup
	for i := range keys {
		opening.Go(func() {
			var err error
			if keys[i], err = services.LoadOrCreateKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	bytes, err := os.ReadFile(path)
	if err != nil || len(bytes) != 32 {
		t.Fatalf("%d bytes, %v", len(bytes), err)
	}
	information, err := os.Stat(path)
	if err != nil || information.Mode() != 0o600 {
		t.Errorf("mode %v, %v", information.Mode(), err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("left beside it: %v, %v", files, err)
	}
}

func TestKeyFileThatOthersMayReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := services.LoadOrCreateKey(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o610, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := services.LoadOrCreateKey(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestKeyFileThatIsNoneIsRefused(t *testing.T) {
	directory := t.TempDir()
	for name, content := range map[string]int{"empty": 0, "short": 31, "long": 33} {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, bytes.Repeat([]byte("k"), content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := services.LoadOrCreateKey(path); err == nil || strings.Contains(err.Error(), "kk") {
			t.Errorf("%s: %v", name, err)
		}
	}
	link := filepath.Join(directory, "link")
	if err := os.Symlink(filepath.Join(directory, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := services.LoadOrCreateKey(link); err == nil {
		t.Error("followed a link")
	}
	if _, err := services.LoadOrCreateKey(directory); err == nil {
		t.Error("read a directory")
	}
}
