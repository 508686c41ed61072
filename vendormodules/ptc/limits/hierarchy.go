package limits

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// hierarchy is a directory in which groups can be made, with the controllers that these would have.
type hierarchy struct {
	directory   string
	controllers []string
	unified     bool
}

// wanted are the controllers that are used.
var wanted = [...]string{"memory", "cpu"}

var errNone = errors.New("this machine shows no control groups")

// hierarchies finds the directories for groups, the nearest of each kind. A controller may be in several.
func (h Host) hierarchies() ([]hierarchy, error) {
	self := cmp.Or(h.Self, "/proc/self")
	memberships, err := os.ReadFile(filepath.Join(self, "cgroup"))
	if err != nil {
		return nil, errNone
	}
	mounts, err := os.ReadFile(filepath.Join(self, "mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("mounts cannot be read: %w", err)
	}
	var found []hierarchy
	for _, mount := range parseMounts(string(mounts)) {
		path, member := membership(string(memberships), mount)
		if !member {
			continue
		}
		inside, err := filepath.Rel(mount.root, path)
		if err != nil || strings.HasPrefix(inside, "..") {
			inside = "." // the membership is outside of what is mounted
		}
		var place hierarchy
		var usable bool
		if mount.unified {
			place, usable = delegated(mount.point, filepath.Join(mount.point, inside))
		} else {
			place = hierarchy{directory: filepath.Join(mount.point, inside), controllers: mount.controllers}
			usable = writable(place.directory)
		}
		if usable {
			found = append(found, place)
		}
	}
	return found, nil
}

// delegated walks from the own group up to the first one in which groups with controllers can be made. Where it is not
// the own group, the own one's processes must be movable, which takes the right to write to the list of processes there.
func delegated(mount, own string) (hierarchy, bool) {
	for directory := own; strings.HasPrefix(directory, mount); directory = filepath.Dir(directory) {
		enabled, err := os.ReadFile(filepath.Join(directory, "cgroup.subtree_control"))
		if err != nil {
			continue
		}
		controllers := intersect(strings.Fields(string(enabled)))
		if len(controllers) > 0 && writable(directory) && writable(filepath.Join(directory, "cgroup.procs")) {
			return hierarchy{directory, controllers, true}, true
		}
	}
	return hierarchy{}, false
}

func writable(path string) bool { return unix.Access(path, unix.W_OK) == nil }

func intersect(controllers []string) []string {
	return slices.DeleteFunc(slices.Clone(controllers), func(name string) bool { return !slices.Contains(wanted[:], name) })
}

// mount is one mounted hierarchy of control groups.
type mount struct {
	root, point string
	controllers []string
	unified     bool
}

// parseMounts reads /proc/PID/mountinfo, of which only the hierarchies with a wanted controller are returned.
func parseMounts(text string) []mount {
	var mounts []mount
	for line := range strings.Lines(text) {
		before, after, found := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 6 || len(kind) < 3 {
			continue
		}
		one := mount{root: fields[3], point: fields[4], unified: kind[0] == "cgroup2"}
		if kind[0] == "cgroup" {
			one.controllers = intersect(strings.Split(kind[2], ","))
		}
		if one.unified || len(one.controllers) > 0 {
			mounts = append(mounts, one)
		}
	}
	return mounts
}

// membership finds the group that the process is in, in a /proc/PID/cgroup of lines "number:controllers:path".
func membership(text string, of mount) (string, bool) {
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		if of.unified && fields[1] == "" || !of.unified && len(of.controllers) > 0 &&
			slices.Contains(strings.Split(fields[1], ","), of.controllers[0]) {
			return fields[2], true
		}
	}
	return "", false
}
