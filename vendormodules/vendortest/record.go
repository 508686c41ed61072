package vendortest

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules"
)

// Record is what the suite found out about a module at one provider, to be read by whoever documents it.
type Record struct {
	Kind    string `json:"kind"`
	Version string `json:"version"`
	// Against is what the module was tested against.
	Against      string       `json:"against"`
	Capabilities []Capability `json:"capabilities"`
	// Weather says that the module was seen to bear a cloud that is slow, throttles, and drops connections.
	Weather bool `json:"weather"`
	// Lineless says why it was not, of a cloud that has no way to it which could be bad.
	Lineless string `json:"lineless,omitempty"`
	// Unproven are the tests that the provider cannot show anything by, with the reason.
	Unproven map[string]string `json:"unproven,omitempty"`
	// Passed says that the module passed the suite, whole and in one run.
	Passed bool `json:"passed"`
}

// found is what is true of a module, as far as it says so itself.
func (p Provider) found(module vendormodules.Module) Record {
	description := module.Describe()
	return Record{
		Kind: description.Kind, Version: description.Version, Against: p.Against,
		Capabilities: Capabilities(module), Weather: p.Line != nil, Lineless: p.Lineless, Unproven: p.Unproven,
	}
}

// record compares what a run found with what is on record, or puts it there. A run of a part of the suite says nothing.
func (p Provider) record(t *testing.T, found Record) {
	t.Helper()
	if p.Against == "" || strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return
	}
	found.Passed = !t.Failed()
	text, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	path := filepath.Join("testdata", p.Record)
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	recorded, err := os.ReadFile(path)
	if err != nil || string(recorded) != string(text) {
		t.Errorf("%s is not what the suite finds; UPDATE_DOCS=1 writes it anew (%v):\n%s", path, err, text)
	}
}
