package ptc_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/confine"
	"github.com/cloud-agency/agency/vendormodules/ptc/limits"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// forever keeps a shell's machine up.
const forever = "; exec sleep 86400"

// at is the directory of a resource.
func (b *bench) at(id string) record.Directory {
	return record.Directory(filepath.Join(b.directory, "resources", id))
}

func TestAMachineKnowsItself(t *testing.T) {
	b := newBench(t)
	lan := b.start(request(descriptors.Class{Type: descriptors.Network, Private: true}, "lan-1"))
	class := shell(`echo "$NAME|$ADDRESS|$ADDRESS_LAN_1|$ROOT|$PWD|$GREETING|$HOME|$AGENCY_TEST_SECRET|"; cat user-data` + forever)
	class.Environment = map[string]string{"GREETING": "good day", "NAME": "not this one"}
	class.UserData = "for the machine alone\n"
	asked := request(class, "shell-1")
	asked.Networks = []string{lan.ID}
	machine := b.start(asked)
	root, address := b.at(machine.ID).Root(), machine.Addresses[0]
	if address.Public || address.Network != lan.ID || len(machine.Addresses) != 1 {
		t.Errorf("the addresses are %+v", machine.Addresses)
	}
	b.prints(machine.ID, fmt.Sprintf("shell-1|%s|%s|%s|%s|good day|%s||\n", address.Address, address.Address, root, root, root))
	b.prints(machine.ID, "for the machine alone")
	content, err := os.ReadFile(filepath.Join(string(b.at(machine.ID)), "record.json"))
	if err != nil || strings.Contains(string(content), "for the machine alone") {
		t.Errorf("the record holds the user data, or cannot be read: %v", err)
	}
}

func TestAMachineIsConfined(t *testing.T) {
	b := newBench(t)
	if confine.Find() < 6 {
		b.warns(b.start(request(shell("exec sleep 86400"), "free")).ID, confine.Find().Warning())
		return
	}
	outside := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(outside, []byte("agency-key\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	other := b.start(request(shell("echo other-machine > $ROOT/file"+forever), "other"))
	script := fmt.Sprintf(`
try() { if "$@" > out 2>&1; then echo "can $*"; else echo "cannot $*"; fi; }
echo mine > own; try cat own; try cat %[1]s; try cat %[2]s/root/file; try cat %[2]s/record.json; try ls %[3]s
try touch %[3]s/new; try kill -0 %[4]d; try cat /etc/passwd; try cat /proc/%[4]d/environ; echo done`,
		outside, b.at(other.ID), b.directory, os.Getpid())
	machine := b.start(request(shell(script+forever), "curious"))
	b.prints(machine.ID, "done")
	console := b.console(machine.ID)
	for _, can := range []string{"cat own", "cat /etc/passwd"} {
		if !strings.Contains(console, "can "+can+"\n") {
			t.Errorf("the machine cannot %s", can)
		}
	}
	if count := strings.Count(console, "cannot "); count != 7 {
		t.Errorf("of 7 things that it must not do it cannot do %d:\n%s", count, console)
	}
	for _, warning := range machine.Warnings {
		if strings.Contains(warning, "confined") {
			t.Errorf("it warns: %s", warning)
		}
	}
}

func TestFilesAreUploaded(t *testing.T) {
	b := newBench(t)
	volume := b.start(request(descriptors.Class{Type: descriptors.Volume, Size: size}, "data-1"))
	asked := request(shell("cat $ROOT/srv/site/index.html $ROOT/mnt/deep/seed; run-me"+forever), "files-1")
	asked.Volumes = []vendormodules.VolumeMount{{Volume: volume.ID, Mount: "/mnt"}}
	asked.Files = archiveOf(t,
		tar.Header{Name: "/srv/site/index.html", Mode: 0o644, PAXRecords: map[string]string{"x.content": "the page\n"}},
		tar.Header{Name: "/mnt/deep/seed", Mode: 0o600, PAXRecords: map[string]string{"x.content": "on the volume\n"}},
		tar.Header{Name: "/bin/run-me", Mode: 0o755, PAXRecords: map[string]string{"x.content": "#!/bin/sh\necho I ran\n"}})
	machine := b.start(asked)
	b.prints(machine.ID, "the page\non the volume\nI ran\n")
	if err := b.Delete(t.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(b.at(volume.ID).Data(), "deep", "seed")); string(content) != "on the volume\n" {
		t.Errorf("the volume came home with %q, %v", content, err)
	}
}

func TestAnArchiveCannotEscape(t *testing.T) {
	b := newBench(t)
	asked := request(shell("sleep 1"), "escape")
	asked.Files = archiveOf(t,
		tar.Header{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "../../../.."},
		tar.Header{Name: "out/planted", Mode: 0o644, PAXRecords: map[string]string{"x.content": "escaped"}})
	if _, err := b.Create(t.Context(), asked); !errors.Is(err, vendormodules.ErrInvalid) {
		t.Errorf("Create: %v, and should wrap %q", err, vendormodules.ErrInvalid)
	}
	if left := count(t, b.directory); left != 0 {
		t.Errorf("%d resources are left of it", left)
	}
}

// archiveOf writes a gzipped archive. The content of a file is its header's record x.content.
func archiveOf(t *testing.T, headers ...tar.Header) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "files.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	zipped := gzip.NewWriter(file)
	writer := tar.NewWriter(zipped)
	for _, header := range headers {
		content := header.PAXRecords["x.content"]
		header.PAXRecords, header.Size = nil, int64(len(content))
		err = errors.Join(err, writer.WriteHeader(&header))
		_, failure := writer.Write([]byte(content))
		err = errors.Join(err, failure)
	}
	if err := errors.Join(err, writer.Close(), zipped.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

func TestAMachineThatCannotRunSaysWhy(t *testing.T) {
	b := newBench(t)
	machine := b.create(request(shell("exec sleep 86400", "echo no such luck >&2; exit 3"), "unlucky"))
	var shown vendormodules.Resource
	vendortest.Eventually(t, wait, "it fails", func() (err error) {
		if shown, err = b.Get(t.Context(), machine.ID); err == nil && shown.State != vendormodules.ResourceError {
			err = fmt.Errorf("it is %s", shown.State)
		}
		return err
	})
	for _, part := range []string{"command 2", "exit status 3", "no such luck"} {
		if !strings.Contains(shown.Fault, part) {
			t.Errorf("the fault %q does not say %q", shown.Fault, part)
		}
	}
	vendortest.Eventually(t, wait, "nothing runs any more", func() error {
		if left := processes(string(b.at(machine.ID))); len(left) > 0 {
			return fmt.Errorf("there are %q", left)
		}
		return nil
	})
}

func TestACommandThatEndsIsStartedAgain(t *testing.T) {
	b := newBench(t)
	machine := b.start(request(shell("exec sleep 86400", "echo started; sleep 0.5; exit 4"), "restless"))
	b.prints(machine.ID, "started\nstarted\nstarted\n")
	b.warns(machine.ID, "with exit status 4, and was started again")
	b.until(machine.ID, vendormodules.ResourceRunning)
}

func TestAListenerOnEveryAddressIsSaid(t *testing.T) {
	b := newBench(t)
	class := descriptors.Class{Type: descriptors.Compute, Image: "static-web", Run: []string{"web --listen 0.0.0.0:0"}}
	b.warns(b.start(request(class, "loud")).ID, "which is every address of this host")
}

func TestNothingOutlivesAMachine(t *testing.T) {
	b := newBench(t)
	stubborn := `(trap "" TERM; while :; do sleep 0.1; done) & env -i setsid sleep 86400 & echo ready` + forever
	machine := b.start(request(shell(stubborn), "stubborn"))
	b.prints(machine.ID, "ready")
	before := b.measure(machine.ID)
	if before["processes"] < 3 || before["memory-bytes"] <= 0 || before["uptime-seconds"] < 0 {
		t.Errorf("it measures %v", before)
	}
	groups := b.groups(machine.ID)
	began := time.Now()
	if err := b.Stop(t.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	if left := processes(string(b.at(machine.ID))); len(left) > 0 {
		t.Errorf("it is stopped, and %q run", left)
	}
	for _, group := range groups {
		if _, err := os.Stat(group); err == nil {
			t.Errorf("control group %s is left", group)
		}
	}
	b.until(machine.ID, vendormodules.ResourceStopped)
}

func (b *bench) measure(id string) map[string]float64 {
	b.Helper()
	measurements, err := b.Measure(b.Context(), id)
	if err != nil {
		b.Fatalf("Measure: %v", err)
	}
	values := map[string]float64{}
	for _, one := range measurements {
		values[one.Metric] = one.Value
	}
	return values
}

func (b *bench) groups(id string) []string {
	b.Helper()
	status, _, err := b.at(id).ReadStatus()
	if err != nil {
		b.Fatal(err)
	}
	return status.Groups
}

func TestMemoryIsLimitedWhereItCanBe(t *testing.T) {
	b := newBench(t)
	class := shell("exec sleep 86400")
	class.Memory, class.Cores = 64<<20, 2
	machine := b.start(request(class, "limited"))
	plan := limits.Host{}.Plan("any", limits.Bounds{Memory: class.Memory, Cores: class.Cores})
	if plan.Warning != "" {
		b.warns(machine.ID, plan.Warning)
		return
	}
	members, err := limits.Members(b.groups(machine.ID))
	if err != nil || len(members) == 0 {
		t.Errorf("in the control groups are %v, %v", members, err)
	}
	for _, group := range b.groups(machine.ID) {
		for _, name := range []string{"memory.limit_in_bytes", "memory.max"} {
			if content, err := os.ReadFile(filepath.Join(group, name)); err == nil && strings.TrimSpace(string(content)) != "67108864" {
				t.Errorf("%s is %s", name, content)
			}
		}
	}
}

func TestAStoppedContextStopsWaiting(t *testing.T) {
	b := newBench(t)
	machine := b.start(request(shell(`trap "" TERM; echo ready; while :; do sleep 0.1; done`), "slow"))
	b.prints(machine.ID, "ready")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.Delete(ctx, machine.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Delete: %v", err)
	}
	b.until(machine.ID, vendormodules.ResourceDeleting)
	if err := b.Start(t.Context(), machine.ID); !errors.Is(err, vendormodules.ErrConflict) {
		t.Errorf("Start of what is being deleted: %v", err)
	}
	b.reopen("")
	if err := b.Delete(t.Context(), machine.ID); err != nil {
		t.Errorf("Delete again: %v", err)
	}
}

// execute runs a command in a machine and returns what it printed.
func (b *bench) execute(id string, arguments ...string) (int, string) {
	b.Helper()
	var printed strings.Builder
	exit, err := b.Execute(b.Context(), id, vendormodules.Command{Arguments: arguments}, &printed, &printed)
	if err != nil {
		b.Fatal("Execute: ", err)
	}
	return exit, printed.String()
}

func TestAnExecutedCommandIsTheMachinesOwn(t *testing.T) {
	b := newBench(t)
	machine := b.start(request(shell("exec sleep 86400"), "shell-1"))
	root := b.at(machine.ID).Root()
	if _, printed := b.execute(machine.ID, "sh", "-c", "echo $NAME $ROOT $PWD"); printed != fmt.Sprintf("shell-1 %s %s\n", root, root) {
		t.Errorf("it sees %q", printed)
	}
	outside := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(outside, []byte("agency-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, printed := b.execute(machine.ID, "cat", outside); confine.Find() > 0 && (exit == 0 || strings.Contains(printed, "agency-key")) {
		t.Errorf("it reads what is not the machine's: %d, %q", exit, printed)
	}
	if exit, printed := b.execute(machine.ID, "cat", filepath.Join(string(b.at(machine.ID)), "status.json")); confine.Find() > 0 && exit == 0 {
		t.Errorf("it reads the keeper's token: %q", printed)
	}
	var printed strings.Builder
	command := vendormodules.Command{Arguments: []string{"pwd"}, Directory: "../../../../.."}
	if _, err := b.Execute(b.Context(), machine.ID, command, &printed, &printed); err != nil || printed.String() != root+"\n" {
		t.Errorf("it gets out to %q: %v", printed.String(), err)
	}
}

func TestAnExecutedCommandEndsWithItsMachine(t *testing.T) {
	b := newBench(t)
	machine := b.start(request(shell("exec sleep 86400"), "shell-1"))
	reading, writing := io.Pipe()
	type ending struct {
		exit int
		err  error
	}
	ended := make(chan ending, 1)
	go func() {
		command := vendormodules.Command{Arguments: []string{"sh", "-c", "sleep 86400 & echo begun; exec sleep 86401"}}
		exit, err := b.Execute(b.Context(), machine.ID, command, writing, io.Discard)
		ended <- ending{exit, err}
	}()
	begun := make([]byte, len("begun\n"))
	if _, err := io.ReadFull(reading, begun); err != nil {
		t.Fatal(err)
	}
	if err := b.Stop(b.Context(), machine.ID); err != nil {
		t.Fatal(err)
	}
	if how := <-ended; how.err != nil || how.exit != 128+15 {
		t.Errorf("it ended with %d: %v", how.exit, how.err)
	}
}
