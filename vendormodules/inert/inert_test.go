package inert_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/inert"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// names are the entries of an archive, with spaces between.
func names(t *testing.T, archive []byte) string {
	t.Helper()
	var found []string
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(found, " ")
		}
		must(t, err)
		found = append(found, header.Name)
	}
}

// TestVolumesTakeTheirFilesAlong has one mounted elsewhere, and a clone that stays as it was.
func TestVolumesTakeTheirFilesAlong(t *testing.T) {
	volume := &inert.Disk{}
	first := inert.Tree{Root: &inert.Disk{}, Mounts: map[string]*inert.Disk{"/data": volume}}
	must(t, first.Put("/data/below/list", []byte("milk")))
	must(t, first.Put("/own", []byte("mine")))
	kept := volume.Clone()
	must(t, first.Put("/data/below/list", []byte("none")))

	second := inert.Tree{Root: &inert.Disk{}, Mounts: map[string]*inert.Disk{"/srv/other/": volume}}
	if content, there := second.File("/srv/other/below/list"); !there || string(content) != "none" {
		t.Errorf("the volume has %q, %v", content, there)
	}
	if _, there := second.File("/own"); there {
		t.Error("a machine has another's file")
	}
	again := inert.Tree{Root: kept}
	if content, _ := again.File("/below/list"); string(content) != "milk" {
		t.Errorf("the clone has %q", content)
	}
	archive, err := second.Pack("/srv")
	must(t, err)
	if got := names(t, archive); got != "/srv/other/ /srv/other/below/list" {
		t.Errorf("packed are %s", got)
	}
	archive, err = first.Pack("/")
	must(t, err)
	if got := names(t, archive); got != "/data/ /data/below/list /own" {
		t.Errorf("packed are %s", got)
	}
	if _, err := first.Pack("/nothing"); !errors.Is(err, vendormodules.ErrNotFound) {
		t.Errorf("pack nothing: %v", err)
	}
	read, err := inert.Read(bytes.NewReader(archive))
	must(t, err)
	third := inert.Tree{Root: &inert.Disk{}}
	must(t, third.Unpack(read))
	if content, _ := third.File("/own"); string(content) != "mine" {
		t.Errorf("unpacked is %q", content)
	}
}

func TestWhatADiskDoesNotTake(t *testing.T) {
	tree := inert.Tree{Root: &inert.Disk{}}
	must(t, tree.Put("/a", []byte("first")))
	if err := tree.Put("/a/b", nil); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("a file in a file: %v", err)
	}
	half := make([]byte, inert.MostBytes/2+1)
	must(t, tree.Put("/half", half))
	if err := tree.Put("/other", half); !errors.Is(err, vendormodules.ErrNoCapacity) {
		t.Errorf("more than it holds: %v", err)
	}
	must(t, tree.Put("/half", half)) // in the other's place
}

func TestFewProgramsAreAnswered(t *testing.T) {
	var slept time.Duration
	machine := inert.Machine{
		Name: "web-1", Tree: inert.Tree{Root: &inert.Disk{}}, Refusal: "nothing runs here",
		Sleep: func(ctx context.Context, length time.Duration) error { slept += length; return ctx.Err() },
	}
	must(t, machine.Tree.Put("/srv/list", []byte("milk\n")))
	for line, want := range map[string]struct {
		exit         int
		says, regret string
	}{
		"echo two words":     {0, "two words\n", ""},
		"hostname":           {0, "web-1\n", ""},
		"pwd":                {0, "/srv\n", ""},
		"cat list /srv/list": {0, "milk\nmilk\n", ""},
		"cat nothing list":   {1, "milk\n", "cat: nothing: no such file\n"},
		"cat":                {0, "typed", ""},
		"true":               {0, "", ""},
		"false":              {1, "", ""},
		"sleep 1.5 2":        {0, "", ""},
		"sleep soundly":      {1, "", "sleep: soundly is no number of seconds\n"},
		"apt install":        {127, "", "apt: not found: nothing runs here\n"},
	} {
		var says, regret strings.Builder
		command := vendormodules.Command{Arguments: strings.Fields(line), Directory: "/srv", Input: strings.NewReader("typed")}
		exit, err := machine.Run(t.Context(), command, &says, &regret)
		if err != nil || exit != want.exit || says.String() != want.says || regret.String() != want.regret {
			t.Errorf("%s ends with %d, prints %q and %q: %v", line, exit, says.String(), regret.String(), err)
		}
	}
	if slept != 3500*time.Millisecond {
		t.Errorf("it slept %s", slept)
	}
}
