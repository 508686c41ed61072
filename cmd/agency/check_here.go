package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/agents/standalone"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/all"
	"github.com/cloud-agency/agency/vendormodules/ptc/confine"
	"github.com/cloud-agency/agency/vendormodules/ptc/limits"
	"github.com/cloud-agency/agency/vendormodules/ptc/loopback"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// configuration reads the file, or takes the default.
func (c *checkup) configuration(file string) {
	const area = "configuration"
	settings, err := c.session.readConfiguration(file)
	var wrong *wrongFile
	switch {
	case errors.As(err, &wrong):
		for _, fault := range wrong.faults {
			c.note(checkWrong, area, "", "mend it; docs/commands.md tells of the file", "%s", fault)
		}
	case err != nil:
		c.note(checkWrong, area, "", "give another --config, or write one with `agency init`", "%s", firstLine(err))
	default:
		c.settings, c.valid = settings, true
		name := settings.file
		if file == "" {
			name = "none given; the default"
		}
		c.fine(area, "", "%s: %s", name, present.Count(len(settings.Vendors), "vendor"))
	}
}

// locate finds the data directory without making it.
func (c *checkup) locate(named string, running connection, found bool) error {
	data := named
	switch {
	case data != "":
	case found && running.Data != "":
		data = running.Data
	case c.settings.Data != "":
		data = c.settings.Data
	default:
		data = filepath.Join(c.session.stateDirectory(), "data")
	}
	data, err := filepath.Abs(data)
	if err != nil {
		return fmt.Errorf("find the data directory: %w", err)
	}
	c.data = data
	if left, err := readConnection(filepath.Join(data, connectionFile)); err == nil && left.Process.Alive() {
		c.alive = left.Process.PID
	}
	return nil
}

// modules makes each configured module once, on nothing, since it alone knows what its part of the file means.
func (c *checkup) modules(ctx context.Context) {
	if !c.valid {
		return
	}
	vendors, _ := c.settings.vendors() // faults were told when the configuration was read
	for _, vendor := range vendors {
		err := tryModule(ctx, vendor)
		var faults descriptors.Faults
		switch {
		case err == nil:
			c.fine("module", vendor.Name, "%s takes its configuration", vendor.Module)
		case errors.As(err, &faults):
			for _, fault := range faults {
				fault.File = c.settings.file
				c.note(checkWrong, "module", vendor.Name, "mend it", "%s", fault)
			}
		default:
			c.note(checkWrong, "module", vendor.Name, "", "%s", err)
		}
	}
}

func tryModule(ctx context.Context, settings standalone.Account) (err error) {
	kind, err := vendormodules.FindKind(all.Kinds(), settings.Module)
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp("", "agency-check-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	kept, err := store.OpenSQLite(ctx, filepath.Join(directory, "module.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	key, err := services.LoadOrCreateKey(filepath.Join(directory, "vault.key"))
	if err != nil {
		return err
	}
	module, err := kind.New(ctx, settings.Configuration, vendormodules.Environment{
		Vendor: settings.Name, Agency: "check", Directory: filepath.Join(directory, settings.Module), Program: program,
		Credentials: services.NewVault(kept, key, time.Now), Store: kept, Log: zap.NewNop(), Now: time.Now,
		HTTP: http.DefaultTransport,
	})
	if err != nil {
		return err
	}
	return module.Close()
}

// directory says whether the data directory can be used, and by whom it is.
func (c *checkup) directory() {
	const area = "data"
	information, err := os.Stat(c.data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if parent := existing(c.data); unix.Access(parent, unix.W_OK) != nil {
			c.note(checkWrong, area, "", "give another --data", "%s is not there yet, and cannot be made: %s may not be written to", c.data, parent)
			return
		}
		c.fine(area, "", "%s is not there yet; the first `agency up` makes it", c.data)
	case err != nil:
		c.note(checkWrong, area, "", "", "%s", err)
	case !information.IsDir():
		c.note(checkWrong, area, "", "give another --data", "%s is no directory", c.data)
	case unix.Access(c.data, unix.W_OK) != nil:
		c.note(checkWrong, area, "", "run as its owner, or give another --data", "%s may not be written to", c.data)
	case c.alive > 0:
		c.fine(area, "", "%s, in use by process %d", c.data, c.alive)
	default:
		c.fine(area, "", "%s, in use by nobody", c.data)
	}
}

// existing is the nearest directory above that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// private are the files that nobody else may read, as patterns below the data directory.
func private() []string {
	return []string{
		".", connectionFile, "*.creds", "authority", "authority/*", "agents/*", "agents/*/*.creds", "agents/*/*.key",
		"agents/*/*.db", "log/*.log",
	}
}

// rights sees that what is secret is its owner's alone.
func (c *checkup) rights() {
	checked, open := 0, 0
	for _, pattern := range private() {
		names, err := filepath.Glob(filepath.Join(c.data, pattern))
		if err != nil {
			continue // none of the patterns is malformed
		}
		for _, name := range names {
			information, err := os.Lstat(name)
			if err != nil {
				continue // gone since it was listed
			}
			checked++
			if !c.isPrivate(name, information) {
				open++
			}
		}
	}
	if checked > 0 && open == 0 {
		c.fine("rights", "", "%s, all their owner's alone", present.Count(checked, "private file"))
	}
}

func (c *checkup) isPrivate(name string, information fs.FileInfo) bool {
	if mode := information.Mode().Perm(); mode&0o077 != 0 {
		c.note(checkWrong, "rights", "", fmt.Sprintf("chmod go= %s", name), "%s may be used by others (mode %04o)", name, mode)
		return false
	}
	if owner, is := information.Sys().(*syscall.Stat_t); is && int(owner.Uid) != os.Geteuid() {
		c.note(checkWatch, "rights", "", "run the agency as one user only", "%s is another user's (number %d)", name, owner.Uid)
		return false
	}
	return true
}

// The least free space: below the first nothing can be kept, below the second it soon cannot.
const (
	leastSpace  = 64 * quantity.MiB
	scarceSpace = quantity.GiB
)

// space says how much room there is for records, logs and machines.
func (c *checkup) space() {
	var stat unix.Statfs_t
	place := existing(c.data)
	if err := unix.Statfs(place, &stat); err != nil {
		c.note(checkWatch, "disk", "", "", "free space at %s cannot be told: %s", place, err)
		return
	}
	free := quantity.Bytes(int64(stat.Bavail) * stat.Bsize)
	hint := "make room: logs and streams are below " + c.data
	switch {
	case free < leastSpace:
		c.note(checkWrong, "disk", "", hint, "%s free at %s; records can no longer be kept", present.Size(free), place)
	case free < scarceSpace:
		c.note(checkWatch, "disk", "", hint, "%s free at %s", present.Size(free), place)
	default:
		c.fine("disk", "", "%s free at %s", present.Size(free), place)
	}
}

// stores opens each agent's records and reads all of them, unless somebody uses them.
func (c *checkup) stores(ctx context.Context) {
	names, err := filepath.Glob(filepath.Join(c.data, "agents", "*", "*.db"))
	if err != nil || len(names) == 0 {
		return
	}
	if c.alive > 0 {
		c.fine("store", "", "%s in use by process %d; that its agents answer shows that they can be read", present.Count(len(names), "store"), c.alive)
		return
	}
	readable := 0
	for _, name := range names {
		switch err := readStore(ctx, name); {
		case errors.Is(err, store.ErrInUse):
			c.note(checkWatch, "store", "", "", "%s is in use by another process, and was not read", name)
		case err != nil:
			c.note(checkWrong, "store", "", "put a backup of "+filepath.Dir(name)+" in its place", "%s cannot be read: %s", name, err)
		default:
			readable++
		}
	}
	if readable > 0 {
		c.fine("store", "", "%s can be read", present.Count(readable, "store"))
	}
}

func readStore(ctx context.Context, name string) error {
	opened, err := store.OpenSQLite(ctx, name)
	if err != nil {
		return err
	}
	_, err = opened.List(ctx, "")
	return errors.Join(err, opened.Close())
}

// testbed looks at what ptc needs of this machine.
func (c *checkup) testbed(ctx context.Context) {
	const area = "ptc"
	vendors, _ := c.settings.vendors() // as in modules
	if !slices.ContainsFunc(vendors, func(vendor standalone.Account) bool { return vendor.Module == area }) {
		return
	}
	level := confine.Find()
	if warning := level.Warning(); warning != "" {
		c.note(checkWatch, area, "Landlock", "a newer kernel, or one with Landlock switched on (lsm=landlock,...)", "machines are %s", warning)
	} else {
		c.fine(area, "Landlock", "version %d: machines are confined to their own files", level)
	}
	plan := limits.Host{}.Plan("check", limits.Bounds{Memory: quantity.MiB, Cores: 1})
	if plan.Warning != "" {
		c.note(checkWatch, area, "cgroups", "run it where a control group is delegated to you: systemd-run --user --scope -p Delegate=yes", "%s", plan.Warning)
	} else {
		c.fine(area, "cgroups", "machines are kept to their memory and cores")
	}
	claim, err := loopback.Find(ctx, "check")
	if err == nil {
		err = claim.Close()
	}
	if err != nil {
		c.note(checkWrong, area, "addresses", "stop what listens there, or another agency's machines", "%s", err)
		return
	}
	c.fine(area, "addresses", "there are free ones on loopback")
}

// port sees whether the bus could listen where it is told to.
func (c *checkup) port(ctx context.Context) {
	host, port, err := c.settings.listen()
	if err != nil || port == 0 || c.alive > 0 {
		return // any port will do, or it was told of, or has it
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		c.note(checkWrong, "port", "", "give another in listen:, or stop what has it", "the bus cannot listen at %s: %s", address, err)
		return
	}
	_ = listener.Close()
	c.fine("port", "", "%s is free for the bus", address)
}
