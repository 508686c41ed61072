package cloudinit_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/cloudinit"
)

// guest is a directory that stands for a machine, in which the scripts run for real, but for programs that only root may
// run.
type guest struct {
	*testing.T
	root string
}

// newGuest makes a machine of what its user data writes.
func newGuest(t *testing.T, machine cloudinit.Machine) guest {
	t.Helper()
	g := guest{t, t.TempDir()}
	data, err := machine.UserData(cloudinit.Limit{})
	if err != nil {
		t.Fatal(err)
	}
	decoded := read(t, data.Content)
	for _, one := range decoded.WriteFiles {
		content, _ := decoded.file(one.Path)
		mode, err := strconv.ParseUint(one.Permissions, 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		g.write(one.Path, g.within(string(content), one.Encoding), os.FileMode(mode))
	}
	g.write("/run/none", "", 0o600)
	g.write("/dev/none", "", 0o600)
	for program, does := range map[string]string{
		"blkid": `exit 2`, "mkfs.ext4": `echo "made on $2"`, "mount": `echo "mounted $*"`, "umount": `echo "unmounted $*"`,
		"ip": `echo "2: eth0 inet 192.168.7.5/24 scope global eth0
3: eth1 inet 10.1.2.77/24 scope global eth1"`,
	} {
		g.write("/bin/"+program, "#!/bin/sh\n"+does+"\n", 0o755)
	}
	return g
}

// within moves the places that scripts know into the guest. Archives have their own names.
func (g guest) within(content, encoding string) string {
	if encoding != "" {
		return content
	}
	return strings.NewReplacer("/var/lib/agency", g.root+"/var/lib/agency", "/run/agency", g.root+"/run/agency", "/run/systemd", g.root+"/run/systemd", "/dev/console", g.root+"/dev/console",
		"-C /", "-C "+g.root, "PATH='", "PATH='"+g.root+"/bin:", "/proc/mounts", g.root+"/dev/none").Replace(content)
}

func (g guest) write(path, content string, mode os.FileMode) {
	g.Helper()
	target := filepath.Join(g.root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o750), os.WriteFile(target, []byte(content), mode)); err != nil {
		g.Fatal(err)
	}
}

func (g guest) read(path string) string {
	g.Helper()
	content, err := os.ReadFile(filepath.Join(g.root, path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		g.Fatal(err)
	}
	return string(content)
}

// sh runs a command by /bin/sh and returns what it printed and its exit code. What it leaves behind ends with the test.
func (g guest) sh(arguments ...string) (string, int) {
	g.Helper()
	command := exec.CommandContext(context.WithoutCancel(g.Context()), "/bin/sh", arguments...)
	command.Env = []string{"PATH=" + g.root + "/bin:" + os.Getenv("PATH"), "AGENCY_PATIENCE=0"}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := os.Create(filepath.Join(g.T.TempDir(), "output"))
	if err != nil {
		g.Fatal(err)
	}
	command.Stdout, command.Stderr = output, output
	err = command.Run()
	g.Cleanup(func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		g.Fatal(err)
	}
	text, err := os.ReadFile(output.Name())
	if err != nil {
		g.Fatal(err)
	}
	return string(text), command.ProcessState.ExitCode()
}

func TestCommandsFindTheirEnvironment(t *testing.T) {
	g := newGuest(t, web())
	g.write("/var/lib/agency/run/1", `printf '%s|' "$NAME" "$GREETING" "$ADDRESS" "$ADDRESS_LAN" "$ADDRESS_BACK_END" "$HOME" "${ROOT-none}"`, 0o700)
	said, code := g.sh(g.root+"/var/lib/agency/start", "1")
	// the network that comes first by name gives the address
	if want := "web-1|it's $HOME|10.9.0.7|10.1.2.77|10.9.0.7|/root|none|"; said != want || code != 0 {
		t.Errorf("a command finds %q (%d), and should find %q", said, code, want)
	}
	alone := web()
	alone.Networks = nil
	g = newGuest(t, alone)
	g.write("/var/lib/agency/run/1", `echo "$ADDRESS"`, 0o700)
	if said, _ := g.sh(g.root+"/var/lib/agency/start", "1"); said != "192.168.7.5\n" {
		t.Errorf("without a network the address is %q", said)
	}
	if said, code := g.sh(g.root+"/var/lib/agency/address", "172.16.0.0/12"); said != "" || code != 1 {
		t.Errorf("in a network that the machine is not in its address is %q (%d)", said, code)
	}
}

func TestABootMountsUnpacksAndStarts(t *testing.T) {
	machine := web()
	machine.Request.Files = filesOf(t, map[string][]byte{"/srv/site/index.html": []byte("hello")})
	g := newGuest(t, machine)
	told := filepath.Join(g.root, "told")
	if err := syscall.Mkfifo(told, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(told, os.O_RDWR, 0) // so that it has no end between two writers
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if err := pipe.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(machine.Request.Files)
	if err != nil {
		t.Fatal(err)
	}
	g.write("/var/lib/agency/files.tar.gz", string(archive), 0o600)
	g.write("/var/lib/agency/run/1", "echo one >"+told, 0o700)
	g.write("/var/lib/agency/run/2", "exit 0", 0o700)
	boot := filepath.Join(g.root, "var/lib/agency/boot")

	g.write("/var/lib/agency/pending", "", 0o600)
	if said, code := g.sh(boot); said != "" || code != 0 || g.read("/srv/site/index.html") != "" {
		t.Fatalf("before the rest is there it does something: %q (%d)", said, code)
	}
	if err := os.Remove(filepath.Join(g.root, "var/lib/agency/pending")); err != nil {
		t.Fatal(err)
	}
	if said, code := g.sh(boot); code != 1 || !strings.Contains(said, "no volume at /dev/disk/by-id/*vol1,/dev/xvdf") {
		t.Fatalf("without its volume it ends with %d: %q", code, said)
	}
	g.write("/dev/vdb", strings.Repeat("\x00", 4096), 0o600)
	g.write("/var/lib/agency/volumes", "/dev/no,"+g.root+"/dev/v* "+g.root+"/var/lib/kv\n", 0o600)
	said, code := g.sh(boot)
	if want := "made on " + g.root + "/dev/vdb\nmounted " + g.root + "/dev/vdb " + g.root + "/var/lib/kv\n"; !strings.HasPrefix(said, want) || code != 0 {
		t.Errorf("it ends with %d: %q, and should say %q", code, said, want)
	}
	if g.read("/srv/site/index.html") != "hello" {
		t.Error("the files are not unpacked")
	}
	for range 2 { // a command that ended is started again
		text := make([]byte, len("one\n"))
		if _, err := io.ReadFull(pipe, text); err != nil || string(text) != "one\n" {
			t.Fatalf("the command says %q, %v", text, err)
		}
	}
}

func TestWhatIsNotBlankIsNeverWrittenOver(t *testing.T) {
	g := newGuest(t, web())
	mount := filepath.Join(g.root, "var/lib/agency/mount")
	g.write("/dev/vdb", "data of a kind that nobody knows", 0o600)
	said, code := g.sh(mount, g.root+"/dev/vdb", g.root+"/data one", "keep")
	if code != 0 || strings.Contains(said, "made on") || !strings.Contains(said, "mounted") {
		t.Errorf("it ends with %d: %q", code, said)
	}
	if table := g.read("/var/lib/agency/volumes"); !strings.HasSuffix(table, g.root+"/dev/vdb "+g.root+"/data one\n") {
		t.Errorf("later boots would mount %q", table)
	}
	if said, code = g.sh(mount, "none", g.root+"/data one", "drop"); code != 0 || strings.Contains(g.read("/var/lib/agency/volumes"), "data one") {
		t.Errorf("it is not forgotten (%d): %q", code, said)
	}
}

func TestWithSystemdTheCommandsAreItsServices(t *testing.T) {
	machine := web()
	machine.Request.Volumes, machine.Volumes = nil, nil
	g := newGuest(t, machine)
	g.write("/run/systemd/system/none", "", 0o600)
	g.write("/bin/systemctl", "#!/bin/sh\necho \"$*\"\n", 0o755)
	said, code := g.sh(g.root + "/var/lib/agency/begin")
	if want := "daemon-reload\nenable agency-boot.service\nrestart --no-block agency-boot.service\n"; said != want || code != 0 {
		t.Errorf("to begin it asks for %q (%d)", said, code)
	}
	said, code = g.sh(g.root + "/var/lib/agency/boot")
	if want := "start --no-block agency-run@1.service\nstart --no-block agency-run@2.service\n"; said != want || code != 0 {
		t.Errorf("at a boot it asks for %q (%d)", said, code)
	}
}

// receiver is a machine to which a rest is brought.
type receiver struct {
	vendormodules.Files
	names   []string
	command vendormodules.Command
	code    int
}

func (r *receiver) WriteFiles(_ context.Context, _ string, archive io.Reader) error {
	names, err := entries(archive)
	r.names = names
	return err
}

func (r *receiver) Execute(_ context.Context, _ string, command vendormodules.Command, stdout, _ io.Writer) (int, error) {
	r.command = command
	_, err := io.WriteString(stdout, "because")
	return r.code, err
}

func TestARestIsBrought(t *testing.T) {
	machine := web()
	machine.Request.Files = filesOf(t, map[string][]byte{"/srv/a": noise(1000)})
	everything, err := machine.Everything()
	if err != nil {
		t.Fatal(err)
	}
	var to receiver
	if err := everything.Deliver(t.Context(), &to, "m-1"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/srv/a", "/var/lib/agency/boot", "/var/lib/agency/run/2"} {
		if !slices.Contains(to.names, name) {
			t.Errorf("%s is not among %q", name, to.names)
		}
	}
	to.code = 3
	if err := everything.Deliver(t.Context(), &to, "m-1"); err == nil || !strings.Contains(err.Error(), "ended with 3: because") {
		t.Errorf("of a machine that does not start: %v", err)
	}
}
