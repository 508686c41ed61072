package limits_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/ptc/limits"
)

// hosted lays out a host: what a process shows of itself, and directories with the controllers they have switched on.
func hosted(t *testing.T, membership, mountinfo string, directories map[string]string) (limits.Host, string) {
	t.Helper()
	root := t.TempDir()
	write := func(path, content string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(root, "proc", "cgroup"), membership)
	write(filepath.Join(root, "proc", "mountinfo"), strings.ReplaceAll(mountinfo, "$ROOT", root))
	for directory, controllers := range directories {
		write(filepath.Join(root, directory, "cgroup.subtree_control"), controllers)
		write(filepath.Join(root, directory, "cgroup.procs"), "")
	}
	return limits.Host{Self: filepath.Join(root, "proc")}, root
}

const unified = "31 23 0:28 / $ROOT/fs rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"

func TestTheNearestDelegatedGroupIsUsed(t *testing.T) {
	host, root := hosted(t, "0::/user/app/one\n", unified, map[string]string{
		"fs": "cpu memory pids", "fs/user": "memory cpu\n", "fs/user/app": "pids", "fs/user/app/one": "",
	})
	plan := host.Plan("m1", limits.Bounds{Memory: 64 << 20, Cores: 2})
	want := filepath.Join(root, "fs", "user", "agency-m1")
	if plan.Warning != "" || !slices.Equal(plan.Directories(), []string{want}) {
		t.Fatalf("the plan is %+v", plan)
	}
	for range 2 { // a repeat finds the groups
		if err := plan.Make(); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"memory.max": "67108864", "cpu.max": "200000 100000"} {
		if got, err := os.ReadFile(filepath.Join(want, name)); string(got) != content {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
}

func TestWhatCannotBeLimitedIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		membership, mountinfo string
		directories           map[string]string
		warning               string
	}{
		"nothing":     {"", "", nil, "memory and CPU are not limited"},
		"not mine":    {"0::/a\n", unified, map[string]string{"fs/a": "pids"}, "memory and CPU are not limited"},
		"memory only": {"0::/a\n", unified, map[string]string{"fs/a": "memory"}, "CPU is not limited"},
		"first version": {
			"4:memory:/here\n1:cpu,cpuacct:/\n",
			"35 31 0:32 / $ROOT/memory rw - cgroup cgroup rw,memory\n32 31 0:29 / $ROOT/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
			map[string]string{"memory/here": "", "cpu": ""}, "",
		},
		"cpu only of the first version": {
			"1:cpu:/\n", "32 31 0:29 / $ROOT/cpu rw - cgroup cgroup rw,cpu\n", map[string]string{"cpu": ""}, "memory is not limited",
		},
		"hybrid": {
			"4:memory:/\n0::/\n",
			"35 31 0:32 / $ROOT/memory rw - cgroup cgroup rw,memory\n" + unified,
			map[string]string{"memory": "", "fs": "cpu"}, "",
		},
	} {
		host, _ := hosted(t, test.membership, test.mountinfo, test.directories)
		plan := host.Plan("m1", limits.Bounds{Memory: 1 << 20, Cores: 1})
		if (test.warning == "") != (plan.Warning == "") || !strings.HasPrefix(plan.Warning, test.warning) {
			t.Errorf("%s: the warning is %q, should be %q", name, plan.Warning, test.warning)
		}
	}
	if plan := (limits.Host{Self: "/nowhere"}).Plan("m1", limits.Bounds{}); !strings.Contains(plan.Warning, "not limited") {
		t.Errorf("without /proc the warning is %q", plan.Warning)
	}
}

func TestGroupsThatAreGoneAreNoError(t *testing.T) {
	gone := []string{filepath.Join(t.TempDir(), "gone")}
	if members, err := limits.Members(gone); len(members) > 0 || err != nil {
		t.Errorf("Members: %v, %v", members, err)
	}
	if err := limits.Remove(gone); err != nil {
		t.Errorf("Remove: %v", err)
	}
	if err := limits.Join(gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Join: %v", err)
	}
}
