package cloudinit_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/cloudinit"
	"github.com/cloud-agency/agency/vendormodules/services"
)

var update = flag.Bool("update", false, "write the golden files anew")

// web is a machine with everything that a machine may have.
func web() cloudinit.Machine {
	return cloudinit.Machine{
		Request: vendormodules.Request{
			Key: "k-1", Name: "web-1", Volumes: []vendormodules.VolumeMount{{Volume: "vol-1", Mount: "/var/lib/kv"}},
			Class: descriptors.Class{
				Type: descriptors.Compute, Keys: descriptors.Names{"ssh-ed25519 AAAA somebody"},
				Run:         []string{"web --listen $ADDRESS:8080", "echo \"it's\" here"},
				Environment: map[string]string{"GREETING": "it's $HOME", "NAME": "overruled"},
			},
		},
		Volumes:  []cloudinit.Volume{{Mount: "/var/lib/kv", Devices: []string{"/dev/disk/by-id/*vol1", "/dev/xvdf"}}},
		Networks: []cloudinit.Network{{Name: "lan", Range: netip.MustParsePrefix("10.1.2.0/24")}, {Name: "back-end", Address: netip.MustParseAddr("10.9.0.7")}},
		RootKeys: []string{"ssh-ed25519 BBBB agency"},
		HostKey:  cloudinit.HostKey{Private: services.NewSecret("PRIVATE\n"), Public: "ssh-ed25519 CCCC"},
	}
}

// filesOf writes an archive as the agency hands it to modules.
func filesOf(t *testing.T, files map[string][]byte) string {
	t.Helper()
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(zipped)
	for name, content := range files {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o640, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "files.tar.gz")
	if err := os.WriteFile(path, buffer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// noise is what no compression makes smaller.
func noise(length int) []byte {
	random := rand.NewChaCha8([32]byte{1})
	content := make([]byte, length)
	_, _ = random.Read(content)
	return content
}

type config struct {
	Hostname   string   `yaml:"hostname"`
	Keys       []string `yaml:"ssh_authorized_keys"`
	RunCmd     []any    `yaml:"runcmd"`
	Packages   []string `yaml:"packages"`
	WriteFiles []struct {
		Path, Content, Encoding, Permissions string
	} `yaml:"write_files"`
}

// read decodes user data as cloud-init does.
func read(t *testing.T, content []byte) config {
	t.Helper()
	if bytes.HasPrefix(content, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if content, err = io.ReadAll(unzipped); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.HasPrefix(content, []byte("#cloud-config\n")) {
		t.Fatalf("it begins with %.40q", content)
	}
	var decoded config
	if err := yaml.Unmarshal(content, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

// file is a file's content, false if it is not there.
func (c config) file(path string) ([]byte, bool) {
	for _, one := range c.WriteFiles {
		if one.Path != path {
			continue
		}
		if one.Encoding == "b64" {
			content, err := base64.StdEncoding.DecodeString(one.Content)
			return content, err == nil
		}
		return []byte(one.Content), true
	}
	return nil, false
}

func TestUserDataSaysWhatTheMachineBecomes(t *testing.T) {
	data, err := web().UserData(cloudinit.Limit{})
	if err != nil || data.Rest != nil {
		t.Fatalf("%v; the rest is %+v", err, data.Rest)
	}
	golden := filepath.Join("testdata", "web.yaml")
	if *update {
		if err := os.WriteFile(golden, data.Content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(data.Content) {
		t.Errorf("it differs from %s:\n%s", golden, data.Content)
	}
	if again, err := web().UserData(cloudinit.Limit{}); err != nil || string(again.Content) != string(data.Content) {
		t.Error("the same machine has other user data the second time")
	}
}

func TestUserDataFitsTheLimit(t *testing.T) {
	machine := web()
	for _, test := range []struct {
		name       string
		files      int
		commands   int
		limit      cloudinit.Limit
		compressed bool
		rest       bool
		bare       bool
	}{
		{name: "no limit", files: 300_000},
		{name: "plain", files: 100, limit: cloudinit.Limit{Size: 65535, Encoded: true}},
		{name: "compressed", files: 7_000, limit: cloudinit.Limit{Size: 16 << 10}, compressed: true},
		{name: "files are brought", files: 30_000, limit: cloudinit.Limit{Size: 16 << 10}, rest: true},
		{name: "all is brought", files: 10, commands: 30_000, limit: cloudinit.Limit{Size: 16 << 10}, rest: true, bare: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			machine.Request.Files = filesOf(t, map[string][]byte{"/srv/noise": noise(test.files)})
			machine.Request.Class.Run = []string{": " + base64.StdEncoding.EncodeToString(noise(test.commands))}
			data, err := machine.UserData(test.limit)
			if err != nil {
				t.Fatal(err)
			}
			length := len(data.Content)
			if test.limit.Encoded {
				length = base64.StdEncoding.EncodedLen(length)
			}
			if test.limit.Size > 0 && length > test.limit.Size {
				t.Errorf("it has %d bytes of %d", length, test.limit.Size)
			}
			decoded := read(t, data.Content)
			_, archive := decoded.file("/var/lib/agency/files.tar.gz")
			_, pending := decoded.file("/var/lib/agency/pending")
			_, boot := decoded.file("/var/lib/agency/boot")
			if archive == test.rest || pending != test.rest || boot == test.bare || (data.Rest != nil) != test.rest {
				t.Errorf("archive %v, pending %v, boot %v, rest %v", archive, pending, boot, data.Rest != nil)
			}
			if compressed := data.Content[0] == 0x1f; test.compressed && !compressed {
				t.Error("it is not compressed")
			}
		})
	}
	machine.Request.Class.UserData = "#!/bin/sh\n: " + base64.StdEncoding.EncodeToString(noise(20_000))
	if _, err := machine.UserData(cloudinit.Limit{Size: 16 << 10}); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("of a class whose own user data is too large: %v", err)
	}
}

func TestAClassesCloudConfigIsMergedIn(t *testing.T) {
	machine := web()
	machine.Request.Class.UserData = "#cloud-config\npackages: [nginx]\nruncmd: [[touch, /first]]\nssh_authorized_keys: [theirs]\nhostname: other\n"
	data, err := machine.UserData(cloudinit.Limit{})
	if err != nil {
		t.Fatal(err)
	}
	merged := read(t, data.Content)
	if len(merged.Packages) != 1 || merged.Hostname != "other" || len(merged.Keys) != 2 || len(merged.RunCmd) != 2 {
		t.Errorf("merged it is %+v", merged)
	}
	if first, ok := merged.RunCmd[0].([]any); !ok || first[0] != "touch" {
		t.Errorf("the class's command does not run first: %v", merged.RunCmd)
	}
	machine.Request.Class.UserData = "#cloud-config\n\tpackages: ["
	if _, err := machine.UserData(cloudinit.Limit{}); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("of a class whose user data is no YAML: %v", err)
	}
	machine.Request.Class.UserData = "hello"
	if _, err := machine.UserData(cloudinit.Limit{}); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("of a class whose user data is nothing known: %v", err)
	}
}

func TestAClassesScriptStandsBesideTheCloudConfig(t *testing.T) {
	inner := "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"x\"\n\n--x\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--x--\n"
	for own, kind := range map[string]string{
		"#!/bin/sh\necho agency-0\n": "text/x-shellscript", "#cloud-boothook\necho\n": "text/cloud-boothook",
		"## template: jinja\n#cloud-config\n": "text/jinja2", "#include\nhttp://example.org/": "text/x-include-url",
		inner: "multipart/mixed",
	} {
		machine := web()
		machine.Request.Class.UserData = own
		data, err := machine.UserData(cloudinit.Limit{})
		if err != nil {
			t.Fatal(err)
		}
		message, err := mail.ReadMessage(bytes.NewReader(data.Content))
		if err != nil {
			t.Fatal(err)
		}
		_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts := multipart.NewReader(message.Body, parameters["boundary"])
		var contents []string
		var kinds []string
		for {
			part, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(part)
			if err != nil {
				t.Fatal(err)
			}
			contents, kinds = append(contents, string(content)), append(kinds, part.Header.Get("Content-Type"))
		}
		if len(contents) != 2 || !strings.HasPrefix(kinds[1], kind) || own != inner && contents[1] != own {
			t.Errorf("%q becomes %q of %q", own, contents[len(contents)-1], kinds)
		}
		if decoded := read(t, []byte(contents[0])); decoded.Hostname != "web-1" {
			t.Errorf("beside it the machine is called %q", decoded.Hostname)
		}
	}
}

func TestWhatCannotBeWrittenDownIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*cloudinit.Machine){
		"environment": func(m *cloudinit.Machine) { m.Request.Class.Environment = map[string]string{"A; rm": "x"} },
		"device":      func(m *cloudinit.Machine) { m.Volumes[0].Devices = []string{"/dev/$(rm)"} },
		"mount":       func(m *cloudinit.Machine) { m.Volumes[0].Mount = "relative" },
		"volumes":     func(m *cloudinit.Machine) { m.Volumes = nil },
		"files":       func(m *cloudinit.Machine) { m.Request.Files = "/nowhere/files" },
	} {
		machine := web()
		spoil(&machine)
		if _, err := machine.UserData(cloudinit.Limit{}); !errors.Is(err, vendormodules.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// entries are the names in an archive.
func entries(archive io.Reader) ([]string, error) {
	var names []string
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		names = append(names, header.Name)
	}
}
