// Package record is what the module and its keepers know of a resource, and the layout of the directory it lies in.
//
// A resource is one directory. The module alone writes its Record, the resource's keeper alone writes its Status; each
// reads the other's. Both are replaced whole, so that a reader sees an old one or a new one and never a mixture. A
// directory under its final name always has a Record: it is made aside and renamed.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
)

// Record is what was asked for. It holds no secret, and no user data, which lies in the machine's own directory.
type Record struct {
	Key     string                 `json:"key"`
	Name    string                 `json:"name"`
	Tags    vendormodules.Tags     `json:"tags"`
	Class   descriptors.Class      `json:"class"`
	Created time.Time              `json:"created"`
	Volumes map[string]string      `json:"volumes,omitempty"` // volume id -> absolute path of its mount
	Targets []vendormodules.Target `json:"targets,omitempty"`
	// Addresses in the order of the networks asked for; the first is the resource's own.
	Addresses []Address `json:"addresses,omitempty"`
	// Block is the address block of a network.
	Block string `json:"block,omitempty"`
	// Program is the file that keeps the resource and holds its image's commands.
	Program string `json:"program,omitempty"`
	// Prepared says that everything is in place to start.
	Prepared bool `json:"prepared"`
	// Warnings that a copy bears since it was made.
	Warnings []string `json:"warnings,omitempty"`
	// Deleting says that nothing may start any more.
	Deleting bool `json:"deleting,omitempty"`
}

// Address is one address of a resource.
type Address struct {
	vendormodules.Address

	// NetworkName is for people and for the machine's environment; empty for the network of all who ask for none.
	NetworkName string `json:"network-name,omitempty"`
}

// Phase is where a keeper stands with what it keeps.
type Phase string

// The phases of a keeper.
const (
	Starting Phase = "starting"
	Running  Phase = "running"
	Stopping Phase = "stopping"
	Failed   Phase = "failed"
	Stopped  Phase = "stopped"
	// Lost is written by whoever finds that the keeper was killed, once nothing is left of what it kept.
	Lost Phase = "lost"
)

// Status is what became of it, by the keeper of this run or the last.
type Status struct {
	Keeper process.Identity `json:"keeper"`
	Phase  Phase            `json:"phase"`
	// Fault says why the phase is Failed.
	Fault    string   `json:"fault,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Restarts counts how often a command that had ended was started again.
	Restarts int `json:"restarts,omitempty"`
	// Groups are the control groups' directories.
	Groups []string `json:"groups,omitempty"`
	// Token is what a machine's keeper wants to hear from who asks it for something: machines, which can reach its socket
	// where the kernel does not confine that, cannot read it here.
	Token   string    `json:"token,omitempty"`
	Started time.Time `json:"started,omitzero"`
}

// Directory is a resource's directory.
type Directory string

// Root is the machine's own directory, $ROOT.
func (d Directory) Root() string { return filepath.Join(string(d), "root") }

// Volumes holds the data of the volumes that are attached to the machine, by their ids. Data moves, so that the
// machine, which is confined to its own directories, reaches a volume that comes later.
func (d Directory) Volumes() string { return filepath.Join(string(d), "volumes") }

// Data is where a volume's data lies while no machine has it, and always that of a snapshot or an image.
func (d Directory) Data() string { return filepath.Join(string(d), "data") }

// Console is the file that the machine's output goes to.
func (d Directory) Console() string { return filepath.Join(string(d), "console.log") }

// Diary is the file that the keeper's own complaints go to.
func (d Directory) Diary() string { return filepath.Join(string(d), "keeper.log") }

// Lock is the file whose lock makes the keeper the only one.
func (d Directory) Lock() string { return filepath.Join(string(d), "lock") }

// Control is the name, in the directory, of the socket that the keeper listens on.
const Control = "control"

func (d Directory) record() string { return filepath.Join(string(d), "record.json") }
func (d Directory) status() string { return filepath.Join(string(d), "status.json") }

// Read returns the record; an error that wraps fs.ErrNotExist if there is no such resource.
func (d Directory) Read() (Record, error) {
	var record Record
	return record, read(d.record(), &record)
}

// Write replaces the record, durably.
func (d Directory) Write(record Record) error {
	if err := write(d.record(), record, true); err != nil {
		return err
	}
	return Sync(string(d))
}

// ReadStatus returns the status, and false if no keeper has written one that is of use.
func (d Directory) ReadStatus() (Status, bool, error) {
	var status Status
	err := read(d.status(), &status)
	var syntax *json.SyntaxError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &syntax) { // cut short by the death of the host
		return Status{}, false, nil
	}
	return status, err == nil, err
}

// Over says that nothing is left of what the keeper kept.
func (s Status) Over() bool { return s.Phase == Failed || s.Phase == Stopped || s.Phase == Lost }

// WriteStatus replaces the status. It is worth nothing after the death of the host, and need not outlive it.
func (d Directory) WriteStatus(status Status) error { return write(d.status(), status, false) }

func read(path string, into any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// write replaces a file.
func write(path string, value any, durable bool) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return replace(path, append(content, '\n'), durable)
}

// WriteFile replaces a file by another, durably.
func WriteFile(path string, content []byte) error {
	if err := replace(path, content, true); err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}

// replace renames a new file over another.
func replace(path string, content []byte, durable bool) error {
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil && durable {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Sync makes the names in a directory durable.
func Sync(directory string) error {
	file, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
