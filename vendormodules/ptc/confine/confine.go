package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Level is the version of Landlock that the kernel has; 0 for none.
type Level int

// Find asks the kernel for its level.
func Find() Level {
	version, _, failure := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if failure != 0 {
		return 0
	}
	return Level(version)
}

// Warning says what the level does not keep; empty if it keeps all that matters.
func (l Level) Warning() string {
	switch {
	case l < 1:
		return "not confined to its own files: this kernel has no Landlock"
	case l < 3:
		return "confined to its own files except that it may cut others short: this kernel's Landlock is older than version 3"
	case l < 6:
		return "confined to its own files, but it may signal processes of other machines: this kernel's Landlock is older than version 6"
	}
	return ""
}

// Rights on files, by what they allow. Making device nodes is in none of them: to a superuser's process they would open
// every disk.
const (
	readRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	ownRights  = readRights | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER
	deviceRights = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	fileRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | deviceRights
	allRights  = ownRights | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// handled are the rights that a kernel of this level can withhold.
func (l Level) handled() uint64 {
	rights := uint64(allRights)
	if l < 5 {
		rights &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if l < 3 {
		rights &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if l < 2 {
		rights &^= unix.LANDLOCK_ACCESS_FS_REFER
	}
	return rights
}

// system is what every machine may read and execute, as far as it is there.
var system = [...]string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/etc", "/proc", "/sys",
	"/etc/resolv.conf", "/etc/localtime", // mostly links to elsewhere
}

// devices are what every machine may read and write, as far as it is there.
var devices = [...]string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

// Thread confines the calling thread, and what it executes, for good: beside the system it may read and execute what lies
// in Read, and do as it likes in Own. The caller has locked its goroutine to the thread and executes another program on
// it. At level 0 it does nothing.
func (l Level) Thread(own, read []string) error {
	if l < 1 {
		return nil
	}
	ruleset, err := l.ruleset()
	if err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	defer unix.Close(ruleset) //nolint:errcheck // nothing was written
	for _, rule := range []struct {
		paths    []string
		rights   uint64
		optional bool
	}{{system[:], readRights, true}, {devices[:], deviceRights, true}, {read, readRights, false}, {own, ownRights, false}} {
		for _, path := range rule.paths {
			err := allow(ruleset, path, rule.rights&l.handled())
			if absent := errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission); rule.optional && absent {
				continue
			}
			if err != nil {
				return fmt.Errorf("confine: %s: %w", path, err)
			}
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	if _, _, failure := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); failure != 0 {
		return fmt.Errorf("confine: %w", failure)
	}
	return nil
}

func (l Level) ruleset() (int, error) {
	attributes := unix.LandlockRulesetAttr{Handled_access_fs: l.handled()}
	size := unsafe.Sizeof(attributes.Handled_access_fs)
	if l >= 6 {
		attributes.Scoped = unix.LANDLOCK_SCOPE_SIGNAL | unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		size = unsafe.Offsetof(attributes.Scoped) + unsafe.Sizeof(attributes.Scoped)
	}
	descriptor, _, failure := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attributes)), size, 0)
	if failure != 0 {
		return -1, failure
	}
	return int(descriptor), nil
}

// allow adds a rule. A path that is a link stands for what it leads to.
func allow(ruleset int, path string, rights uint64) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	file, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(file) //nolint:errcheck // nothing was written
	var stat unix.Stat_t
	if err := unix.Fstat(file, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights
	}
	attributes := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(file)}
	_, _, failure := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&attributes)), 0, 0, 0)
	if failure != 0 {
		return failure
	}
	return nil
}
