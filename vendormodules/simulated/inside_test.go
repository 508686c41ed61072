package simulated_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// execute runs a command in a machine, and returns what it printed on either side.
func (c *cloud) execute(id, line string) (exit int, printed string) {
	c.t.Helper()
	var text strings.Builder
	exit, err := c.Execute(c.t.Context(), id, vendormodules.Command{Arguments: strings.Fields(line)}, &text, &text)
	must(c.t, err)
	return exit, text.String()
}

// write puts a file into a machine.
func (c *cloud) write(id, name, content string) {
	c.t.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	must(c.t, writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o600}))
	_, err := io.WriteString(writer, content)
	must(c.t, errors.Join(err, writer.Close()))
	must(c.t, c.WriteFiles(c.t.Context(), id, &archive))
}

// TestFilesStayWithWhatHasThem follows one on a volume through another size, a snapshot and another machine.
func TestFilesStayWithWhatHasThem(t *testing.T) {
	c := newCloud(t, "")
	tags := vendormodules.Tags{Agency: agencyID}
	class := descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}
	volume := c.create(vendormodules.Request{Key: "data-1", Tags: tags, Class: class})
	with := func(key, volume string) vendormodules.Resource {
		request := machine(key)
		request.Volumes = []vendormodules.VolumeMount{{Volume: volume, Mount: "/data"}}
		return c.create(request)
	}
	first := with("web-1", volume.ID)
	c.write(first.ID, "/data/list", "milk\n")
	c.write(first.ID, "/list", "own\n")
	must(t, c.Resize(t.Context(), volume.ID, descriptors.Class{Size: 2 * quantity.GiB}))
	kept, err := c.Snapshot(t.Context(), vendormodules.CopyRequest{Key: "kept-1", Tags: tags, Source: volume.ID})
	must(t, err)
	golden, err := c.Image(t.Context(), vendormodules.CopyRequest{Key: "golden-1", Tags: tags, Source: first.ID})
	must(t, err)
	c.write(first.ID, "/data/list", "none\n")
	class.Size = 2 * quantity.GiB
	restored := c.create(vendormodules.Request{Key: "data-2", Tags: tags, Class: class, Snapshot: kept.ID})
	must(t, c.Detach(t.Context(), volume.ID, first.ID))
	for id, want := range map[string]string{restored.ID: "milk\n", volume.ID: "none\n"} {
		if exit, printed := c.execute(with("web-of-"+id, id).ID, "cat /data/list"); exit != 0 || printed != want {
			t.Errorf("it ends with %d and prints %q, want %q", exit, printed, want)
		}
	}
	request := machine("web-9")
	request.Image = golden.ID
	again := c.create(request)
	if _, printed := c.execute(again.ID, "cat /list"); printed != "own\n" {
		t.Errorf("of the image it has %q", printed)
	}
	if exit, _ := c.execute(first.ID, "cat /data/list"); exit != 1 {
		t.Errorf("without its volume cat ends with %d", exit)
	}
}

// TestCommandsTakeTheCloudsTime has one sleep by the injected clock, and another outlived by its machine's end.
func TestCommandsTakeTheCloudsTime(t *testing.T) {
	c := newCloud(t, "{latency: {execute: 2s}}")
	made := c.create(machine("web-1"))
	before := c.now()
	if exit, printed := c.execute(made.ID, "sleep 3600"); exit != 0 || printed != "" {
		t.Errorf("sleep ends with %d and prints %q", exit, printed)
	}
	if took := c.now().Sub(before); took != time.Hour+2*time.Second {
		t.Errorf("it took %s", took)
	}
	exit, printed := c.execute(made.ID, "apt update")
	if exit != 127 || !strings.Contains(printed, "simulated machines run nothing but") {
		t.Errorf("apt ends with %d and prints %q", exit, printed)
	}
	stopping := writer(func(text []byte) (int, error) { return len(text), c.Stop(t.Context(), made.ID) })
	exit, err := c.Execute(t.Context(), made.ID, vendormodules.Command{Arguments: []string{"echo"}}, stopping, io.Discard)
	if exit != 128+9 || err != nil {
		t.Errorf("a command whose machine ends: %d, %v", exit, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Execute(ctx, made.ID, vendormodules.Command{Arguments: []string{"true"}}, io.Discard, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
	c.open("{failures: {execute: {transient: 100%}}}")
	if _, err := c.Execute(t.Context(), made.ID, vendormodules.Command{Arguments: []string{"true"}}, io.Discard, io.Discard); !errors.Is(err, vendormodules.ErrTransient) {
		t.Errorf("where all commands fail: %v", err)
	}
}

// writer is a function that is written to.
type writer func([]byte) (int, error)

func (w writer) Write(text []byte) (int, error) { return w(text) }
