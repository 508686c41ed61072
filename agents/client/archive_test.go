package client_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/descriptors"
)

func writeFile(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func site(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	writeFile(t, filepath.Join(directory, "site", "index.html"), "hello", 0o644)
	writeFile(t, filepath.Join(directory, "site", "cgi", "run.sh"), "#!/bin/sh", 0o755)
	writeFile(t, filepath.Join(directory, "app.conf"), "port=1", 0o600)
	return directory
}

func TestPackPutsFilesAtTheirPlaces(t *testing.T) {
	var archive bytes.Buffer
	files := map[string]string{"site/": "/srv/site", "app.conf": "/etc/app.conf"}
	if _, err := client.Pack(site(t), files, &archive); err != nil {
		t.Fatal(err)
	}
	unpacked, err := gzip.NewReader(&archive)
	if err != nil {
		t.Fatal(err)
	}
	var entries []string
	for reader := tar.NewReader(unpacked); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, fmt.Sprintf("%s %o %q", header.Name, header.Mode, content))
	}
	want := []string{
		`/etc/app.conf 600 "port=1"`, `/srv/site/ 755 ""`, `/srv/site/cgi/ 755 ""`, `/srv/site/cgi/run.sh 755 "#!/bin/sh"`,
		`/srv/site/index.html 644 "hello"`,
	}
	if strings.Join(entries, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(entries, "\n"), strings.Join(want, "\n"))
	}
}

func TestEqualFilesGiveAnEqualArchive(t *testing.T) {
	first, second := site(t), site(t)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(second, "app.conf"), old, old); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"site/": "/srv/site", "app.conf": "/etc/app.conf"}
	var one, other bytes.Buffer
	nameOfOne, err := client.Pack(first, files, &one)
	if err != nil {
		t.Fatal(err)
	}
	nameOfOther, err := client.Pack(second, files, &other)
	if err != nil {
		t.Fatal(err)
	}
	if nameOfOne != nameOfOther || !bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Errorf("%s and %s", nameOfOne, nameOfOther)
	}
	writeFile(t, filepath.Join(second, "app.conf"), "port=2", 0o600)
	changed, err := client.Pack(second, files, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if changed == nameOfOne {
		t.Error("other files have the same name")
	}
}

func TestPackRefusesWhatIsNotBesideTheDescriptor(t *testing.T) {
	directory := site(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(directory, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("app.conf", filepath.Join(directory, "site", "near")); err != nil {
		t.Fatal(err)
	}
	for source, part := range map[string]string{
		"missing": "no such file", "site": `write "site/"`, "app.conf/": "without the slash", "../x": "below the descriptor's",
		"/etc/passwd": "below the descriptor's", "link": "link", "site/": "neither a file nor a directory",
	} {
		_, err := client.Pack(directory, map[string]string{source: "/x"}, io.Discard)
		if client.ClassOf(err) != client.BadInput || !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("%s: %v, want bad input with %q", source, err, part)
		}
	}
}

func TestUploadPutsEachArchiveOnce(t *testing.T) {
	a := newAgency(t, "deployer")
	application := descriptors.Application{Resources: map[string]descriptors.Class{
		"web":   {Files: map[string]string{"site/": "/srv/site"}},
		"again": {Files: map[string]string{"site/": "/srv/site"}},
		"db":    {},
	}}
	uploads, err := a.client.UploadFiles(t.Context(), application, site(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(uploads) != 2 || uploads["web"] != uploads["again"] || !strings.HasPrefix(uploads["web"], "sha256-") {
		t.Fatalf("uploads %v", uploads)
	}
	object, err := a.peers["deployer"].GetObject(t.Context(), "deployer", uploads["web"])
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(object)
	if err != nil || object.Close() != nil || len(content) == 0 {
		t.Fatalf("%d bytes, %v", len(content), err)
	}

	application.Resources["web"].Files["missing"] = "/x"
	_, err = a.client.UploadFiles(t.Context(), application, site(t))
	wantError(t, err, client.BadInput)
	if want := "resources.web.files: missing: no such file beside the descriptor"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestUploadBringsAJobsInputToItsCoordinator(t *testing.T) {
	a := newAgency(t, "deployer")
	application := descriptors.Application{Resources: map[string]descriptors.Class{"words": {
		Type: descriptors.MapReduce, Input: descriptors.Names{"site/"}, Files: map[string]string{"app.conf": "/etc/app.conf"},
	}}}
	uploads, err := a.client.UploadFiles(t.Context(), application, site(t))
	if err != nil || len(uploads) != 2 || uploads["words"] == uploads["words-coordinator"] || uploads["words-coordinator"] == "" {
		t.Fatalf("uploads %v, %v", uploads, err)
	}
	application.Resources["words"] = descriptors.Class{Type: descriptors.MapReduce, Input: descriptors.Names{"missing"}}
	_, err = a.client.UploadFiles(t.Context(), application, site(t))
	wantError(t, err, client.BadInput)
	if want := "resources.words.input: missing: no such file beside the descriptor"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q, want %q", err, want)
	}
}
