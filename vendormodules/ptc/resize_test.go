package ptc_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// has is what a machine may use at most by its control groups, or, where there are none, what was written down of it.
func (b *bench) has(id string) vendormodules.Usage {
	b.Helper()
	of, err := b.at(id).Read()
	if err != nil {
		b.Fatal(err)
	}
	usage := vendormodules.Usage{Cores: of.Class.Cores, Memory: of.Class.Memory}
	for _, group := range b.groups(id) {
		for _, name := range []string{"memory.limit_in_bytes", "memory.max"} {
			content, err := os.ReadFile(filepath.Join(group, name))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				err = usage.Memory.UnmarshalText([]byte(strings.TrimSpace(string(content)) + "B"))
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	return usage
}

// TestAMachineIsNotBoundBelowWhatItUses has one that is to have less memory than its processes use stopped first.
func TestAMachineIsNotBoundBelowWhatItUses(t *testing.T) {
	b := newBench(t)
	class := shell("exec sleep 86400")
	class.Memory = 64 * quantity.MiB
	machine := b.start(request(class, "shrinking"))
	limited := len(b.groups(machine.ID)) > 0
	class.Memory = 4 * quantity.KiB
	err := b.Resize(t.Context(), machine.ID, class)
	if limited && !errors.Is(err, vendormodules.ErrConflict) {
		t.Errorf("Resize to less than is in use: %v, and should wrap %q", err, vendormodules.ErrConflict)
	}
	if has := b.has(machine.ID).Memory; limited && has != 64*quantity.MiB {
		t.Errorf("after a resize that was refused it has %s", has)
	}
	if err := b.Stop(t.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	class.Memory = 32 * quantity.MiB
	if err := b.Resize(t.Context(), machine.ID, class); err != nil {
		t.Fatal("Resize of a machine that is stopped: ", err)
	}
	if err := b.Start(t.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	b.until(machine.ID, vendormodules.ResourceRunning)
	if has := b.has(machine.ID).Memory; has != 32*quantity.MiB {
		t.Errorf("it has %s, and was given 32MiB", has)
	}
	class.Memory = quantity.Bytes(1) << 60
	if err := b.Resize(t.Context(), machine.ID, class); !errors.Is(err, vendormodules.ErrUnsupported) {
		t.Errorf("Resize to more than there is: %v", err)
	}
}
