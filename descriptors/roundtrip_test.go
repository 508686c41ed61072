package descriptors_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

func TestApplicationsSurviveWritingAndReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		application := anyApplication(t)
		survives(t, application.WithDefaults(), application, descriptors.ReadApplication)
		expanded := application.WithDefaults().Expanded()
		survives(t, expanded, expanded, descriptors.ReadApplication)
	})
}

func TestCallsSurviveWritingAndReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		call := descriptors.Call(anyApplication(t).WithDefaults(), "01J", rapid.IntRange(1, 3).Draw(t, "round"), anyTime(t))
		survives(t, call, call, descriptors.ReadCall)
	})
}

func TestDeploymentsSurviveWritingAndReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		application := anyApplication(t).WithDefaults()
		deployment := descriptors.Deployment{
			ID: "01J", Name: "shop", Application: application.Name, Call: "01K", Created: anyTime(t),
			Currency: application.Currency, Budget: application.Budget, OnFailure: application.OnFailure,
			Resources: map[string]descriptors.BoundClass{},
		}
		for name, class := range application.Resources {
			deployment.Resources[name] = descriptors.BoundClass{
				Class: class, Vendor: "ptc-" + name, Agreement: "01L", Price: anyRate(t, application.Currency),
				Upload: rapid.StringMatching("[a-z]*").Draw(t, "upload"),
			}
		}
		survives(t, deployment, deployment, descriptors.ReadDeployment)
		if !reflect.DeepEqual(deployment.Classes(), application.Resources) {
			t.Fatal("the classes of the deployment are not those of the application")
		}
	})
}

// survives writes a descriptor as YAML and as JSON, and reads both.
func survives[D any](t *rapid.T, want, written D, read func(string, []byte) (D, error)) {
	for name, marshal := range map[string]func(any) ([]byte, error){"yaml": descriptors.EncodeBytes, "json": json.Marshal} {
		source, err := marshal(written)
		if err != nil {
			t.Fatal(err)
		}
		got, err := read("a."+name, source)
		if err != nil {
			t.Fatalf("%v\nin\n%s", err, source)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v\nfrom\n%s", got, want, source)
		}
	}
	source, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var plain D
	if err := json.Unmarshal(source, &plain); err != nil || !reflect.DeepEqual(plain, want) {
		t.Fatalf("plain JSON: %v\ngot  %+v\nwant %+v", err, plain, want)
	}
}

// The names of the classes that anyApplication makes; each kind of class has a name of its own.
var machines = []string{"web", "db", "queue"}

// anyApplication draws an application that makes sense.
func anyApplication(t *rapid.T) descriptors.Application {
	application := descriptors.Application{
		Name: rapid.StringMatching("[a-z]([a-z0-9-]{0,38}[a-z0-9])?").Draw(t, "name"), Description: anyText(t),
		OnFailure: rapid.SampledFrom([]descriptors.FailurePolicy{"", descriptors.RollBack, descriptors.Keep}).Draw(t, "on-failure"),
		Select: rapid.SampledFrom([]descriptors.Selection{
			{}, descriptors.Cheapest, descriptors.MostAvailable, descriptors.Balanced, {Price: 0.7, Availability: 0.3},
		}).Draw(t, "select"),
		Objectives: descriptors.Objectives{
			Availability: rapid.SampledFrom([]quantity.Percent{0, 0.5, 0.999, 1}).Draw(t, "availability"),
			ResponseTime: descriptors.ResponseTime{P95: quantity.Duration(rapid.Int64Range(0, 1e10).Draw(t, "p95"))},
		},
		Resources: map[string]descriptors.Class{},
	}
	if rapid.Bool().Draw(t, "budget") {
		application.Budget = anyRate(t, "USD")
	}
	application.Resources["data"] = descriptors.Class{
		Type: descriptors.Volume, Size: quantity.Bytes(rapid.Int64Range(1, 1<<50).Draw(t, "size")),
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(machines), 1, 3, rapid.ID).Draw(t, "machines") {
		application.Resources[name] = anyMachine(t, name)
	}
	addNetworkAndBalancer(t, application.Resources)
	if rapid.Bool().Draw(t, "has a job") {
		application.Resources["job"] = anyJob(t)
	}
	return application
}

func anyJob(t *rapid.T) descriptors.Class {
	return descriptors.Class{
		Type: descriptors.MapReduce, Image: rapid.SampledFrom([]string{"", "jobs"}).Draw(t, "image"),
		Input: descriptors.Names{"text/", "more.txt"}, Mapper: "map " + anyText(t), Reducer: "reduce " + anyText(t),
		Combiner: anyText(t), Reducers: rapid.IntRange(0, 1000).Draw(t, "reducers"),
		Attempts: rapid.IntRange(0, 100).Draw(t, "attempts"), Networks: descriptors.Names{"lan"},
		Split: rapid.SampledFrom([]quantity.Bytes{0, quantity.KiB, quantity.GiB}).Draw(t, "split"),
	}
}

func addNetworkAndBalancer(t *rapid.T, classes map[string]descriptors.Class) {
	names := slices.Sorted(maps.Keys(classes))
	first := names[len(names)-1] // data comes before or after db, but never last
	if !classes[first].Type.RunsMachines() {
		first = names[0]
	}
	private := rapid.Bool().Draw(t, "private")
	classes["lan"] = descriptors.Class{
		Type: descriptors.Network, Private: private, Span: private && rapid.Bool().Draw(t, "span"),
		Members: descriptors.Names{first, "front"},
		Range:   rapid.SampledFrom([]string{"", "10.20.0.0/24", "192.168.1.8/29"}).Draw(t, "range"),
		Rules:   rapid.SliceOfN(rapid.Custom(func(t *rapid.T) descriptors.NetworkRule { return anyRule(t, first) }), 0, 2).Draw(t, "rules"),
	}
	if lan := classes["lan"]; len(lan.Rules) == 0 {
		lan.Rules = nil
		classes["lan"] = lan
	}
	classes["front"] = descriptors.Class{
		Type: descriptors.LoadBalancer, Targets: first, Listen: rapid.IntRange(1, 65535).Draw(t, "listen"),
		TargetPort: rapid.IntRange(0, 65535).Draw(t, "target-port"),
		Protocol:   rapid.SampledFrom([]string{"", "http", "tcp"}).Draw(t, "protocol"),
		Check: descriptors.Check{
			Path: "/", Every: quantity.Duration(rapid.SampledFrom([]time.Duration{0, time.Second / 10}).Draw(t, "every")),
		},
	}
}

// anyRule is a rule of a network with a member.
func anyRule(t *rapid.T, member string) descriptors.NetworkRule {
	rule := descriptors.NetworkRule{
		Protocol: rapid.SampledFrom([]string{"", "tcp", "udp"}).Draw(t, "protocol"),
		From:     rapid.SampledFrom([]descriptors.Names{nil, {"any"}, {member, "0.0.0.0/0"}, {"10.20.0.0/24"}}).Draw(t, "from"),
		To:       rapid.SampledFrom([]descriptors.Names{nil, {member}, {"front", member}}).Draw(t, "to"),
	}
	if first := rapid.IntRange(0, 65000).Draw(t, "first"); first > 0 {
		rule.Ports = descriptors.PortRange{First: first, Last: first + rapid.IntRange(0, 535).Draw(t, "more")}
	}
	return rule
}

// Public keys that nobody has the private half of.
const (
	aKey       = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAQVeE1H4NkNOtd0s4HYDSDmm6DEFrwRX7t1dhgQk7PJ deploy"
	anotherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPLjPGTNnZMPzAoMV5c1SKFpnlQ7/jO6Lq0hXm3Z9vG3"
)

func anyMachine(t *rapid.T, name string) descriptors.Class {
	class := descriptors.Class{
		Type:  rapid.SampledFrom([]descriptors.ResourceType{descriptors.Compute, descriptors.Cluster}).Draw(t, "type"),
		Image: rapid.StringMatching("[a-z0-9.:/-]+").Draw(t, "image"),
		Cores: rapid.IntRange(0, 1024).Draw(t, "cores"), UserData: anyText(t),
		Memory:       quantity.Bytes(rapid.Int64Range(0, 1<<40).Draw(t, "memory")),
		Architecture: rapid.SampledFrom([]string{"", "x86_64", "arm64"}).Draw(t, "architecture"),
		Isolation:    rapid.SampledFrom([]string{"", "required"}).Draw(t, "isolation"),
		Place: descriptors.Placement{
			Region: anyNames(t), Country: rapid.SampledFrom([]descriptors.Names{nil, {"PT"}, {"GR", "NO"}}).Draw(t, "country"),
			Vendors: descriptors.VendorFilter{Allow: anyNames(t), Deny: anyNames(t)},
			Apart:   rapid.SampledFrom([]descriptors.Names{nil, {descriptors.ApartMachine}}).Draw(t, "apart"),
		},
	}
	if low := rapid.IntRange(0, 5).Draw(t, "low"); low > 0 {
		class.Count = quantity.Range{Min: low, Max: low + rapid.IntRange(0, 3).Draw(t, "more")}
	}
	for range rapid.IntRange(0, 2).Draw(t, "commands") {
		class.Run = append(class.Run, "run "+anyText(t))
	}
	if rapid.Bool().Draw(t, "rich") {
		class.Environment = map[string]string{"A": anyText(t), "B_2": anyText(t)}
		class.Files = map[string]string{"site/": "/srv/site", rapid.StringMatching("[a-z.]*[a-z] ?[a-z]").Draw(t, "file"): "/etc/x"}
		class.Ports = []int{rapid.IntRange(1, 100).Draw(t, "port")}
		class.Allow = map[int]descriptors.Names{rapid.IntRange(101, 65535).Draw(t, "allow"): {name}}
	}
	class.Keys = rapid.SampledFrom([]descriptors.Names{nil, {aKey}, {aKey, anotherKey}}).Draw(t, "keys")
	if name == "db" {
		class.Volumes = map[string]string{"data": "/var/lib/kv"}
	}
	return class
}

// anyText is any text that a YAML file can hold, and that refers to nothing.
func anyText(t *rapid.T) string {
	line := rapid.OneOf(
		rapid.SampledFrom([]string{"yes", "null", "~", "12", "1.5", "- a", "a: b", "#", "", " ", "\t", "'", "\"", "$$", "<<", "é漢😀"}),
		rapid.StringMatching(`[ -#%-~]*`), rapid.StringOfN(rapid.RuneFrom([]rune(" \n:#-'\"{}[]&*!|>%@`é\u0085\u2028\ufeff")), 0, 12, -1),
	)
	return line.Draw(t, "text") + rapid.SampledFrom([]string{"", "\n", "\nmore", "\n\n  indented\n"}).Draw(t, "tail")
}

func anyNames(t *rapid.T) descriptors.Names {
	names := rapid.SliceOfN(rapid.StringMatching("[a-z]{1,3}|[0-9]{1,2}|yes|null"), 0, 3).Draw(t, "names")
	if len(names) == 0 {
		return nil
	}
	return names
}

func anyRate(t *rapid.T, currency quantity.Currency) quantity.Rate {
	return quantity.Rate{PerHour: quantity.Money{Micros: rapid.Int64Range(1, 1<<62).Draw(t, "micros"), Currency: currency}}
}

func anyTime(t *rapid.T) time.Time {
	return time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds")).UTC()
}

func TestSelectionsPrintAsTheirWord(t *testing.T) {
	for text, selection := range map[string]descriptors.Selection{
		"cheapest": descriptors.Cheapest, "most-available": descriptors.MostAvailable, "balanced": descriptors.Balanced,
		"{price: 0.7, availability: 0.3}": {Price: 0.7, Availability: 0.3},
	} {
		if got := fmt.Sprint(selection); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
	var selection descriptors.Selection
	if err := json.Unmarshal([]byte(`"cheap"`), &selection); err == nil {
		t.Error("cheap is read as", selection)
	}
	var names descriptors.Names
	if err := yaml.Unmarshal([]byte("[ a, b ]"), &names); err != nil || len(names) != 2 {
		t.Error(names, err)
	}
	if err := yaml.Unmarshal([]byte("a"), &names); err != nil || len(names) != 1 {
		t.Error(names, err)
	}
	if err := json.Unmarshal([]byte(`"a"`), &names); err != nil || len(names) != 1 {
		t.Error(names, err)
	}
}

func FuzzReadApplication(f *testing.F) { fuzz(f, "application", descriptors.ReadApplication) }

func FuzzReadCall(f *testing.F) { fuzz(f, "call", descriptors.ReadCall) }

func FuzzReadDeployment(f *testing.F) { fuzz(f, "deployment", descriptors.ReadDeployment) }

// fuzz reads anything. What can be read must survive being written and read again; what cannot must say where.
func fuzz[D any](f *testing.F, kind string, read func(string, []byte) (D, error)) {
	for _, pattern := range []string{"../examples/*.yaml", "testdata/faults/" + kind + "/*", "testdata/" + kind + "*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		first, err := read("a.yaml", source)
		if err != nil {
			faults, isFaults := err.(descriptors.Faults) // never wrapped
			if !isFaults || faults[0].Line == 0 && len(source) <= descriptors.MaxSource {
				t.Fatalf("no place: %v", err)
			}
			return
		}
		written, err := descriptors.EncodeBytes(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := read("b.yaml", written)
		if err != nil {
			t.Fatalf("%v\nin\n%s", err, written)
		}
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("first  %+v\nsecond %+v\nby\n%s", first, second, written)
		}
	})
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	for _, value := range []any{
		struct {
			F func() `yaml:"f"`
		}{func() {}}, []complex128{1}, map[string]func(){"a": nil}, map[bool]int{}, map[complex64]int{1: 1},
	} {
		text, err := descriptors.EncodeBytes(value)
		if _, isMap := value.(map[bool]int); isMap {
			continue // empty, so nothing is refused
		}
		if err == nil || !strings.HasSuffix(err.Error(), "cannot be written in a file") {
			t.Errorf("%T is written as %s, error %v", value, text, err)
		}
	}
}

func TestConfigurationIsWritten(t *testing.T) {
	limit := 4 * quantity.GiB
	text, err := descriptors.EncodeBytes(&configuration{
		Hidden: "x", Skipped: "y", Name: "yes", Share: 0.25, Positive: 3, Verbose: true, Limit: &limit,
		Module: yaml.Node{Kind: yaml.ScalarNode, Value: "as it is"}, Weights: map[uint8]float32{2: 1, 10: 0.5},
		Names: descriptors.Names{"12"},
	})
	if err == nil || !strings.Contains(err.Error(), "func()") {
		t.Fatalf("a function is written: %s, error %v", text, err)
	}
	text, err = descriptors.EncodeBytes(&struct {
		part   `yaml:",inline"`
		Limit  *quantity.Bytes   `yaml:"limit"`
		Absent *quantity.Bytes   `yaml:"absent"`
		Module yaml.Node         `yaml:"module"`
		Ports  map[int]float32   `yaml:"ports"`
		Names  descriptors.Names `yaml:"names"`
	}{part{1}, &limit, nil, yaml.Node{Kind: yaml.ScalarNode, Value: "raw"}, map[int]float32{10: 0.5, 2: 1}, descriptors.Names{"12"}})
	want := "a: 1\nlimit: 4GiB\nmodule: raw\nports:\n  2: 1\n  10: 0.5\nnames: \"12\"\n"
	if err != nil || string(text) != want {
		t.Errorf("got\n%s\nwant\n%s\nerror %v", text, want, err)
	}
}
