package descriptors_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

var update = flag.Bool("update", false, "write what is got as what is wanted")

func source(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestFaults reads the files of testdata/faults. What is expected of each stands in it, in comments at its end.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*/*")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		kind := filepath.Base(filepath.Dir(file))
		t.Run(kind+"/"+filepath.Base(file), func(t *testing.T) {
			content, wanted, _ := strings.Cut(string(source(t, file)), "# want:\n")
			var err error
			switch name := filepath.Base(file); kind {
			case "application":
				_, err = descriptors.ReadApplication(name, []byte(content))
			case "call":
				_, err = descriptors.ReadCall(name, []byte(content))
			case "deployment":
				_, err = descriptors.ReadDeployment(name, []byte(content))
			}
			if err == nil {
				t.Fatal("no faults")
			}
			if *update {
				content += "# want:\n# " + strings.ReplaceAll(err.Error(), "\n", "\n# ") + "\n"
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want := strings.TrimSpace(strings.ReplaceAll("\n"+wanted, "\n# ", "\n"))
			if got := err.Error(); got != want {
				t.Errorf("got\n%s\n\nwant\n%s", got, want)
			}
		})
	}
}

func TestExamplesRead(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		application, err := descriptors.ReadApplication(file, source(t, file))
		if err != nil {
			t.Errorf("%s", err)
		}
		for _, class := range application.Expanded().Resources {
			for path := range class.Files {
				if _, err := os.Stat(filepath.Join("..", "examples", path)); err != nil {
					t.Errorf("%s uploads what is not there: %v", file, err)
				}
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	application, err := descriptors.ReadApplication("a.yaml", []byte(`
name: a
budget: 1 USD/h
resources:
  web: { type: compute, image: x }
  front: { type: load-balancer, targets: web, listen: 80, check: { every: 500ms } }
  lan: { type: network }
`))
	if err != nil {
		t.Fatal(err)
	}
	want := descriptors.Application{
		Name: "a", Budget: application.Budget, Currency: "USD",
		Select: descriptors.Cheapest, OnFailure: descriptors.RollBack,
		Resources: map[string]descriptors.Class{
			"web": {
				Type: descriptors.Compute, Image: "x", Count: quantity.Range{Min: 1, Max: 1}, Cores: 1,
				Memory: 512 * quantity.MiB, Architecture: "x86_64",
			},
			"front": {
				Type: descriptors.LoadBalancer, Targets: "web", Listen: 80, TargetPort: 80, Protocol: "http",
				Check: descriptors.Check{
					Every:   quantity.Duration(500 * time.Millisecond),
					Timeout: quantity.Duration(500 * time.Millisecond),
				},
			},
			"lan": {Type: descriptors.Network},
		},
	}
	if !reflect.DeepEqual(application, want) {
		t.Errorf("got  %+v\nwant %+v", application, want)
	}
	if again := application.WithDefaults(); !reflect.DeepEqual(again, application) {
		t.Errorf("defaults of defaults differ: %+v", again)
	}
	bare, err := descriptors.ReadApplication("b.yaml", []byte("name: b\nresources: { v: { type: volume, size: 1GiB } }"))
	if err != nil || bare.Currency != "EUR" {
		t.Errorf("currency %q, error %v", bare.Currency, err)
	}
}

func TestWithDefaultsLeavesItsArgumentAlone(t *testing.T) {
	given := descriptors.Application{Resources: map[string]descriptors.Class{"web": {Type: descriptors.Compute}}}
	given.WithDefaults()
	if given.Resources["web"].Cores != 0 || given.Currency != "" {
		t.Errorf("changed: %+v", given)
	}
	bound := descriptors.Deployment{Resources: map[string]descriptors.BoundClass{"web": {Class: given.Resources["web"]}}}
	if bound.WithDefaults().Resources["web"].Cores != 1 || bound.Resources["web"].Cores != 0 {
		t.Errorf("changed: %+v", bound)
	}
}

func TestJSONIsReadToo(t *testing.T) {
	application, err := descriptors.ReadApplication("a.json", []byte("{\n\t\"name\":\"a\",\"resources\":{\n\t\t\"web\":"+
		"{\"type\":\"compute\",\"image\":\"x\",\"allow\":{\"5432\":[\"web\"]},\"count\":\"2..3\"}}}"))
	if err != nil {
		t.Fatal(err)
	}
	if allowed := application.Resources["web"].Allow[5432]; !reflect.DeepEqual(allowed, descriptors.Names{"web"}) {
		t.Errorf("allow %v", allowed)
	}
}

// configuration is what an agent or a vendor module might read with the decoder.
type configuration struct {
	Hidden   string
	Skipped  string             `yaml:"-"`
	Name     string             `yaml:"name"`
	Share    float64            `yaml:"share"`
	Small    int8               `yaml:"small"`
	Positive uint16             `yaml:"positive"`
	Verbose  bool               `yaml:"verbose"`
	Limit    *quantity.Bytes    `yaml:"limit"`
	Started  time.Time          `yaml:"started"`
	Module   yaml.Node          `yaml:"module"`
	Sizes    []quantity.Bytes   `yaml:"sizes"`
	Weights  map[uint8]float32  `yaml:"weights"`
	Parts    []part             `yaml:"parts"`
	Function func()             `yaml:"function"`
	Names    descriptors.Names  `yaml:"names"`
	Currency *quantity.Currency `yaml:"currency"`
}

type part struct {
	A int `yaml:"a"`
}

func TestDecodeReadsConfiguration(t *testing.T) {
	var read configuration
	_, faults := descriptors.DecodeBytes("c.yaml", []byte(`
name: 12
share: 0.5
small: -128
positive: 65535
verbose: true
limit: 4GiB
started: 2026-01-02T03:04:05+01:00
module: { image: { sizes: [1, 2] } }
sizes: [1GiB, 2MiB]
weights: { 3: 0.25 }
parts: [ { a: 1 }, { a: 2 } ]
names: one
`), &read)
	if faults != nil {
		t.Fatal(faults)
	}
	if read.Name != "12" || read.Share != 0.5 || read.Small != -128 || read.Positive != 65535 || !read.Verbose ||
		*read.Limit != 4*quantity.GiB || read.Sizes[1] != 2*quantity.MiB || read.Weights[3] != 0.25 ||
		read.Parts[1].A != 2 || read.Names[0] != "one" || read.Currency != nil {
		t.Errorf("read %+v", read)
	}
	if want := time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC); read.Started != want {
		t.Errorf("started %v, want %v", read.Started, want)
	}

	var module struct {
		Image struct {
			Sizes []string `yaml:"sizez"`
		} `yaml:"image"`
	}
	positions, faults := descriptors.Decode("c.yaml", "module", &read.Module, &module)
	want := `c.yaml:9:20  module.image.sizes: no such field; did you mean "sizez"?`
	if faults.Error() != want {
		t.Errorf("got %v, want %s", faults, want)
	}
	later := descriptors.Faults{
		positions.Fault("module.image.sizes[1]", "too large"), positions.KeyFault("module.image", "unknown"),
		positions.Fault("module.image.color", "missing"), positions.Fault("elsewhere", "missing"),
	}
	wantLater := strings.Join([]string{
		"c.yaml:9:31  module.image.sizes[1]: too large", "c.yaml:9:11  module.image: unknown",
		"c.yaml:9:11  module.image.color: missing", "c.yaml  elsewhere: missing",
	}, "\n")
	if later.Error() != wantLater {
		t.Errorf("got\n%v\nwant\n%s", later, wantLater)
	}
}

func TestDecodeReportsEveryFault(t *testing.T) {
	var read configuration
	_, faults := descriptors.DecodeBytes("c.yaml", []byte(`
Hidden: x
share: half
small: 128
positive: -1
verbose: yes
limit: many
started: noon
sizes: 1GiB
weights: { a: 1, 300: 2, 7: .nan, 07: 1, +3: 1, 3: 2 }
parts: [ 1, { b: 2 } ]
function: x
currency:
names: { a: b }
`), &read)
	want := `c.yaml:2:1  Hidden: no such field
c.yaml:3:8  share: "half" is not a number
c.yaml:4:8  small: "128" is not a whole number
c.yaml:5:11  positive: "-1" is not a whole number
c.yaml:6:10  verbose: "yes" is not true or false
c.yaml:7:8  limit: "many" is not a size: sizes carry a unit; write 4GiB or 512MiB
c.yaml:8:10  started: "noon" is not a time such as 2026-03-29T12:00:00Z
c.yaml:9:8  sizes: "1GiB" is not a list
c.yaml:10:12  weights.a: "a" is not a whole number
c.yaml:10:18  weights.300: "300" is not a whole number
c.yaml:10:29  weights.7: ".nan" is not a number
c.yaml:10:35  weights.07: "07" is not a whole number
c.yaml:10:42  weights.+3: "+3" is not a whole number
c.yaml:11:10  parts[0]: "1" is not a mapping of fields
c.yaml:11:15  parts[1].b: no such field; did you mean "a"?
c.yaml:12:11  function: cannot be written in a file
c.yaml:13:10  currency: empty; write a currency such as EUR or leave it out
c.yaml:14:8  names: a mapping is not a name or a list of names`
	if faults.Error() != want {
		t.Errorf("got\n%v\n\nwant\n%s", faults, want)
	}
	if faults.Err() == nil || (descriptors.Faults{}).Err() != nil {
		t.Error("Err does not tell faults from none")
	}
}

func TestLargeSourcesAreRefused(t *testing.T) {
	_, err := descriptors.ReadApplication("a.yaml", make([]byte, descriptors.MaxSource+1))
	if err == nil || err.Error() != "a.yaml  larger than 1 MiB" {
		t.Error(err)
	}
}
