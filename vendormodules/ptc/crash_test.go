package ptc_test

import (
	"archive/tar"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc"
)

// crashVerb makes the test's program a process that hosts a module and creates machines until it is killed.
const crashVerb = "crash-host"

// crashRounds is how often it is killed; crashSpan the span, from its start, within which that happens at random.
const (
	crashRounds = 15
	crashSpan   = 45 * time.Millisecond
)

// crashRequests are what it creates, a volume, a network and machines on them, one after another and all at once.
func crashRequests(round, files string) (first, then []vendormodules.Request) {
	keyed := func(request vendormodules.Request) vendormodules.Request {
		request.Key += "-" + round
		return request
	}
	volume := keyed(request(descriptors.Class{Type: descriptors.Volume, Size: size}, "data"))
	network := keyed(request(descriptors.Class{Type: descriptors.Network}, "lan"))
	for i := range 3 {
		machine := keyed(request(shell("exec sleep 86400"), fmt.Sprintf("machine-%d", i)))
		machine.Files, machine.Networks = files, []string{network.Key}
		if i == 0 {
			machine.Volumes = []vendormodules.VolumeMount{{Volume: volume.Key, Mount: "/mnt"}}
		}
		then = append(then, machine)
	}
	return []vendormodules.Request{volume, network}, then
}

// crashHost is the process; its arguments are the module's directory, the round and an archive.
func crashHost(arguments []string) int {
	program, err := os.Executable()
	if err != nil {
		return 1
	}
	ctx := context.Background()
	module, err := ptc.New(ctx, nil, vendormodules.Environment{
		Vendor: "ptc-test", Agency: agencyID, Directory: arguments[0], Program: program,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("open")
	first, then := crashRequests(arguments[1], arguments[2])
	for _, one := range first {
		if _, err := module.Create(ctx, one); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	var calls sync.WaitGroup
	for _, one := range then {
		calls.Go(func() {
			if _, err := module.Create(ctx, one); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
	}
	calls.Wait()
	select {} // until killed
}

func TestEveryMachineExactlyOnceAfterCrashes(t *testing.T) {
	b := newBench(t)
	files := archiveOf(t, tar.Header{Name: "/srv/file", Mode: 0o644, PAXRecords: map[string]string{"x.content": strings.Repeat("x", 1<<20)}})
	unfinished := 0
	for round := range crashRounds {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		crash(t, b.directory, fmt.Sprint(round), files)
		b.open("")
		first, then := crashRequests(fmt.Sprint(round), files)
		listed, err := b.List(t.Context())
		if err != nil {
			t.Fatalf("List after a crash: %v", err)
		}
		if len(listed) < len(first)+len(then) {
			unfinished++
		}
		if round%3 == 2 { // what a crash left can be deleted as it is
			b.deleteAll()
			continue
		}
		for _, one := range append(first, then...) {
			b.start(one)
		}
		b.exactlyOnce(first, then)
		b.deleteAll()
	}
	if left := count(t, b.directory); left != 0 {
		t.Errorf("%d directories are left", left)
	}
	t.Logf("%d of %d crashes came before everything was there", unfinished, crashRounds)
}

// crash starts the process and kills it at a random moment once it has opened the module.
func crash(t *testing.T, directory, round, files string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(program, crashVerb, directory, round, files)
	host.Stderr = os.Stderr
	output, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 5)); err != nil {
		t.Errorf("the host does not open the module: %v", err)
	}
	timer := time.NewTimer(rand.N(crashSpan))
	<-timer.C
	if err := host.Process.Kill(); err != nil {
		t.Error(err)
	}
	host.Wait() // it was killed
}

// exactlyOnce fails the test unless each resource is listed once, and each machine runs once at an address of its own.
func (b *bench) exactlyOnce(first, then []vendormodules.Request) {
	b.Helper()
	listed, err := b.List(b.Context())
	if err != nil || len(listed) != len(first)+len(then) {
		b.Fatalf("List: %d resources, %v", len(listed), err)
	}
	addresses := map[string]bool{}
	for _, resource := range listed {
		for _, address := range resource.Addresses {
			if addresses[address.Address] {
				b.Errorf("address %s is given twice", address.Address)
			}
			addresses[address.Address] = true
		}
	}
	for _, one := range then {
		sleeps, keepers := 0, 0
		for _, process := range processes(string(b.at(one.Key))) {
			if strings.Contains(process, " sleep ") {
				sleeps++
			}
			if strings.HasSuffix(strings.TrimSpace(process), "keeper "+string(b.at(one.Key))) {
				keepers++
			}
		}
		if sleeps != 1 || keepers != 1 {
			b.Errorf("%s has %d keepers and runs %d times: %q", one.Key, keepers, sleeps, processes(string(b.at(one.Key))))
		}
		if _, err := os.Stat(filepath.Join(b.at(one.Key).Root(), "srv", "file")); err != nil {
			b.Errorf("%s runs without its files: %v", one.Key, err)
		}
	}
}
