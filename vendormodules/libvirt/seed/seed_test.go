package seed_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"

	"github.com/cloud-agency/agency/vendormodules/libvirt/seed"
)

func TestSeed(t *testing.T) {
	long := bytes.Repeat([]byte("all of it, "), 1<<14)
	below := filepath.Join(t.TempDir(), "below")
	image, err := seed.Seed{Instance: "web-1", Hostname: "web", UserData: long, Files: map[string][]byte{"agency-table": []byte("x")}}.Encode(below)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(below); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
	path := filepath.Join(t.TempDir(), "seed.iso")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := file.OpenFromPath(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	system, err := iso9660.Read(source, int64(len(image)), 0, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if label := strings.TrimRight(system.Label(), "\x00"); label != "cidata" {
		t.Errorf("the label is %q, and cloud-init looks for cidata", label)
	}
	for name, wanted := range map[string][]byte{
		"meta-data": []byte("instance-id: web-1\nlocal-hostname: web\n"), "user-data": long, "agency-table": []byte("x"),
	} {
		opened, err := system.OpenFile("/"+name, os.O_RDONLY)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if content, err := io.ReadAll(opened); err != nil || !bytes.Equal(content, wanted) {
			t.Errorf("%s has %d bytes (%v), and should have %d", name, len(content), err, len(wanted))
		}
	}
}
