package ptc_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc"
	"github.com/cloud-agency/agency/vendormodules/ptc/loopback"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// keeperOf is the process that keeps a resource.
func (b *bench) keeperOf(id string) process.Identity {
	b.Helper()
	status, there, err := b.at(id).ReadStatus()
	if err != nil || !there {
		b.Fatalf("status of %s: there %v, %v", id, there, err)
	}
	return status.Keeper
}

func TestMachinesOutliveTheModule(t *testing.T) {
	b := newBench(t)
	machine := b.start(request(shell("echo started"+forever), "lasting"))
	keeper, tree := b.keeperOf(machine.ID), processes(string(b.at(machine.ID)))
	b.reopen("")
	shown := b.until(machine.ID, vendormodules.ResourceRunning)
	if now := b.keeperOf(machine.ID); now != keeper || !now.Alive() {
		t.Errorf("the keeper was %+v, and is %+v", keeper, now)
	}
	if now := processes(string(b.at(machine.ID))); !slices.Equal(now, tree) {
		t.Errorf("the processes were %q, and are %q", tree, now)
	}
	if !slices.Equal(shown.Addresses, machine.Addresses) {
		t.Errorf("the addresses were %v, and are %v", machine.Addresses, shown.Addresses)
	}
	again := b.create(request(shell("echo started"+forever), "lasting"))
	if console := b.console(again.ID); strings.Count(console, "started") != 1 {
		t.Errorf("the console shows %q", console)
	}
}

func TestAMachineWhoseKeeperIsKilledStops(t *testing.T) {
	b := newBench(t)
	machine := b.start(request(shell("(sleep 86400; echo never) & echo ready"+forever), "orphaned"))
	b.prints(machine.ID, "ready")
	groups := b.groups(machine.ID)
	if err := b.keeperOf(machine.ID).Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.until(machine.ID, vendormodules.ResourceStopped)
	b.warns(machine.ID, "its keeper was killed")
	if left := processes(string(b.at(machine.ID))); len(left) > 0 {
		t.Errorf("it is stopped, and %q run", left)
	}
	for _, group := range groups {
		if _, err := os.Stat(group); err == nil {
			t.Errorf("control group %s is left", group)
		}
	}
	if again := b.create(request(shell(""), "orphaned")); again.State != vendormodules.ResourceStopped {
		t.Errorf("a repeated create makes it %s", again.State)
	}
	if err := b.Start(t.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	b.until(machine.ID, vendormodules.ResourceRunning)
}

func TestAMachineLostWithItsHostCanBeStarted(t *testing.T) {
	b := newBench(t)
	machine := b.start(request(shell("exec sleep 86400"), "lost"))
	if err := b.Stop(t.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	status, _, err := b.at(machine.ID).ReadStatus()
	if err != nil {
		t.Fatal(err)
	}
	status.Phase, status.Keeper = "running", process.Identity{PID: os.Getpid(), Started: 1, Boot: "an earlier one"}
	if err := b.at(machine.ID).WriteStatus(status); err != nil {
		t.Fatal(err)
	}
	b.reopen("")
	b.until(machine.ID, vendormodules.ResourceStopped)
	b.warns(machine.ID, "its host ended")
	if err := b.Start(t.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	b.until(machine.ID, vendormodules.ResourceRunning)
}

func TestTheProgramMayGo(t *testing.T) {
	b := newBench(t)
	environment := environment(t, b.directory)
	content, err := os.ReadFile(environment.Program)
	if err != nil {
		t.Fatal(err)
	}
	environment.Program = filepath.Join(t.TempDir(), "agency")
	if err := os.WriteFile(environment.Program, content, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Module, err = ptc.New(t.Context(), nil, environment); err != nil {
		t.Fatal(err)
	}
	machine := b.start(request(descriptors.Class{Type: descriptors.Compute, Image: "static-web"}, "web-1"))
	if err := os.Remove(environment.Program); err != nil {
		t.Fatal(err)
	}
	if err := b.Reboot(t.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	b.answers("http://"+machine.Addresses[0].Address+":8080/whoami", `"name":"web-1"`)
	kept, err := filepath.Glob(filepath.Join(b.directory, "programs", "*", "*"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept are %v, %v", kept, err)
	}
}

func TestOnlyOneModuleHasADirectory(t *testing.T) {
	b := newBench(t)
	if _, err := ptc.New(t.Context(), nil, environment(t, b.directory)); err == nil || !strings.Contains(err.Error(), "another agency") {
		t.Errorf("New on an open directory: %v", err)
	}
}

func TestABlockStaysWithItsMachines(t *testing.T) {
	b, other := newBench(t), another(t)
	machine := b.start(request(shell("exec sleep 86400"), "here"))
	elsewhere := other.start(request(shell("exec sleep 86400"), "there"))
	block := func(resource vendormodules.Resource) netip.Prefix {
		prefix, err := netip.MustParseAddr(resource.Addresses[0].Address).Prefix(18)
		if err != nil {
			t.Fatal(err)
		}
		return prefix
	}
	mine := block(machine)
	if mine == block(elsewhere) {
		t.Errorf("two modules share %s", mine)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	thief, err := loopback.Retake(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ptc.New(t.Context(), nil, environment(t, b.directory))
	if !errors.Is(err, loopback.ErrTaken) || !strings.Contains(err.Error(), mine.String()) {
		t.Errorf("New while another has its block: %v", err)
	}
	if err := thief.Close(); err != nil {
		t.Fatal(err)
	}
	b.open("")
	if got := b.start(request(shell("exec sleep 86400"), "here-too")); block(got) != mine {
		t.Errorf("the block was %s, and is %s", mine, block(got))
	}
	if _, err := net.Listen("tcp", net.JoinHostPort(machine.Addresses[0].Address, fmt.Sprint(loopback.ClaimPort))); err == nil {
		t.Error("a machine's address can be claimed by others")
	}
}

func TestAnUnreadableRecordFailsTheList(t *testing.T) {
	b := newBench(t)
	network := b.start(request(descriptors.Class{Type: descriptors.Network}, "lan"))
	path := filepath.Join(string(b.at(network.ID)), "record.json")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content[:len(content)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if listed, err := b.List(t.Context()); err == nil {
		t.Errorf("List shows %v and no error", listed)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNetworksAndTheirMembers(t *testing.T) {
	b := newBench(t)
	lan := b.start(request(descriptors.Class{Type: descriptors.Network, Private: true}, "lan"))
	dmz := b.start(request(descriptors.Class{Type: descriptors.Network}, "dmz"))
	asked := request(shell(`echo "$ADDRESS $ADDRESS_LAN $ADDRESS_DMZ"`+forever), "member")
	asked.Networks = []string{lan.ID, dmz.ID}
	machine := b.start(asked)
	if len(machine.Addresses) != 2 || machine.Addresses[0].Public || !machine.Addresses[1].Public {
		t.Fatalf("the addresses are %+v", machine.Addresses)
	}
	first, second := machine.Addresses[0].Address, machine.Addresses[1].Address
	b.prints(machine.ID, first+" "+first+" "+second)
	if err := b.Delete(t.Context(), lan.ID); !errors.Is(err, vendormodules.ErrConflict) {
		t.Errorf("Delete of a network with members: %v", err)
	}
	if members := b.measure(lan.ID)["members"]; members != 1 {
		t.Errorf("the network measures %v members", members)
	}
	lost := request(shell("exec sleep 86400"), "lost")
	lost.Networks = []string{"no-such-network"}
	if _, err := b.Create(t.Context(), lost); !errors.Is(err, vendormodules.ErrNotFound) {
		t.Errorf("Create on a network that is not: %v", err)
	}
	balancer := request(descriptors.Class{Type: descriptors.LoadBalancer, Listen: 8080}, "front")
	balancer.Networks = []string{lan.ID}
	front := b.start(balancer)
	if len(front.Addresses) != 2 || !front.Addresses[0].Public || front.Addresses[1].Network != lan.ID {
		t.Errorf("the balancer's addresses are %+v", front.Addresses)
	}
}

func TestVolumesComeAndGoWhileAMachineRuns(t *testing.T) {
	b := newBench(t)
	volume := b.start(request(descriptors.Class{Type: descriptors.Volume, Size: 16}, "data"))
	script := `while :; do echo here >> $ROOT/mnt/data/log && cp $ROOT/mnt/data/log $ROOT/copy; sleep 0.05; done 2>/dev/null`
	machine := b.start(request(shell(script), "writer"))
	other := b.start(request(shell("exec sleep 86400"), "other"))
	if err := b.Attach(t.Context(), volume.ID, machine.ID, "/mnt/data"); err != nil {
		t.Fatal(err)
	}
	vendortest.Eventually(t, wait, "the machine writes on the volume", func() error {
		_, err := os.Stat(filepath.Join(b.at(machine.ID).Root(), "copy"))
		return err
	})
	if err := b.Attach(t.Context(), volume.ID, other.ID, "/mnt/data"); !errors.Is(err, vendormodules.ErrConflict) {
		t.Errorf("Attach to a second machine: %v", err)
	}
	vendortest.Eventually(t, wait, "the volume holds more than its size", func() error {
		if used := b.measure(volume.ID)["used-bytes"]; used <= 16 {
			return fmt.Errorf("it holds %v bytes", used)
		}
		return nil
	})
	b.warns(volume.ID, "more than its size")
	if err := b.Detach(t.Context(), volume.ID, machine.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b.at(volume.ID).Data(), "log")); err != nil {
		t.Errorf("the volume has not come home: %v", err)
	}
	if err := b.Attach(t.Context(), volume.ID, other.ID, "/elsewhere"); err != nil {
		t.Error(err)
	}
	if err := b.Delete(t.Context(), other.ID); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(b.at(volume.ID).Data(), "log")); err != nil {
		t.Errorf("the volume went with its machine: %v", err)
	}
	for _, mount := range []string{"mnt", "/", "/bin", "/../.."} {
		if err := b.Attach(t.Context(), volume.ID, machine.ID, mount); !errors.Is(err, vendormodules.ErrInvalid) {
			t.Errorf("Attach at %q: %v", mount, err)
		}
	}
}
