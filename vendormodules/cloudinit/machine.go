package cloudinit

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Machine is what a machine is to become.
type Machine struct {
	Request vendormodules.Request
	// Volumes by which the request's are found in the machine, in the same order.
	Volumes []Volume
	// Networks of the request, in the same order.
	Networks []Network
	// RootKeys are SSH public keys that may log in as root: the module's own. Those of the class log in as the image's
	// own user.
	RootKeys []string
	// HostKey of the machine's SSH server, so that it is known before the first contact; the machine makes its own if it
	// is zero.
	HostKey HostKey
}

// Volume is how a machine finds one of its volumes.
type Volume struct {
	Mount string
	// Devices are paths at which it may appear, the surest first: shell patterns of letters, digits and /-_.*?
	Devices []string
}

// Network is how a machine finds its address in a network.
type Network struct {
	// Name of the network's class.
	Name string
	// Address of the machine, if the module knows it already.
	Address netip.Addr
	// Range of the network, IPv4, in which the machine looks for its address otherwise; without one it is that by which
	// it reaches others.
	Range netip.Prefix
}

// HostKey is an ed25519 key of an SSH server.
type HostKey struct {
	// Private key as OpenSSH writes it (PEM).
	Private services.Secret
	// Public key as in authorized_keys.
	Public string
}

// directory is where all that the agency puts into a machine lies.
const directory = "/var/lib/agency"

// file is one that the agency puts into a machine.
type file struct {
	path    string
	mode    os.FileMode
	content []byte
}

var (
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	pattern  = regexp.MustCompile(`^/[A-Za-z0-9/_.:*?-]+$`)
)

// check says what cannot be written down for a machine.
func (m Machine) check() error {
	if len(m.Volumes) != len(m.Request.Volumes) {
		return fmt.Errorf("user data: %d volumes are asked for and %d are found: %w",
			len(m.Request.Volumes), len(m.Volumes), vendormodules.ErrInvalid)
	}
	for _, volume := range m.Volumes {
		if !path.IsAbs(volume.Mount) || strings.ContainsAny(volume.Mount, "\n\x00") {
			return fmt.Errorf("user data: mount %q: %w", volume.Mount, vendormodules.ErrInvalid)
		}
		for _, device := range volume.Devices {
			if !pattern.MatchString(device) {
				return fmt.Errorf("user data: device %q: %w", device, vendormodules.ErrInvalid)
			}
		}
	}
	for name := range m.Request.Class.Environment {
		if !variable.MatchString(name) {
			return fmt.Errorf("user data: environment: %q is no name of a variable: %w", name, vendormodules.ErrInvalid)
		}
	}
	return nil
}

// files are all that the agency puts into the machine but the request's own files.
func (m Machine) files() []file {
	all := []file{
		{directory + "/begin", 0o755, script("begin")},
		{directory + "/boot", 0o755, script("boot")},
		{directory + "/start", 0o755, script("start")},
		{directory + "/mount", 0o755, script("mount")},
		{directory + "/address", 0o755, script("address")},
		{directory + "/environment", 0o600, m.environment()},
		{directory + "/volumes", 0o644, m.table()},
		{"/etc/systemd/system/agency-run@.service", 0o644, script("agency-run@.service")},
		{"/etc/systemd/system/agency-boot.service", 0o644, script("agency-boot.service")},
		{"/var/lib/cloud/scripts/per-boot/agency", 0o755, script("per-boot")},
	}
	for index, command := range m.Request.Class.Run {
		all = append(all, file{fmt.Sprintf("%s/run/%d", directory, index+1), 0o700, []byte(command + "\n")})
	}
	return all
}

// environment is a shell script that sets what commands find. What a class may not overrule comes last.
func (m Machine) environment() []byte {
	var text strings.Builder
	set := func(name, value string) { fmt.Fprintf(&text, "export %s=%s\n", name, Quote(value)) }
	set("HOME", "/root")
	set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	set("TMPDIR", "/tmp")
	for _, name := range slices.Sorted(maps.Keys(m.Request.Class.Environment)) {
		set(name, m.Request.Class.Environment[name])
	}
	set("NAME", m.Request.Name)
	text.WriteString("unset ROOT\n")
	networks := slices.SortedFunc(slices.Values(m.Networks), func(a, b Network) int { return strings.Compare(a.Name, b.Name) })
	if len(networks) == 0 {
		fmt.Fprintf(&text, "ADDRESS=$(/bin/sh %s/address)\nexport ADDRESS\n", directory)
	}
	for index, network := range networks {
		name := "ADDRESS_" + strings.ToUpper(strings.ReplaceAll(network.Name, "-", "_"))
		switch {
		case network.Address.IsValid():
			set(name, network.Address.String())
		case network.Range.IsValid():
			fmt.Fprintf(&text, "%s=$(/bin/sh %s/address %s)\nexport %s\n", name, directory, network.Range.Masked(), name)
		default:
			fmt.Fprintf(&text, "%s=$(/bin/sh %s/address)\nexport %s\n", name, directory, name)
		}
		if index == 0 {
			fmt.Fprintf(&text, "export ADDRESS=\"$%s\"\n", name)
		}
	}
	return []byte(text.String())
}

// table has a line for each volume: its devices, and behind them the mount.
func (m Machine) table() []byte {
	var text strings.Builder
	for _, volume := range m.Volumes {
		fmt.Fprintf(&text, "%s %s\n", strings.Join(volume.Devices, ","), volume.Mount)
	}
	return []byte(text.String())
}

// MountCommand is what a machine runs to mount a volume that was attached to it while it runs, and at each boot from
// then on.
func MountCommand(volume Volume) []string {
	return []string{"/bin/sh", directory + "/mount", strings.Join(volume.Devices, ","), volume.Mount, "keep"}
}

// UnmountCommand is what a machine runs before the volume at a mount is detached from it.
func UnmountCommand(mount string) []string {
	return []string{"/bin/sh", directory + "/mount", "none", mount, "drop"}
}

// Quote makes one word of the shell of any text.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
