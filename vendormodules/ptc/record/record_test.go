package record_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

func TestARecordComesBackAsItWas(t *testing.T) {
	directory := record.Directory(t.TempDir())
	if _, err := directory.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read where there is none: %v", err)
	}
	written := record.Record{
		Key: "k", Name: "web-1", Tags: vendormodules.Tags{Agency: "a", Deployment: "d", Class: "c", Agreement: "g"},
		Class: descriptors.Class{
			Type: descriptors.Compute, Image: "shell", Count: quantity.Range{Min: 2, Max: 6}, Cores: 1, Memory: 512 * quantity.MiB,
			Run: []string{"run"}, Environment: map[string]string{"A": "b"}, Ports: []int{80}, Allow: map[int]descriptors.Names{5432: {"web"}},
			Place: descriptors.Placement{Apart: descriptors.Names{descriptors.ApartMachine}}, Volumes: map[string]string{"data": "/var"},
		},
		Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Volumes: map[string]string{"v": "/mnt"},
		Targets:   []vendormodules.Target{{Name: "t", Address: "127.0.0.1", Port: 1}},
		Addresses: []record.Address{{Address: vendormodules.Address{Address: "127.1.1.1", Network: "n", Public: true}, NetworkName: "lan"}},
		Block:     "127.1.0.0/25", Program: "/p", Prepared: true, Deleting: true,
	}
	if err := directory.Write(written); err != nil {
		t.Fatal(err)
	}
	if read, err := directory.Read(); err != nil || !reflect.DeepEqual(read, written) {
		t.Errorf("read is %+v, %v; written was %+v", read, err, written)
	}
	if information, err := os.Stat(filepath.Join(string(directory), "record.json")); err != nil || information.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", information.Mode(), err)
	}
}

func TestAStatusCutShortIsNone(t *testing.T) {
	directory := record.Directory(t.TempDir())
	written := record.Status{Keeper: process.Identity{PID: 1, Started: 2, Boot: "b"}, Phase: record.Running, Groups: []string{"g"}}
	if err := directory.WriteStatus(written); err != nil {
		t.Fatal(err)
	}
	if read, there, err := directory.ReadStatus(); !there || err != nil || !reflect.DeepEqual(read, written) {
		t.Errorf("read is %+v, %v, %v", read, there, err)
	}
	path := filepath.Join(string(directory), "status.json")
	for _, content := range []string{"", `{"phase":`} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, there, err := directory.ReadStatus(); there || err != nil {
			t.Errorf("of %q there is one: %v, %v", content, there, err)
		}
	}
}
