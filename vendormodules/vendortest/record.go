package vendortest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
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
}

// record compares what is true of the module with what is on record, or puts it there.
func (p Provider) record(t *testing.T, module vendormodules.Module) {
	t.Helper()
	if p.Against == "" {
		return
	}
	description := module.Describe()
	found, err := json.MarshalIndent(Record{
		Kind: description.Kind, Version: description.Version, Against: p.Against,
		Capabilities: Capabilities(module), Weather: p.Line != nil,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	found = append(found, '\n')
	path := filepath.Join("testdata", p.Record)
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, found, 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	recorded, err := os.ReadFile(path)
	if err != nil || string(recorded) != string(found) {
		t.Errorf("%s is not what the suite finds; UPDATE_DOCS=1 writes it anew (%v):\n%s", path, err, found)
	}
}
