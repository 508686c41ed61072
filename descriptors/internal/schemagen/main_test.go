package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

const (
	schemas  = "../../../docs/schemas"
	examples = "../../../examples"
)

func TestSchemasAndReferenceAreUpToDate(t *testing.T) {
	committed, err := filepath.Abs(filepath.Dir(schemas))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	fresh := t.TempDir()
	if err := os.Mkdir(filepath.Join(fresh, "schemas"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := write(fresh); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"descriptor-reference.md", "schemas/application.schema.json", "schemas/call-for-proposals.schema.json",
		"schemas/deployment.schema.json",
	} {
		if !bytes.Equal(read(t, filepath.Join(fresh, name)), read(t, filepath.Join(committed, name))) {
			t.Errorf("%s is out of date; run go generate ./descriptors", name)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// check validates a YAML document against one of the committed schemas.
func check(t *testing.T, schema string, document []byte) error {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(filepath.Join(schemas, schema+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(document, &node); err != nil {
		t.Fatal(err)
	}
	keysToText(&node)
	var value any
	if err := node.Decode(&value); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(instance)
}

// keysToText makes the keys of mappings text, as they are in JSON.
func keysToText(node *yaml.Node) {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			child.Tag = "!!str"
		}
		keysToText(child)
	}
}

func TestExamplesFit(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, file := range files {
		if err := check(t, "application", read(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

const class = "web: { type: compute, image: x, count: 3, environment: { A: 1 }, allow: { 80: web } }"

func TestFitting(t *testing.T) {
	for schema, document := range map[string]string{
		"application": "name: a\nselect: { price: 0.7, availability: 0.3 }\nresources: { " + class + " }",
		"call-for-proposals": "id: 01J\nround: 1\ncurrency: EUR\nreply-by: 2026-01-02T03:04:05Z\n" +
			"classes: { " + class + " }",
		"deployment": "id: 01J\nname: a\nresources: { web: { type: volume, size: 1.5GiB, vendor: v, agreement: a } }",
	} {
		if err := check(t, schema, []byte(document)); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

func TestBadOnesDoNotFit(t *testing.T) {
	good := "name: shop\nbudget: 120 EUR/month\nresources: { web: { type: compute, image: x, memory: 1GiB, ports: [ 80 ] } }"
	if err := check(t, "application", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"name: shop", "name: Web_Shop"},
		{"name: shop", "name: " + strings.Repeat("a", 41)},
		{"name: shop", "title: shop"},
		{"budget: 120 EUR/month", "budget: 120 EUR"},
		{"budget: 120 EUR/month", "budget: 120"},
		{"budget: 120 EUR/month", "select: dearest"},
		{"budget: 120 EUR/month", "select: { price: 2 }"},
		{"budget: 120 EUR/month", "objectives: { availability: 99,9% }"},
		{"budget: 120 EUR/month", "on-failure: shrug"},
		{"type: compute", "type: computer"},
		{"type: compute, ", ""},
		{"web:", "Web:"},
		{"memory: 1GiB", "memory: 1024"},
		{"memory: 1GiB", "memroy: 1GiB"},
		{"memory: 1GiB", "count: 2-6"},
		{"memory: 1GiB", "count: 0"},
		{"memory: 1GiB", "cores: 2000"},
		{"memory: 1GiB", "allow: { http: web }"},
		{"ports: [ 80 ]", "ports: [ 70000 ]"},
		{"web: { type: compute, image: x, memory: 1GiB, ports: [ 80 ] }", ""},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if err := check(t, "application", []byte(bad)); err == nil {
			t.Errorf("fits:\n%s", bad)
		}
	}
}
