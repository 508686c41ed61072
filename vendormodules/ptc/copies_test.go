package ptc_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

func copyOf(source, key string) vendormodules.CopyRequest {
	tags := vendormodules.Tags{Agency: agencyID, Deployment: "deployment-1", Class: "data", Agreement: "agreement-1"}
	return vendormodules.CopyRequest{Key: key, Name: key, Tags: tags, Source: source}
}

// TestASnapshotOfAnAttachedVolume is taken where the volume lies then, and says that its machine ran.
func TestASnapshotOfAnAttachedVolume(t *testing.T) {
	b := newBench(t)
	volume := b.start(request(descriptors.Class{Type: descriptors.Volume, Size: size}, "data-1"))
	asked := request(shell("echo held > $ROOT/mnt/file; echo written"+forever), "writer-1")
	asked.Volumes = []vendormodules.VolumeMount{{Volume: volume.ID, Mount: "/mnt"}}
	machine := b.start(asked)
	b.prints(machine.ID, "written")
	attached, err := b.Snapshot(t.Context(), copyOf(volume.ID, "while-it-runs"))
	if err != nil || attached.Size != size || len(attached.Warnings) != 1 || !strings.Contains(attached.Warnings[0], "its machine ran") {
		t.Errorf("the snapshot is %+v, %v", attached, err)
	}
	if err := b.Stop(t.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	b.until(machine.ID, vendormodules.ResourceStopped)
	stopped, err := b.Snapshot(t.Context(), copyOf(volume.ID, "while-it-stands"))
	if err != nil || len(stopped.Warnings) != 0 {
		t.Errorf("the snapshot is %+v, %v", stopped, err)
	}
	for _, one := range []vendormodules.Resource{attached, stopped} {
		content, err := os.ReadFile(filepath.Join(b.at(one.ID).Data(), "file"))
		if err != nil || string(content) != "held\n" {
			t.Errorf("%s holds %q, %v", one.ID, content, err)
		}
	}
}

// TestAnImageIsTheMachinesOwn has nothing of the volumes, the user data or /tmp, and its image's command still works.
func TestAnImageIsTheMachinesOwn(t *testing.T) {
	b := newBench(t)
	volume := b.start(request(descriptors.Class{Type: descriptors.Volume, Size: size}, "data-1"))
	class := descriptors.Class{Type: descriptors.Compute, Image: "kv-store", Cores: 1, UserData: "a secret of its own"}
	asked := request(class, "db-1")
	asked.Volumes = []vendormodules.VolumeMount{{Volume: volume.ID, Mount: "/mnt/deep"}}
	machine := b.start(asked)
	for name, content := range map[string]string{"etc/motd": "hello", "tmp/scratch": "gone", "mnt/deep/kept": "on the volume"} {
		path := filepath.Join(b.at(machine.ID).Root(), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	image, err := b.Image(t.Context(), copyOf(machine.ID, "db-image"))
	if err != nil || image.Size < 5 {
		t.Fatalf("the image is %+v, %v", image, err)
	}
	for _, absent := range []string{"user-data", "tmp", "mnt/deep"} {
		if _, err := os.Lstat(filepath.Join(b.at(image.ID).Data(), absent)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the image has %s: %v", absent, err)
		}
	}
	again := request(descriptors.Class{Type: descriptors.Compute, Image: "kv-store", Cores: 1}, "db-2")
	again.Image = image.ID
	made := b.start(again)
	if content, err := os.ReadFile(filepath.Join(b.at(made.ID).Root(), "etc/motd")); err != nil || string(content) != "hello" {
		t.Errorf("what is made of it holds %q, %v", content, err)
	}
	if code, printed := b.execute(made.ID, "cat", "bin/kv"); code != 0 || !strings.Contains(printed, "image kv") {
		t.Errorf("what is made of it has no command of its image: %d %q", code, printed)
	}
	if _, err := b.Snapshot(t.Context(), copyOf(machine.ID, "of-a-machine")); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("a snapshot of a machine: %v", err)
	}
}
