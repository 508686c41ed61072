package descriptors_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cloud-agency/agency/descriptors"
)

// beside are the files that lie beside a descriptor.
func beside() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"deploy.pub":     file(aKey + "\n"),
		"keys/other.pub": file(anotherKey),
		"secret.pub":     file("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n"),
		"two.pub":        file(aKey + "\n" + anotherKey + "\n"),
	}
}

const keyed = `
name: a
resources:
  web: { type: compute, image: x, keys: [ ./deploy.pub, keys/other.pub ] }
`

func TestKeysAreReadFromBesideTheDescriptor(t *testing.T) {
	application, err := descriptors.ReadApplicationBeside(beside(), "a.yaml", []byte(keyed))
	if err != nil {
		t.Fatal(err)
	}
	want := descriptors.Names{aKey, anotherKey}
	if got := application.Resources["web"].Keys; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := application.Check(); err != nil {
		t.Errorf("what was read does not stand by itself: %v", err)
	}
	if call := descriptors.Call(application, "01J", 1, time.Now()); call.Classes["web"].Keys != nil {
		t.Error("vendors learn the keys when they are asked for a price")
	}
}

// A descriptor is read without its files too, as an editor does, but what is sent must not name them.
func TestKeysInFilesAreNotSent(t *testing.T) {
	application, err := descriptors.ReadApplication("a.yaml", []byte(keyed))
	if err != nil {
		t.Fatal(err)
	}
	err = application.Check()
	if err == nil || !strings.Contains(err.Error(), `"./deploy.pub" is the path of a file`) {
		t.Errorf("names of files pass: %v", err)
	}
}

func TestFilesThatHoldNoKey(t *testing.T) {
	_, err := descriptors.ReadApplicationBeside(beside(), "a.yaml", []byte(`
name: a
resources:
  web:
    type: compute
    image: x
    keys: [ secret.pub, two.pub, missing.pub, deploy.pub, ./deploy.pub ]
`))
	want := `a.yaml:7:13  resources.web.keys: "secret.pub": a private key is given to nobody; write the public one, from the file that ends in .pub
a.yaml:7:25  resources.web.keys: "two.pub": more than one line; a key is one line such as ssh-ed25519 AAAA... name
a.yaml:7:34  resources.web.keys: "missing.pub" cannot be read: file does not exist
a.yaml:7:59  resources.web.keys: the same key is there twice`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// What is written in the place of a public key may be a private one: no fault shows any of it.
func TestPrivateKeysAreNotShown(t *testing.T) {
	for _, file := range []string{"application/keys.yaml"} {
		content, err := os.ReadFile(filepath.Join("testdata/faults", file))
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(content), "# want:")
		_, err = descriptors.ReadApplication(file, []byte(text))
		if err == nil || strings.Contains(err.Error(), "b3BlbnNzaC1rZXk") {
			t.Errorf("shown: %v", err)
		}
	}
}
