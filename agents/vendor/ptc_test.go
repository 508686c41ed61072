package vendor_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc"
)

// onTestbed gives the house the portable testbed, whose machines are processes.
func onTestbed(h *house) {
	directory := filepath.Join(h.directory, "ptc")
	h.open = func(agency string) vendormodules.Module {
		program, err := os.Executable()
		must(h.t, err)
		module, err := ptc.New(h.t.Context(), &yaml.Node{}, vendormodules.Environment{
			Vendor: vendorName, Agency: agency, Directory: directory, Program: program, Now: time.Now, Log: zap.NewNop(),
		})
		must(h.t, err)
		return module
	}
}

// TestEveryVerbOnTheTestbed runs a web server with a volume on a network behind a balancer, for real, over a restart of
// the agent.
func TestEveryVerbOnTheTestbed(t *testing.T) {
	h := newHouse(t, onTestbed)
	web := descriptors.Class{
		Type: descriptors.Compute, Image: "static-web", Cores: 1, Memory: 64 * quantity.MiB, Count: exactly(1),
		Run: []string{"web --listen $ADDRESS:8080 --root $ROOT/srv"}, Volumes: map[string]string{"data": "/data"},
	}
	data := descriptors.Class{Type: descriptors.Volume, Size: 10 * quantity.MiB}
	lan := descriptors.Class{Type: descriptors.Network, Private: true, Members: descriptors.Names{"web", "front"}}
	front := descriptors.Class{
		Type: descriptors.LoadBalancer, Targets: "web", Listen: 8080, TargetPort: 8080, Protocol: "http",
		Check: descriptors.Check{Every: quantity.Duration(200 * time.Millisecond), Timeout: quantity.Duration(time.Second)},
	}
	classes := map[string]descriptors.Class{"web": web, "data": data, "lan": lan, "front": front}
	agreement := h.agree(classes)
	sequences := map[string]uint64{}
	give := func(verb proto.ResourceVerb, class string, change func(*order)) proto.ResourceStatus {
		t.Helper()
		if verb != proto.VerbPrepare {
			sequences[class]++
		}
		made := orderFor(agreement, verb, class, sequences[class])
		if made.Class != nil {
			content := classes[class]
			made.Class = &content
		}
		if change != nil {
			change(&made)
		}
		return h.done(made)
	}
	ref := func(class string) proto.ResourceRef {
		return proto.ResourceRef{Deployment: agreement.Deployment, Class: class, Index: 1, Generation: 1}
	}
	give(proto.VerbPrepare, "web", nil)
	give(proto.VerbCreate, "data", nil)
	give(proto.VerbCreate, "lan", nil)
	must(t, func() error {
		_, _, err := h.deployer.PutObject(t.Context(), vendorName, "site", bytes.NewReader(archive(t, "/srv/index.html", "good day")))
		return err
	}())
	machine := give(proto.VerbCreate, "web", func(o *order) {
		o.Upload, o.Volumes = "site", []proto.MountRef{{Volume: ref("data"), Mount: "/data"}}
		o.Networks = []proto.ResourceRef{ref("lan")}
	})
	address := machine.Addresses[0].Address
	targets := []vendormodules.Target{{Name: "web-1", Address: address, Port: 8080}}
	balancer := give(proto.VerbCreate, "front", func(o *order) {
		o.Networks, o.Targets = []proto.ResourceRef{ref("lan")}, targets
	})
	give(proto.VerbSetTargets, "front", func(o *order) { o.Targets = targets })
	serves := func() {
		t.Helper()
		h.eventually("the balancer serves", func() error {
			response, err := (&http.Client{Timeout: time.Second}).Get("http://" + balancer.Addresses[0].Address + ":8080/index.html")
			if err != nil {
				return err
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err == nil && string(body) != "good day" {
				t.Logf("served %s %q", response.Status, body)
				err = io.ErrUnexpectedEOF
			}
			return err
		})
	}
	serves()
	http.DefaultClient.CloseIdleConnections()
	h.restart()
	serves()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if status := give(proto.VerbStop, "web", nil); status.State != vendormodules.ResourceStopped {
		t.Errorf("it is %s", status.State)
	}
	give(proto.VerbStart, "web", nil)
	give(proto.VerbReboot, "web", nil)
	data1 := ref("data")
	give(proto.VerbDetach, "web", func(o *order) { o.Volume = &data1 })
	give(proto.VerbAttach, "web", func(o *order) { o.Volume, o.Mount = &data1, "/data" })
	serves()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for _, class := range []string{"front", "web", "data", "lan"} {
		if status := give(proto.VerbDelete, class, nil); status.State != vendormodules.ResourceGone {
			t.Errorf("%s is %s", class, status.State)
		}
	}
	if left, err := h.module.List(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// archive is a gzipped tar archive of one file.
func archive(t testing.TB, name, content string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	compressed := gzip.NewWriter(&buffer)
	writer := tar.NewWriter(compressed)
	must(t, writer.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}))
	_, err := writer.Write([]byte(content))
	must(t, err)
	must(t, writer.Close())
	must(t, compressed.Close())
	return buffer.Bytes()
}
