//go:build testbed

package libvirt_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/libvirt"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// patience is how long a machine that is emulated on a busy host may take for anything.
const patience = 4 * time.Minute

// TestADiskMovesBetweenMachines attaches a volume to a machine that runs, which writes to it, and then to another, which
// finds what the first wrote. Both power off when they are asked to.
func TestADiskMovesBetweenMachines(t *testing.T) {
	uri := "qemu:///system?socket=" + testbed(t, "SOCKET")
	module := open(t, machines(t, uri), nil)
	defer module.Close()
	disk := create(t, module, "disk", descriptors.Class{Type: descriptors.Volume, Size: 64 * quantity.MiB})
	const wait = "until [ -e /dev/vdc ]; do sleep 1; done; mkdir -p /mnt/disk; "
	writer := create(t, module, "writer", guest(wait+"mke2fs /dev/vdc && mount /dev/vdc /mnt/disk && echo carried-over >/mnt/disk/kept && "+
		"umount /mnt/disk && echo it-is-written; exec sleep 86400"))
	carry(t, module, disk, writer, "it-is-written")
	reader := create(t, module, "reader", guest(wait+"mount /dev/vdc /mnt/disk; cat /mnt/disk/kept; umount /mnt/disk; exec sleep 86400"))
	carry(t, module, disk, reader, "carried-over")
	if err := module.Delete(t.Context(), disk); err != nil {
		t.Fatal(err)
	}
}

// TestMachinesAreApart sees that machines reach each other on a network of theirs, and not on the one that all are on.
func TestMachinesAreApart(t *testing.T) {
	module := open(t, machines(t, "qemu:///system?socket="+testbed(t, "SOCKET")), nil)
	defer module.Close()
	network := create(t, module, "network", descriptors.Class{Type: descriptors.Network, Private: true})
	member := func(name string) string {
		return createFor(t, module, vendormodules.Request{
			Name: name, Class: guest("exec sleep 86400"), Networks: []string{network}, Rules: []vendormodules.Rule{{Class: "one"}, {Class: "other"}},
		})
	}
	one, other := member("one"), member("other")
	for _, address := range until(t, module, other, vendormodules.ResourceRunning).Addresses {
		var printed strings.Builder
		ping := vendormodules.Command{Arguments: []string{"ping", "-c", "2", "-W", "5", address.Address}}
		exit, err := vendormodules.AbilitiesOf(module).Executor.Execute(t.Context(), one, ping, &printed, &printed)
		if err != nil || (exit == 0) != (address.Network == network) {
			t.Errorf("%s at %s: ping ends with %d (%v): %s", other, address.Address, exit, err, &printed)
		}
	}
	for _, id := range []string{one, other, network} {
		if err := module.Delete(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

func guest(run string) descriptors.Class {
	return descriptors.Class{Type: descriptors.Compute, Image: "guest", Cores: 1, Memory: 160 * quantity.MiB, Run: []string{run}}
}

// create makes a resource and waits until it runs.
func create(t *testing.T, module *libvirt.Module, name string, class descriptors.Class, networks ...string) string {
	t.Helper()
	return createFor(t, module, vendormodules.Request{Name: name, Class: class, Networks: networks})
}

// createFor makes what a request asks for, of a class that is named like it.
func createFor(t *testing.T, module *libvirt.Module, request vendormodules.Request) string {
	t.Helper()
	request.Key = fmt.Sprintf("moved-%s-%d", request.Name, time.Now().UnixNano())
	request.Tags = vendormodules.Tags{Agency: agencyID, Deployment: "moved", Class: request.Name, Agreement: "agreement-1"}
	made, err := module.Create(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	until(t, module, made.ID, vendormodules.ResourceRunning)
	return made.ID
}

func until(t *testing.T, module *libvirt.Module, id string, state vendormodules.ResourceState) vendormodules.Resource {
	t.Helper()
	var found vendormodules.Resource
	vendortest.Eventually(t, patience, fmt.Sprintf("%s is %s", id, state), func() (err error) {
		if found, err = module.Get(t.Context(), id); err == nil && found.State != state {
			err = fmt.Errorf("it is %s", found.State)
		}
		return err
	})
	return found
}

// carry attaches a disk to a machine, waits until it has printed something, detaches the disk, powers the machine off and
// deletes it.
func carry(t *testing.T, module *libvirt.Module, disk, machine, text string) {
	t.Helper()
	began := time.Now()
	if addresses := until(t, module, machine, vendormodules.ResourceRunning).Addresses; len(addresses) != 1 ||
		!strings.HasPrefix(addresses[0].Address, "10.231.0.") {
		t.Errorf("%s has the addresses %v", machine, addresses)
	}
	if err := module.Attach(t.Context(), disk, machine, "/mnt/disk"); err != nil {
		t.Fatal(err)
	}
	printed := func(text string) {
		t.Helper()
		vendortest.Eventually(t, patience, machine+" prints "+text, func() error {
			reader, err := module.Console(t.Context(), machine)
			if err != nil {
				return err
			}
			defer reader.Close()
			if all, err := io.ReadAll(reader); err != nil || !strings.Contains(string(all), text) {
				return fmt.Errorf("the console shows %q (%v)", all, err)
			}
			return nil
		})
	}
	printed(text)
	if err := module.Detach(t.Context(), disk, machine); err != nil {
		t.Fatal(err)
	}
	if err := module.Stop(t.Context(), machine); err != nil {
		t.Fatal(err)
	}
	until(t, module, machine, vendormodules.ResourceStopped)
	printed("reboot: Power down") // it did so itself
	t.Logf("%s: %s from running to off", machine, time.Since(began).Round(time.Second))
	if err := module.Delete(t.Context(), machine); err != nil {
		t.Fatal(err)
	}
}
