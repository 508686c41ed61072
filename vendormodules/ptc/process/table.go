package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of times in /proc; the kernel fixes it at 1/100 s for programs, whatever its own clock does.
const tick = 10 * time.Millisecond

// Process is one process as the kernel shows it.
type Process struct {
	PID, Parent int
	Name        string
	State       byte
	// Started is in clock ticks since boot.
	Started uint64
	// Own is the processor time of the process, Reaped that of the children whose end it has noticed, and of theirs.
	Own, Reaped time.Duration
	// Memory is what lies in physical memory, in bytes, shared pages included.
	Memory int64
}

// Dead says that the process has ended and only waits for its parent to notice.
func (p Process) Dead() bool { return p.State == 'Z' || p.State == 'X' }

// Table is every process of this machine by its number.
type Table map[int]Process

// All reads the table. Processes that end meanwhile are left out.
func All() (Table, error) {
	numbers, err := numbers()
	if err != nil {
		return nil, err
	}
	table := make(Table, len(numbers))
	for _, pid := range numbers {
		if process, err := readStat(pid); err == nil {
			table[pid] = process
		}
	}
	return table, nil
}

// Below returns the living descendants of a process, itself not among them.
func (t Table) Below(ancestor int) []Process {
	children := make(map[int][]int, len(t))
	for pid, process := range t {
		children[process.Parent] = append(children[process.Parent], pid)
	}
	var below []Process
	for open := children[ancestor]; len(open) > 0; {
		next := t[open[0]]
		open = append(open[1:], children[next.PID]...)
		if !next.Dead() {
			below = append(below, next)
		}
	}
	return below
}

// Marked returns the processes whose environment at their start held a variable of this value. Those of other people,
// whose environment cannot be read, are not among them.
func Marked(name, value string) ([]int, error) {
	numbers, err := numbers()
	if err != nil {
		return nil, err
	}
	wanted := []byte(name + "=" + value)
	var marked []int
	for _, pid := range numbers {
		environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		if err != nil {
			continue
		}
		for entry := range bytes.SplitSeq(environment, []byte{0}) {
			if bytes.Equal(entry, wanted) {
				marked = append(marked, pid)
				break
			}
		}
	}
	return marked, nil
}

// Kill ends processes at once, those that are already gone included.
func Kill(pids []int) error {
	var all error
	for _, pid := range pids {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			all = errors.Join(all, fmt.Errorf("kill process %d: %w", pid, err))
		}
	}
	return all
}

// Sockets returns the inodes of the sockets that a process has open; none if it is gone.
func Sockets(pid int) ([]uint64, error) {
	directory := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sockets of process %d: %w", pid, err)
	}
	var inodes []uint64
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(directory, entry.Name()))
		if err != nil {
			continue
		}
		number, found := strings.CutPrefix(target, "socket:[")
		if !found {
			continue
		}
		if inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64); err == nil {
			inodes = append(inodes, inode)
		}
	}
	return inodes, nil
}

func numbers() ([]int, error) {
	directory, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	names, err := directory.Readdirnames(-1)
	if err = errors.Join(err, directory.Close()); err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

var errStat = errors.New("not in the form that is known")

// readStat reads /proc/PID/stat. The name may hold anything, also parentheses and spaces.
func readStat(pid int) (Process, error) {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return Process{}, err
	}
	open, end := bytes.IndexByte(content, '('), bytes.LastIndexByte(content, ')')
	if open < 0 || end < open {
		return Process{}, fmt.Errorf("stat of process %d: %w", pid, errStat)
	}
	fields := strings.Fields(string(content[end+1:])) // from the third of proc(5) on
	if len(fields) < 22 || len(fields[0]) != 1 {
		return Process{}, fmt.Errorf("stat of process %d: %w", pid, errStat)
	}
	process := Process{PID: pid, Name: string(content[open+1 : end]), State: fields[0][0]}
	number := func(field int) uint64 {
		value, wrong := strconv.ParseUint(fields[field-3], 10, 64)
		if wrong != nil {
			err = fmt.Errorf("stat of process %d: field %d: %w", pid, field, errStat)
		}
		return value
	}
	process.Parent, process.Started = int(number(4)), number(22)
	process.Own = time.Duration(number(14)+number(15)) * tick
	process.Reaped = time.Duration(number(16)+number(17)) * tick
	process.Memory = int64(number(24)) * int64(os.Getpagesize())
	return process, err
}
