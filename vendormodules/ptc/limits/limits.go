package limits

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"golang.org/x/sys/unix"
)

// Bounds are what a machine may use at most.
type Bounds struct {
	Memory quantity.Bytes
	Cores  int
}

// Host is where control groups are found; the zero Host is this machine.
type Host struct {
	// Self is the directory of a process in /proc, by default the own one.
	Self string
}

// Plan says which groups a machine of this name would have, and what cannot be limited; it makes nothing.
type Plan struct {
	groups []group
	// Warning says in a sentence what is not limited and why; empty if everything is.
	Warning string
}

// group is one control group to be made and the files that set its bounds.
type group struct {
	directory string
	settings  map[string]string
}

// period is the span, in microseconds, over which processor time is accounted.
const period = 100_000

// Plan finds out what can be limited here. The name must be unique on the machine.
func (h Host) Plan(name string, bounds Bounds) Plan {
	hierarchies, err := h.hierarchies()
	if err != nil {
		return Plan{Warning: "memory and CPU are not limited: " + err.Error()}
	}
	values := settings(bounds)
	var plan Plan
	limited := map[string]bool{}
	for _, hierarchy := range hierarchies {
		group := group{directory: filepath.Join(hierarchy.directory, "agency-"+name), settings: map[string]string{}}
		for _, controller := range hierarchy.controllers {
			if limited[controller] {
				continue
			}
			file := bounding(controller, hierarchy.unified)
			group.settings[file] = values[file]
			limited[controller] = true
		}
		if len(group.settings) > 0 {
			plan.groups = append(plan.groups, group)
		}
	}
	plan.Warning = warning(limited)
	return plan
}

// The files that set the bounds of a group, by the version of its hierarchy.
const (
	memoryUnified, memoryFirst = "memory.max", "memory.limit_in_bytes"
	cpuUnified, cpuFirst       = "cpu.max", "cpu.cfs_quota_us"
)

// bounding is the file that sets the bound of a controller.
func bounding(controller string, unified bool) string {
	switch {
	case controller == "memory" && unified:
		return memoryUnified
	case controller == "memory":
		return memoryFirst
	case unified:
		return cpuUnified
	}
	return cpuFirst
}

// settings are the bounds as each file wants them.
func settings(bounds Bounds) map[string]string {
	memory, cpu := strconv.FormatInt(int64(bounds.Memory), 10), strconv.Itoa(bounds.Cores*period)
	return map[string]string{
		memoryUnified: memory, memoryFirst: memory,
		cpuUnified: cpu + " " + strconv.Itoa(period), cpuFirst: cpu,
	}
}

func warning(limited map[string]bool) string {
	const reason = " not limited: there is no control group here in which this user may make others"
	switch {
	case !limited["memory"] && !limited["cpu"]:
		return "memory and CPU are" + reason
	case !limited["memory"]:
		return "memory is" + reason
	case !limited["cpu"]:
		return "CPU is" + reason
	}
	return ""
}

// Directories of the planned groups.
func (p Plan) Directories() []string {
	directories := make([]string, 0, len(p.groups))
	for _, group := range p.groups {
		directories = append(directories, group.directory)
	}
	return directories
}

// Make makes the groups, which may be there already, and sets their bounds.
func (p Plan) Make() error {
	for _, group := range p.groups {
		if err := os.Mkdir(group.directory, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make control group: %w", err)
		}
		for name, value := range group.settings {
			if err := os.WriteFile(filepath.Join(group.directory, name), []byte(value), 0o644); err != nil {
				return fmt.Errorf("set bounds of control group: %w", err)
			}
		}
	}
	return nil
}

// Join moves the calling process into the groups. What it starts is in them too.
func Join(directories []string) error {
	for _, directory := range directories {
		if err := os.WriteFile(filepath.Join(directory, "cgroup.procs"), []byte("0"), 0o644); err != nil {
			return fmt.Errorf("join control group: %w", err)
		}
	}
	return nil
}

// Members are the processes in the groups, those that wait for their parent to notice their end included.
func Members(directories []string) ([]int, error) {
	var members []int
	for _, directory := range directories {
		content, err := os.ReadFile(filepath.Join(directory, "cgroup.procs"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list control group: %w", err)
		}
		for field := range strings.FieldsSeq(string(content)) {
			if pid, err := strconv.Atoi(field); err == nil {
				members = append(members, pid)
			}
		}
	}
	return members, nil
}

// The bounds of the wait for the last member of a group to be quite gone. The kernel tells nobody when that is.
const (
	emptyEvery = 5 * time.Millisecond
	emptyMost  = 3 * time.Second
)

// Remove removes groups without members, those that are gone already included. A member that has just ended keeps its
// group for the moment until it is reaped, which is waited for.
func Remove(directories []string) error {
	var all error
	for _, directory := range directories {
		if err := removeEmpty(directory); err != nil {
			all = errors.Join(all, fmt.Errorf("remove control group %s: %w", directory, err))
		}
	}
	return all
}

func removeEmpty(directory string) error {
	ticker := time.NewTicker(emptyEvery)
	defer ticker.Stop()
	for patience := emptyMost; ; patience -= emptyEvery {
		err := unix.Rmdir(directory)
		switch {
		case err == nil, errors.Is(err, fs.ErrNotExist):
			return nil
		case !errors.Is(err, unix.EBUSY) || patience <= 0:
			return err
		}
		<-ticker.C
	}
}
