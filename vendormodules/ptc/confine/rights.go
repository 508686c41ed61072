package confine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// keptRights are the superuser's rights that a machine's commands keep where the agency runs as the superuser: those
// that servers use on their own files and to become another user. The others, by which a process looks into the whole
// host, go.
var keptRights = [...]uint{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
	unix.CAP_SETGID, unix.CAP_SETUID, unix.CAP_NET_BIND_SERVICE,
}

// DropRights takes the superuser's rights beyond keptRights from the calling thread, and from what it executes, for
// good. The caller has locked its goroutine to the thread.
func DropRights() error {
	var kept uint64
	for _, right := range keptRights {
		kept |= 1 << right
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return fmt.Errorf("drop rights: %w", err)
	}
	if have[0].Permitted|have[1].Permitted == 0 {
		return nil // an ordinary user's, who gains none either
	}
	for right := uint(0); right < 64; right++ {
		if kept&(1<<right) != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(right), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) { // the kernel knows no more
			break
		}
		if err != nil && !errors.Is(err, unix.EPERM) { // without the right to do it: what is held goes below
			return fmt.Errorf("drop rights: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop rights: %w", err)
	}
	for i := range have {
		mask := uint32(kept >> (32 * i))
		have[i].Permitted &= mask
		have[i].Effective &= mask
		have[i].Inheritable = 0
	}
	if err := unix.Capset(&header, &have[0]); err != nil {
		return fmt.Errorf("drop rights: %w", err)
	}
	return nil
}
